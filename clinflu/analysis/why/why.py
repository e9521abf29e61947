"""Why the model fails a group: what training knows of it, who harms or helps it, what carries it, what would help."""

from collections.abc import Sequence
from dataclasses import dataclass

from clinflu.analysis.groupings import Grouping
from clinflu.analysis.why.consequence import INTERVAL, before
from clinflu.analysis.why.effects import Effects
from clinflu.analysis.why.excess import Excess, excess
from clinflu.analysis.why.members import Members, Sides, WhyOptions
from clinflu.analysis.why.patients import TrainingPatients, most_harmful, training_patients
from clinflu.analysis.why.remedies import Remedy, remedies
from clinflu.analysis.why.removals import Removals
from clinflu.analysis.why.support import TrainingSupport, training_support
from clinflu.analysis.why.training_groups import TrainingGroups, training_groups
from clinflu.analysis.why.variables import Carried, gap, harm
from clinflu.analysis.why.words import Finding, helped, told
from clinflu.progress import Progress, silent
from clinflu.study import Study

STAGES = 3
STEPS = 100


@dataclass(frozen=True)
class Why:
    """Why the model fails a group, or does not.

    Parameters
    ----------
    label : str
        The group, as a person sees it.
    options : WhyOptions
    encounters, events, check_encounters : int
        Judged, and how many of them had the event; of the part left aside.
    measures : dict of float
        Of the group, by name, under the model as it is.
    excess : Excess
    support : TrainingSupport
    groups : TrainingGroups
    patients : TrainingPatients
    gap : Carried
        Which variables set the group's mean log-odds apart from that of all others.
    harm_of_patients : Carried, optional
        Which variables, recorded in the most harmful patients, carry what leaving them out does to the mean loss.
    harm_of_group : Carried, optional
        The same of the most harmful training group.
    remedies : tuple of Remedy
    finding : str
        See :func:`clinflu.analysis.why.words.finding`.
    words : str
        What was found, in plain words.
    interval_method : str
    """

    label: str
    options: WhyOptions
    encounters: int
    events: int
    check_encounters: int
    measures: dict[str, float]
    excess: Excess
    support: TrainingSupport
    groups: TrainingGroups
    patients: TrainingPatients
    gap: Carried
    harm_of_patients: Carried | None
    harm_of_group: Carried | None
    remedies: tuple[Remedy, ...]
    finding: Finding
    words: str
    interval_method: str

    def __repr__(self) -> str:
        return f"Why: {self.words}"


def why(
    study: Study,
    group: Members,
    *,
    by: tuple[Grouping, ...],
    options: WhyOptions | None = None,
    progress: Progress = silent,
) -> Why:
    """Say why the model fails a group of encounters, or that nothing in training explains it.

    Parameters
    ----------
    study : Study
    group : Members
    by : tuple of Grouping
        Their levels are the training groups that may harm or help it.
    options : WhyOptions, optional
    progress : Progress

    Raises
    ------
    DataError
        The group has no encounter to be judged on, or holds all of them.
    TrustError
        The fit is such that influence means nothing.
    """
    return whys(study, (group,), by=by, options=options, progress=progress)[0]


def whys(
    study: Study,
    groups: Sequence[Members],
    *,
    by: tuple[Grouping, ...],
    options: WhyOptions | None = None,
    progress: Progress = silent,
) -> tuple[Why, ...]:
    """Return :func:`why` of several groups; what does not depend on the group is computed once."""
    study.require_trust()
    every = [Sides.of(study, group, options or WhyOptions()) for group in groups]
    removals = Removals.of(study, by)
    found = []
    for place, (group, sides) in enumerate(zip(groups, every, strict=True)):
        found.append(_why(group.label, sides, removals, _stages(progress, place, len(groups))))
    progress(len(groups) * STAGES * STEPS, len(groups) * STAGES * STEPS)
    return tuple(found)


def _why(label: str, sides: Sides, removals: Removals, stages: list[Progress]) -> Why:
    effects, difference = Effects.of(sides), excess(sides)
    groups = training_groups(sides, effects, removals, stages[0])
    patients = training_patients(sides, effects, difference.total, stages[1])
    worst = groups.harmful[0] if groups.harmful else None
    others = next((one for one in groups.harmful if not one.is_own), None)
    support = training_support(sides, effects)
    apart = gap(sides)
    said = told(label, sides.options, difference, support.words, groups, apart)
    tried = remedies(sides, others, stages[2])
    return Why(
        label=label,
        options=sides.options,
        encounters=len(sides.group),
        events=int(sides.study.design.y[sides.group].sum()),
        check_encounters=len(sides.check),
        measures=before(sides, sides.group),
        excess=difference,
        support=support,
        groups=groups,
        patients=patients,
        gap=apart,
        harm_of_patients=_harm_of_patients(sides, effects),
        harm_of_group=harm(sides, effects, worst.rows) if worst else None,
        remedies=tried,
        finding=said.finding,
        words=f"{said.words} {helped(tried)}".strip(),
        interval_method=INTERVAL,
    )


def _harm_of_patients(sides: Sides, effects: Effects) -> Carried | None:
    rows = most_harmful(effects, max(sides.options.together, default=0))
    return harm(sides, effects, rows) if len(rows) else None


def _stages(progress: Progress, place: int, groups: int) -> list[Progress]:
    """Return the progress of each stage of one group, as parts of all groups."""

    def stage(first: int) -> Progress:
        def tell(done: int, total: int) -> None:
            progress(first * STEPS + (STEPS * done) // max(total, 1), groups * STAGES * STEPS)

        return tell

    return [stage(place * STAGES + one) for one in range(STAGES)]
