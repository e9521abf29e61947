"""The certified bound and the attack that matches it, over the share of poisoned rows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from clinflu.analysis.certified.campaign import MATCHING, Campaign, run_campaigns
from clinflu.analysis.certified.game import Damage, Game
from clinflu.analysis.certified.losses import MarginLoss
from clinflu.analysis.certified.plan import BoundPlan
from clinflu.analysis.certified.target import Target
from clinflu.errors import DataError

NONE = "none"


@dataclass(frozen=True)
class BoundAtShare:
    """The bound and the attacks, at one share of poison.

    Parameters
    ----------
    share : float
        As asked for.
    poisoned_rows : int
        k, the whole rows that the share allows.
    bound : float
        No k rows that pass the defence make the mean loss of the clean training rows that pass higher than this.
    attack : Damage
        After the attack that comes with the bound: of its online runs, the one of the highest clean loss.
    rivals : mapping
        By name, the learner after other attacks.
    strongest : (str, Damage)
        Of all attacks with so many rows or fewer, the one of the highest clean loss: what is known to be possible.
    reached : float
        The highest mean loss of clean and poisoned rows that an attack forced on the learner, less what its fit may lie
        above its minimum: no bound of this kind can be lower.
    regret : float
        By theory the bound lies at most this far above what an attack of fractional rows reaches; 0 without poison.
    """

    share: float
    poisoned_rows: int
    bound: float
    attack: Damage
    rivals: Mapping[str, Damage]
    strongest: tuple[str, Damage]
    reached: float
    regret: float

    @property
    def looseness(self) -> float:
        """The bound over the clean loss of the strongest attack known; 1 is tight."""
        known = self.strongest[1].clean_loss
        return self.bound / known if known > 0.0 else np.inf


@dataclass(frozen=True, repr=False)
class CertifiedCurve:
    """The bound over the share of poison, for one target and one loss.

    Parameters
    ----------
    game : Game
    clean : Damage
        The learner without an attack.
    points : tuple of BoundAtShare
        By rising share.
    """

    game: Game = field(compare=False)
    clean: Damage
    points: tuple[BoundAtShare, ...]

    def __repr__(self) -> str:
        return f"Certified bound of {self.game!r}; shares {', '.join(f'{one.share:.0%}' for one in self.points)}"

    def at(self, share: float) -> BoundAtShare:
        """Return the entry of a share.

        Raises
        ------
        DataError
            It was not computed.
        """
        found = [one for one in self.points if one.share == share]
        if not found:
            raise DataError(f"no bound at a share of {share}; there are {', '.join(str(p.share) for p in self.points)}")
        return found[0]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a share; losses in the unit of the loss, errors and shares in percent."""
        return pd.DataFrame(
            {
                "data": self.game.target.name,
                "loss": self.game.loss.name,
                "poisoned_percent": 100.0 * one.share,
                "poisoned_rows": one.poisoned_rows,
                "certified_bound": one.bound,
                "attack_of_the_bound": one.attack.clean_loss,
                "strongest_attack": one.strongest[1].clean_loss,
                "strongest_attack_is": one.strongest[0],
                "bound_over_strongest": one.looseness,
                "least_possible_bound": one.reached,
                "test_loss_under_strongest": one.strongest[1].test_loss,
                "test_error_percent_under_strongest": 100.0 * one.strongest[1].test_error,
                "regret_limit": one.regret,
                "fit_gap": one.strongest[1].fit.gap,
            }
            for one in self.points
        )

    def attacks(self, share: float) -> pd.DataFrame:
        """Return one row an attack at a share, no attack first.

        Raises
        ------
        DataError
            The share was not computed.
        """
        point = self.at(share)
        damages = {NONE: self.clean, MATCHING: point.attack, **point.rivals}
        return pd.DataFrame(
            {
                "attack": name,
                "clean_loss_under_attack": damage.clean_loss,
                "certified_bound": point.bound,
                "test_loss_under_attack": damage.test_loss,
                "test_error_percent_under_attack": 100.0 * damage.test_error,
            }
            for name, damage in damages.items()
        )


def certified_curve(target: Target, loss: MarginLoss, plan: BoundPlan) -> CertifiedCurve:
    """Bound the damage of poison at each share, and attack.

    All coefficients that any run comes across are tried at every share, so that the bound never falls as shares rise.

    Parameters
    ----------
    target : Target
    loss : MarginLoss
    plan : BoundPlan

    Raises
    ------
    DataError
        The defence cannot be learned.
    FitError
        The learner cannot be fitted.
    """
    game = Game.behind_defence(target, loss, plan.radius, plan.quantile)
    campaigns = run_campaigns(game, plan)
    pool = [game.clean_fit.theta, *(theta for campaign in campaigns for theta in campaign.thetas)]
    parts = np.array([game.parts(theta) for theta in pool])
    clean = game.at_best(game.judged(game.clean_fit), game.no_attack, pool[int(parts[:, 0].argmin())])
    points: list[BoundAtShare] = []
    strongest = (NONE, clean)
    for share, campaign in zip(plan.shares, campaigns, strict=True):
        bounds = parts[:, 0] + campaign.rows / game.n * parts[:, 1]
        lowest = int(bounds.argmin())
        settled = campaign.settled(game, pool[lowest])
        strongest = max([strongest, *settled.named], key=_clean_loss_of_named)
        points.append(_at_share(share, float(bounds[lowest]), settled, clean, strongest))
    return CertifiedCurve(game, clean, tuple(points))


def _at_share(
    share: float, bound: float, campaign: Campaign, clean: Damage, strongest: tuple[str, Damage]
) -> BoundAtShare:
    matching = max([one.damage for one in campaign.matching], key=_clean_loss, default=clean)
    reached = max(one.fit.objective - one.fit.gap for one in (clean, *(damage for _, damage in campaign.named)))
    rivals = {name: one.damage for name, one in campaign.rivals.items()}
    return BoundAtShare(share, campaign.rows, bound, matching, rivals, strongest, reached, campaign.regret)


def curves_frame(curves: Iterable[CertifiedCurve]) -> pd.DataFrame:
    """Return the tables of several curves, one under the other."""
    return pd.concat([curve.to_frame() for curve in curves], ignore_index=True)


def _clean_loss(damage: Damage) -> float:
    return damage.clean_loss


def _clean_loss_of_named(named: tuple[str, Damage]) -> float:
    return named[1].clean_loss
