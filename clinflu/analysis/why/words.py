"""What was found about a group, in plain words."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isnan
from typing import Literal

from clinflu.analysis.what_if.everyone import ALIKE, direction
from clinflu.analysis.why.consequence import Measured
from clinflu.analysis.why.excess import Excess
from clinflu.analysis.why.members import WhyOptions
from clinflu.analysis.why.remedies import Remedy
from clinflu.analysis.why.training_groups import TrainingGroup, TrainingGroups
from clinflu.analysis.why.variables import Carried

Finding = Literal["confirmed", "not confirmed", "unexplained", "not worse"]
RARE_BY_CHANCE = 0.05
CONFIRMED: Finding = "confirmed"
NOT_CONFIRMED: Finding = "not confirmed"
UNEXPLAINED: Finding = "unexplained"
NOT_WORSE: Finding = "not worse"


@dataclass(frozen=True, slots=True)
class Found:
    """What the refits say, of which training group, and whether of the level of the risks rather than of the loss."""

    kind: Finding
    group: TrainingGroup | None = None
    by_level: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Told:
    """The finding and the sentences that say it."""

    finding: Finding
    words: str


def fails(excess: Excess) -> bool:
    """Return whether the group is predicted worse than others, or at a wrong level, beyond chance."""
    return (excess.total > 0 and excess.p_total < RARE_BY_CHANCE) or excess.p_level < RARE_BY_CHANCE


def finding(excess: Excess, groups: TrainingGroups) -> Found:
    """Return what the refits say.

    ``"confirmed"``: without a training group the mean loss falls, with an interval below 0, or a level that is wrong
    beyond chance comes nearer to what happened as the mean risk moves beyond chance; and so it is of the first such
    group on the encounters left aside, which chose nothing. ``"not confirmed"``: only on the encounters judged, where
    the best of many was chosen. ``"unexplained"``: neither. ``"not worse"``: there is nothing to explain.
    """
    by_loss = [one for one in groups.harmful if _falls(one.refit.group)]
    by_level = [one for one in groups.harmful if excess.p_level < RARE_BY_CHANCE and _levels(one.refit.group)]
    sure_loss = [one for one in by_loss[:1] if _falls(one.refit.check)]
    sure_level = [one for one in by_level[:1] if _levels(one.refit.check)]
    if sure_loss or sure_level:
        return Found(CONFIRMED, (sure_loss or sure_level)[0], by_level=not sure_loss)
    if not fails(excess):
        return Found(NOT_WORSE)
    if by_loss or by_level:
        return Found(NOT_CONFIRMED, (by_loss or by_level)[0], by_level=not by_loss)
    return Found(UNEXPLAINED, groups.harmful[0] if groups.harmful else None)


def _falls(measured: Measured) -> bool:
    """Return whether the interval of the change of the mean loss lies below 0."""
    return measured["log_loss"].high < 0


def _levels(measured: Measured) -> bool:
    """Return whether a change brings the mean risk nearer to what happened, and moves it beyond chance."""
    moved = measured["mean_risk"]
    return _nearer(measured) and (moved.high < 0 or moved.low > 0)


def _nearer(measured: Measured) -> bool:
    """Return whether the event rate and the mean risk are less far apart after a change."""
    o_e, mean = measured["o_e"], measured["mean_risk"]
    return abs(o_e.after - 1.0) * mean.after < abs(o_e.before - 1.0) * mean.before


def told(label: str, options: WhyOptions, excess: Excess, support: str, groups: TrainingGroups, gap: Carried) -> Told:
    """Return what was found about a group, in plain words."""
    found = finding(excess, groups)
    said = [*_loss(label, excess), _apart(gap), support, *_found(found, excess, groups, options)]
    return Told(found.kind, " ".join(said))


def helped(remedies: tuple[Remedy, ...]) -> str:
    """Say which way to train lowers the group's mean loss beyond chance, on the encounters left aside too."""
    tried = [one for one in remedies if one.kind not in ("harmful_left_out", "recalibrated")]  # no interval of these
    falling = [one for one in tried if _falls(one.consequence.group)]
    best = min(falling, key=lambda one: one.consequence.loss_change, default=None)
    if best is None or not _falls(best.consequence.check):
        return "Nothing tried with its own training encounters lowers its loss beyond chance." if tried else ""
    loss, check, rest = (getattr(best.consequence, side)["log_loss"].change for side in ("group", "check", "rest"))
    return (
        f"What would help: {best.label[0].lower()}{best.label[1:]}. Refitted, its mean loss changes by {_signed(loss)} "
        f"nats ({_signed(check)} on those set aside, which were not used to choose it), that of all others by "
        f"{_signed(rest)}."
    )


def _loss(label: str, excess: Excess) -> Iterator[str]:
    change = _signed(excess.total)
    yield f"{label}: mean loss {excess.group:.3f} against {excess.rest:.3f} of all others ({change} nats)."
    if excess.p_level < RARE_BY_CHANCE:
        level = "high" if excess.o_e < 1 else "low"
        yield f"Its risks are too {level} on the whole (O:E {excess.o_e:.2f}), more than chance explains."


def _apart(gap: Carried) -> str:
    """Say which variable sets the group's risks apart most."""
    most = gap.parts[0]
    return (
        f"Its mean log-odds differ from those of all others by {_signed(gap.total, 2)}, most through {most.label} "
        f"({_signed(most.value, 2)})."
    )


def _found(found: Found, excess: Excess, groups: TrainingGroups, options: WhyOptions) -> Iterator[str]:
    one = found.group
    if found.kind == NOT_WORSE:
        yield "It is not predicted worse than others beyond chance."
        return
    if one is None:
        yield "No training group explains this: leaving out none of them would lower its loss."
    elif found.kind == UNEXPLAINED:
        yield f"No training group explains this. Of {groups.searched:,}, leaving out {one.name} would help most."
        yield f"{_refit(one)}: a change of the loss that may be chance."
    else:
        what = (
            "Its level rests on the training group"
            if found.by_level
            else "Beyond chance it is helped by leaving out the training group"
        )
        yield f"{what} {one.name}. {_refit(one)}."
        yield _checked(found, one, options)
    if found.kind != CONFIRMED:
        yield rest_of_it(excess)


def _refit(one: TrainingGroup) -> str:
    loss, others = one.refit.group["log_loss"], one.refit.rest["log_loss"]
    levels = one.refit.group["o_e"]
    rest = "hardly changes" if direction(others.change) == ALIKE else f"changes by {_signed(others.change)}"
    return (
        f"A refit without its {one.size.encounters:,} encounters changes the group's mean loss by "
        f"{_signed(loss.change)} nats ({_signed(loss.low)} to {_signed(loss.high)}) and "
        f"O:E from {levels.before:.2f} to {levels.after:.2f}; the mean loss of all others {rest}"
    )


def _checked(found: Found, one: TrainingGroup, options: WhyOptions) -> str:
    aside = "confirming" if options.part == "audited" else "audited"
    loss, o_e = one.refit.check["log_loss"], one.refit.check["o_e"]
    says = "say the same" if found.kind == CONFIRMED else "do not confirm it"
    shown = f"mean loss {_signed(loss.change)} nats ({_signed(loss.low)} to {_signed(loss.high)})"
    if found.by_level:
        shown = f"O:E from {o_e.before:.2f} to {o_e.after:.2f}"
    return f"Its {aside} encounters, which were not used to choose it, {says}: {shown}."


def rest_of_it(excess: Excess) -> str:
    """Say what else there is to the loss of a group that no training group explains."""
    if excess.total > 0 and excess.difficulty >= excess.total / 2:
        return (
            f"Most of the difference in loss ({_signed(excess.difficulty)} of {_signed(excess.total)} nats) is not the "
            "level of its risks: its patients are harder to predict for this model."
        )
    return "What sets it apart may be something that is not recorded."


def _signed(value: float, digits: int = 4) -> str:
    return "unknown" if isnan(value) else f"{value:+.{digits}f}".replace("-", "−")
