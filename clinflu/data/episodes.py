"""From recorded stays to episodes at risk of a readmission, each with its label, and a count of all left out."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from clinflu.data.arrays import Rows
from clinflu.data.cohort import Exclusion
from clinflu.data.readmission import NO_READMISSIONS, OTHER_HOSPITAL, ReadmissionSpec

HOUR, DAY = pd.Timedelta(hours=1), pd.Timedelta(days=1)
DAYS_OF_A_YEAR, DAY_SECONDS = 365, 86_400
KEPT = (
    *("patient_id", "first_stay", "admitted", "discharged", "stays", "age_years", "admission_type", "disposition"),
    *("episodes_before", "days_to_next", "readmitted"),
)
COLUMNS = (
    *("encounter_id", "patient_id", "admitted", "discharged", "age_years", "admission_type", "disposition", "died"),
    *("planned", "died_at", "followed_until"),
)
NOT_SAID = {
    "planned": "The source does not say which stays were planned, so every next stay counts.",
    "died_at": "The source does not say who died after discharge, so such deaths are taken for no event.",
    "disposition": "The source does not say where patients went, so nobody is left out for it.",
    "admission_type": "The source does not record the type of admission.",
}


@dataclass(frozen=True, eq=False)
class Episodes:
    """Episodes at risk, and what became of the other stays.

    Parameters
    ----------
    frame : DataFrame
        A row an episode, index ``encounter_id`` of its last stay: ``patient_id``, ``first_stay`` (id), ``admitted``,
        ``discharged``, ``stays`` (how many were put together), ``age_years`` and ``admission_type`` of the first stay,
        ``disposition`` of the last, ``episodes_before`` (of the patient, ended in the year before admission),
        ``days_to_next`` (NaN where there is no next stay) and ``readmitted``, 0 or 1.
    members : Series
        The episode of every stay that is part of one in ``frame``, by id of the stay.
    exclusions : tuple of Exclusion
        In the order in which they were applied; a stay that is part of an episode is counted first.
    notes : tuple of str
        What the source does not say of what the definition asks, and what was taken for granted.
    """

    frame: pd.DataFrame
    members: pd.Series
    exclusions: tuple[Exclusion, ...]
    notes: tuple[str, ...]


def episodes(stays: pd.DataFrame, spec: ReadmissionSpec) -> Episodes:
    """Return the episodes at risk of a readmission, each with its label.

    Parameters
    ----------
    stays : DataFrame
        A row a stay in hospital, columns ``COLUMNS``: ids are text; ``admitted``, ``discharged``, ``died_at`` and
        ``followed_until`` times without a zone, NaT where they are not known; ``age_years`` at admission;
        ``admission_type`` and ``disposition`` as in :mod:`clinflu.data.readmission`, or missing; ``died`` whether the
        stay ended so; ``planned`` whether it was, missing where that is not known.
    spec : ReadmissionSpec
    """
    known = stays.sort_values(["patient_id", "admitted", "discharged", "encounter_id"], ignore_index=True)
    episode = _episode(known, spec)
    kept = _labelled(_merged(known, episode), spec)
    whose = pd.Series(kept["encounter_id"].to_numpy()[episode.to_numpy() - 1], index=known["encounter_id"])
    exclusions = [Exclusion("part of a longer episode: a transfer or an overlapping stay", len(stays) - len(kept))]
    for reason, flags in _left_out(kept, spec):
        out = flags[kept.index]
        exclusions.append(Exclusion(reason, int(out.sum())))
        kept = kept[~out]
    frame = kept.set_index("encounter_id")[list(KEPT)]
    return Episodes(frame, whose[whose.isin(frame.index)], tuple(exclusions), tuple(_notes(stays, spec)))


def count_before(patients: Rows, times: pd.Series, at_patients: Rows, at: pd.Series, days: int) -> Rows:
    """Return how many times of the same patient lie in the days before each moment, the moment itself not.

    Parameters
    ----------
    patients, at_patients : (m,), (n,) int
        Codes of the patients of the times, and of the moments.
    times, at : Series of datetime, (m,), (n,)
        None is missing.
    days : int

    Returns
    -------
    (n,) int
    """
    first = min([times.min(), at.min() - days * DAY]) if len(times) else at.min()
    seconds, moments = ((one - first) // pd.Timedelta(seconds=1) for one in (times, at))
    span = int(max(seconds.max() if len(seconds) else 0, moments.max())) + 2
    keys = np.sort(np.asarray(patients, dtype=np.int64) * span + seconds.to_numpy(dtype=np.int64))
    own = np.asarray(at_patients, dtype=np.int64) * span
    ends = [moments.to_numpy(dtype=np.int64), moments.to_numpy(dtype=np.int64) - days * DAY_SECONDS]
    last, start = (np.searchsorted(keys, own + np.maximum(one, 0), side="left") for one in ends)
    return np.asarray(last - start)


def _merged(stays: pd.DataFrame, episode: pd.Series) -> pd.DataFrame:
    """Return one row an episode: how its first stay began, and how the one that ends last ended."""
    ends = pd.DataFrame({"episode": episode, "end": stays["discharged"].fillna(stays["admitted"])})
    last = ends.sort_values(["episode", "end"], kind="stable").groupby("episode", sort=False).tail(1).index
    merged = stays.groupby(episode, sort=False).head(1).reset_index(drop=True)
    merged = merged.rename(columns={"encounter_id": "first_stay"})
    for name in ("encounter_id", "discharged", "disposition", "followed_until", "died_at"):
        merged[name] = stays.loc[last, name].to_numpy()
    merged["died"] = stays["died"].groupby(episode, sort=False).any().to_numpy()
    ended = merged["discharged"].fillna(merged["admitted"])
    codes = pd.factorize(merged["patient_id"])[0]
    before = count_before(codes, ended, codes, merged["admitted"], DAYS_OF_A_YEAR)
    return merged.assign(stays=stays.groupby(episode, sort=False).size().to_numpy(), episodes_before=before)


def _episode(stays: pd.DataFrame, spec: ReadmissionSpec) -> pd.Series:
    """Return the number of the episode of each stay; stays come by patient and admission."""
    patients = stays["patient_id"]
    ends = stays["discharged"].fillna(stays["admitted"])  # one without an end overlaps nothing after it
    latest = ends.groupby(patients, sort=False).cummax()
    went = stays["disposition"].astype(object).fillna("").where(ends == latest).groupby(patients, sort=False).ffill()
    before, went_before = (one.groupby(patients, sort=False).shift() for one in (latest, went))
    hours = np.where(went_before == OTHER_HOSPITAL, max(spec.transfer_hours, spec.gap_hours), spec.gap_hours)
    return (before.isna() | (stays["admitted"] - before > hours * HOUR)).cumsum()


def _labelled(merged: pd.DataFrame, spec: ReadmissionSpec) -> pd.DataFrame:
    """Return the episodes with what came after each: the next stay, a death, the end of follow-up."""
    after = _next(merged)
    days = _days(merged["discharged"], after["admitted"], spec)
    returned = days <= spec.window_days
    counts = returned & (spec.planned_count | ~after["planned"].eq(True).fillna(False))  # noqa: FBT003
    dead = ~returned & _days(merged["discharged"], merged["died_at"], spec).between(0, spec.window_days)
    followed = _days(merged["discharged"], merged["followed_until"], spec) >= spec.window_days
    unknown = merged["followed_until"].isna() & (spec.unknown_follow_up == "complete")
    event = counts | (dead & (spec.after_death == "event"))
    return merged.assign(
        days_to_next=days,
        readmitted=event.astype("int8"),
        dead_after=dead,
        followed=days.notna() | dead | followed | unknown,
    )


def _next(merged: pd.DataFrame) -> pd.DataFrame:
    """Return ``admitted`` and ``planned`` of the next stay of the patient that could be a readmission."""
    patients = merged["patient_id"]
    places = pd.Series(range(len(merged)), index=merged.index, dtype="float64")
    places = places.mask(merged["admission_type"].isin(NO_READMISSIONS)).groupby(patients, sort=False).bfill()
    places = places.groupby(patients, sort=False).shift(-1)
    return merged.reset_index(drop=True)[["admitted", "planned"]].reindex(places).set_axis(merged.index)


def _days(start: pd.Series, end: pd.Series, spec: ReadmissionSpec) -> pd.Series:
    """Return the days between, NaN where one is not known."""
    if spec.calendar_days:
        start, end = start.dt.normalize(), end.dt.normalize()
    return (end - start) / DAY


def _left_out(merged: pd.DataFrame, spec: ReadmissionSpec) -> Iterator[tuple[str, pd.Series]]:
    """Give each reason to leave episodes out, and of which it holds."""
    yield "no discharge is recorded", merged["discharged"].isna()
    yield "died in hospital", merged["died"].astype(bool)
    for one in spec.leave_out:
        yield f"discharged: {one}", merged["disposition"].eq(one).fillna(False)  # noqa: FBT003
    if spec.min_age_years is not None:
        yield "age is not known", merged["age_years"].isna()
        yield f"under {spec.min_age_years:g} years", merged["age_years"] < spec.min_age_years
    if spec.admission_types is not None:
        yield f"not {' or '.join(spec.admission_types)}", ~merged["admission_type"].isin(spec.admission_types)
    for one in spec.leave_out_types:
        yield f"a stay in {one}", merged["admission_type"].eq(one).fillna(False)  # noqa: FBT003
    if spec.after_death == "excluded":
        yield "died within the window without a readmission", merged["dead_after"]
    yield "not followed for the whole window", ~merged["followed"]


def _notes(stays: pd.DataFrame, spec: ReadmissionSpec) -> Iterator[str]:
    """Say what the source leaves open."""
    asked = {
        "planned": not spec.planned_count,
        "died_at": True,
        "disposition": bool(spec.leave_out),
        "admission_type": spec.admission_types is not None,
    }
    yield from (note for name, note in NOT_SAID.items() if asked[name] and stays[name].isna().all())
    if stays["followed_until"].isna().any():
        what = "is taken to be complete" if spec.unknown_follow_up == "complete" else "leaves the stay out"
        share = "no" if stays["followed_until"].isna().all() else "not every"
        yield f"Until when a patient was followed is known of {share} stay; where it is not, follow-up {what}."
