"""Unit stays of eICU: which are intensive care, which are at risk of a return to it, and which ended in one."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from clinflu.data import Exclusion, Finding
from clinflu.data.arrays import Rows
from data_loaders.eicu_codes import DIED, INTENSIVE, LEFT_HOSPITAL, STEPDOWN, STILL_INTENSIVE

START = pd.Timestamp("2000-01-01")
MOST_MINUTES = 10 * 366 * 1440
TRANSFER_MINUTES, GAP_MINUTES = 24 * 60, 60
DEFINITION = (
    "Readmission to intensive care within the same hospital stay, whenever in it.",
    "Unit stays that eICU calls stepdown/other are no intensive care: neither index stays nor readmissions.",
    (
        "Stays in intensive care that begin within 24 hours after one that ended in another ICU or in the operating "
        "room, or within 1 hour after any, are one stay."
    ),
    "A death on the ward without a return to intensive care is no event.",
    (
        "Left out, since they could not return or it would not be seen: who died in the unit, who left the hospital "
        "straight from it, and who moved to an ICU that the source does not record."
    ),
)


@dataclass(frozen=True, eq=False)
class AtRisk:
    """Stays in intensive care at risk of a return to it, and what became of the others.

    Parameters
    ----------
    frame : DataFrame
        A row a stay, index ``encounter_id`` of its last unit stay, in order of hospital stay and time: the columns of
        the source for that unit stay, ``start`` and ``end`` in minutes since the admission to the hospital,
        ``first_stay`` (id), ``episodes_before`` (in the hospital stay) and ``readmitted``, 0 or 1.
    members : Series
        The row of every unit stay that is part of one, by id of the unit stay.
    exclusions : tuple of Exclusion
        In the order in which they were applied.
    findings : tuple of Finding
        What contradicts itself.
    """

    frame: pd.DataFrame
    members: pd.Series
    exclusions: tuple[Exclusion, ...]
    findings: tuple[Finding, ...]


def at_risk(units: pd.DataFrame) -> AtRisk:
    """Return the stays in intensive care at risk of a return to it, each with its label.

    Parameters
    ----------
    units : DataFrame
        A row a unit stay: ``encounter_id``, ``hospital_stay``, ``visit``, ``kind``, ``went``, ``status``, and ``start``
        and ``end`` in minutes since the admission to the hospital.
    """
    exclusions = []
    kept = units
    for reason, out in (
        ("discharged before admission, or after ten years", ~_is_possible(units)),
        ("stepdown or other, no intensive care", _words(units["kind"]).eq(STEPDOWN)),
    ):
        flags = out[kept.index].astype(bool)
        exclusions.append(Exclusion(reason, int(flags.sum())))
        kept = kept[~flags]
    kept = kept.sort_values(["hospital_stay", "start", "visit", "encounter_id"], ignore_index=True)
    findings = tuple(_findings(kept))
    number = _number(kept)
    merged = _merged(kept, number)
    whose = pd.Series(merged["encounter_id"].to_numpy()[number - 1], index=kept["encounter_id"])
    exclusions.append(Exclusion("part of a longer stay in intensive care", len(kept) - len(merged)))
    for reason, out in _left_out(merged):
        flags = out[merged.index].astype(bool)
        exclusions.append(Exclusion(reason, int(flags.sum())))
        merged = merged[~flags]
    frame = merged.set_index("encounter_id")
    return AtRisk(frame, whose[whose.isin(frame.index)], tuple(one for one in exclusions if one.rows), findings)


def clock(minutes: pd.Series) -> pd.Series:
    """Return minutes since the admission to the hospital as times; missing where they are not possible."""
    possible = minutes.where(minutes.abs() <= MOST_MINUTES)
    seconds = (possible * 60).round().to_numpy(dtype=float, na_value=np.nan)
    return pd.Series(START + pd.to_timedelta(seconds, unit="s"), index=minutes.index).astype("datetime64[us]")


def _is_possible(units: pd.DataFrame) -> pd.Series:
    far = units[["start", "end"]].abs().max(axis=1) > MOST_MINUTES
    return (units["end"] >= units["start"]) & ~far


def _words(values: pd.Series) -> pd.Series:
    return values.str.strip().str.casefold().fillna("")


def _number(units: pd.DataFrame) -> Rows:
    """Return the number of the stay in intensive care to which each unit stay belongs, from 1; units are in order."""
    of_stay = units.groupby("hospital_stay", sort=False)
    latest = of_stay["end"].cummax()
    before = latest.groupby(units["hospital_stay"], sort=False).shift()
    still = _words(units["went"]).str.contains(STILL_INTENSIVE).groupby(units["hospital_stay"], sort=False).shift()
    allowed = np.where(still.eq(True).fillna(False), TRANSFER_MINUTES, GAP_MINUTES)  # noqa: FBT003
    number: Rows = (before.isna() | (units["start"] - before > allowed)).cumsum().to_numpy(dtype=np.intp)
    return number


def _merged(units: pd.DataFrame, number: Rows) -> pd.DataFrame:
    """Return a row a stay: how its first unit stay began, and how the last one ended."""
    groups = units.groupby(number, sort=True)
    first, last = (getattr(groups, which)(1).reset_index(drop=True) for which in ("head", "tail"))
    merged = last.assign(
        first_stay=first["encounter_id"],
        came=first["came"],
        start=first["start"],
        end=groups["end"].max().to_numpy(),
        died=_died(units).groupby(number).any().to_numpy(),
    )
    of_stay = merged.groupby("hospital_stay", sort=False)
    returned = of_stay["start"].shift(-1).notna()
    return merged.assign(episodes_before=of_stay.cumcount(), readmitted=returned.astype("int8"))


def _died(units: pd.DataFrame) -> pd.Series:
    return _words(units["status"]).isin(DIED) | _words(units["went"]).isin(DIED)


def _left_out(stays: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    went = _words(stays["went"])
    yield "died in the unit", stays["died"]
    yield "left the hospital straight from the unit", went.str.contains(LEFT_HOSPITAL)
    yield "moved to an ICU that is not recorded", went.str.contains(INTENSIVE)


def _findings(units: pd.DataFrame) -> Iterator[Finding]:
    before = units.groupby("hospital_stay", sort=False)["visit"].shift()
    wrong = int((units["visit"] <= before).sum())
    if wrong:
        what = "the number of the unit stay contradicts its time, which is believed"
        yield Finding("patient", "unitvisitnumber", what, wrong)
