"""The attacks at each share of poison, and all coefficients that the learner came across on the way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from clinflu.analysis.certified.game import Attack, Damage, Game
from clinflu.analysis.certified.online import run_online
from clinflu.analysis.certified.plan import BoundPlan
from clinflu.analysis.certified.rivals import RIVALS
from clinflu.data.arrays import Vector

MATCHING = "of the bound"
ROUNDING = 1e-9


@dataclass(frozen=True)
class Tried:
    """An attack and the learner after it."""

    attack: Attack
    damage: Damage


@dataclass(frozen=True)
class Campaign:
    """The attacks at one share.

    Parameters
    ----------
    rows : int
        Of each attack.
    matching : sequence of Tried
        The attack of each online run.
    rivals : mapping
        Other attacks by name.
    thetas : sequence of (1 + d,)
        Coefficients at which the bound may be taken.
    regret : float
        The smallest average regret of the online runs; 0 without poison.
    """

    rows: int
    matching: Sequence[Tried]
    rivals: Mapping[str, Tried]
    thetas: Sequence[Vector]
    regret: float

    @property
    def named(self) -> tuple[tuple[str, Damage], ...]:
        """The learner after each attack, with the name of the attack."""
        matching = ((MATCHING, one.damage) for one in self.matching)
        return (*matching, *((name, one.damage) for name, one in self.rivals.items()))

    def settled(self, game: Game, theta: Vector) -> "Campaign":
        """Return the campaign with each learner offered these coefficients too."""
        matching = [_settled(game, one, theta) for one in self.matching]
        return replace(
            self, matching=matching, rivals={name: _settled(game, one, theta) for name, one in self.rivals.items()}
        )


def run_campaigns(game: Game, plan: BoundPlan) -> list[Campaign]:
    """Run the algorithm and every attack of a plan at each of its shares; each fit starts from the one before."""
    found: list[Campaign] = []
    start = game.clean_fit.theta
    for share in plan.shares:
        campaign = _campaign(game, plan, whole_rows(share, game.n), start)
        found.append(campaign)
        start = campaign.matching[-1].damage.fit.theta if campaign.matching else start
    return found


def whole_rows(share: float, n: int) -> int:
    """Return the whole rows that a share of n allows."""
    return int(share * n + ROUNDING)


def _campaign(game: Game, plan: BoundPlan, rows: int, start: Vector) -> Campaign:
    if rows == 0:
        return Campaign(0, [], {}, [], 0.0)
    runs = [run_online(game, rows / game.n, plan.steps, size) for size in plan.step_sizes]
    matching = [_tried(game, run.attack(rows), start) for run in runs]
    rivals = {name: _tried(game, RIVALS[name](game, rows, plan.seed), start) for name in plan.rivals}
    thetas = [theta for run in runs for theta in run.thetas]
    thetas += [one.damage.fit.theta for one in (*matching, *rivals.values())]
    return Campaign(rows, matching, rivals, thetas, min(run.average_regret for run in runs))


def _tried(game: Game, attack: Attack, start: Vector) -> Tried:
    return Tried(attack, game.damage(attack, start))


def _settled(game: Game, tried: Tried, theta: Vector) -> Tried:
    return replace(tried, damage=game.at_best(tried.damage, tried.attack, theta))
