"""All that the user has chosen, as one value: equal screens look the same."""

from dataclasses import dataclass

from clinflu.verdicts import Verdict

NOTHING = ""
PATIENT, PAST_PATIENTS, WHAT_IF = 1, 2, 3
REMOVE, RELABEL, EDIT = "remove", "relabel", "edit"
WORST, HIGHEST, LOWEST, YOUNGEST, OLDEST, BY_NAME = "worst", "highest", "lowest", "youngest", "oldest", "name"
CHILDREN, OLD, MISSED, ALARM, LOW = "children", "old", "missed", "alarm", "low"
CHIPS = {CHILDREN: "Children", OLD: "65 and over", MISSED: "Missed", ALARM: "False alarm", LOW: "Low support"}
EXCLUSIVE = ((CHILDREN, OLD), (MISSED, ALARM))  # nobody is both
SORTS = {
    WORST: "Worst first",
    HIGHEST: "Highest risk first",
    LOWEST: "Lowest risk first",
    YOUNGEST: "Youngest first",
    OLDEST: "Oldest first",
    BY_NAME: "By pseudonym",
}
LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class Ask:
    """A what-if question.

    Parameters
    ----------
    action : str
        ``"remove"``, ``"relabel"`` or ``"edit"``.
    encounters : tuple of str
        Past encounters that were ticked, or the one to be edited.
    group : tuple of str
        Recorded variable and level of a whole group to be removed; empty where no group is meant.
    fewest : bool
        The fewest past patients that change the decision, to be searched.
    variable, value : str
        Of an edit: what is recorded otherwise, and how; an empty value is one that was not recorded.
    """

    action: str
    encounters: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    fewest: bool = False
    variable: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Screen:
    """What is chosen.

    Parameters
    ----------
    threshold : float
        Risk from which the model alerts, a share of 1.
    chips : tuple of str
        Which encounters are listed: those for which all of these hold.
    search, sort : str
        Text that the listed ones hold, and their order.
    page : int
        Of the list, from 0.
    encounter_id : str
        The prediction that is explained; empty while none is chosen.
    step : int
        How far the explanation is open: the patient, the past patients, the what-if.
    ticked : tuple of str
        Past encounters that are ticked.
    by : str
        The recorded variable by whose levels past patients are grouped.
    action : str
        What is to be done to the ticked ones.
    group : tuple of str
        Variable and level that stand in the box of groups.
    variable, value : str
        What stands in the boxes of an edit.
    asked : Ask, optional
        The what-if question that is answered.
    altered_for : str
        The prediction of which it was asked how much one altered past record could change it; empty for none.
    verdicts : tuple of Verdict
        All that the user said.
    author : str
        Who says it.
    section : str
        Of what is found about the model as a whole, which part an analyst looks at; empty for none.
    queue_open : bool
        Whether the chart-review queue is open.
    queue_place : int
        How many undecided records of it are passed over.
    queue_note : str
        What is to go with the next verdict there.
    said_by_others : tuple of Verdict
        What other sessions said of past records, as the log was read last.
    """

    threshold: float
    chips: tuple[str, ...] = ()
    search: str = ""
    sort: str = WORST
    page: int = 0
    encounter_id: str = NOTHING
    step: int = 0
    ticked: tuple[str, ...] = ()
    by: str = ""
    action: str = REMOVE
    group: tuple[str, ...] = ()
    variable: str = ""
    value: str = ""
    asked: Ask | None = None
    altered_for: str = NOTHING
    verdicts: tuple[Verdict, ...] = ()
    author: str = ""
    section: str = ""
    queue_open: bool = False
    queue_place: int = 0
    queue_note: str = ""
    said_by_others: tuple[Verdict, ...] = ()


def one_line(text: str) -> str:
    """Return a name as the page takes it: on one line, without control characters, cut where it is long."""
    return " ".join("".join(one if one.isprintable() else " " for one in str(text)).split())[:LONGEST_NAME]
