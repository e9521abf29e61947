"""Which records belong to which episode, and which came before it; nothing recorded after a discharge ever does."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clinflu.data.arrays import Flags, Rows

NONE = -1
TIME_BITS = 35  # a moment in seconds since 1600, for a thousand years
START = np.datetime64("1600-01-01", "s")
DAY_SECONDS = 86_400
YEAR_SECONDS = 365 * DAY_SECONDS
END_OF_DAY = np.timedelta64(DAY_SECONDS - 1, "s")
Times = NDArray[np.datetime64]
Keys = NDArray[np.int64]


class Timeline:
    """Episodes in order of time, in which records are looked up.

    Parameters
    ----------
    episodes : DataFrame
        ``patient_id``, ``admitted`` and ``discharged``, index ``encounter_id``; by patient, then by time. Episodes of a
        patient do not overlap.
    members : Series
        The episode of every stay that is part of one, by id of the stay.
    stays : DataFrame
        ``patient_id`` and ``discharged`` of every stay, by id; also of those that are part of no episode.
    """

    def __init__(self, episodes: pd.DataFrame, members: pd.Series, stays: pd.DataFrame) -> None:
        self.patients = pd.Index(episodes["patient_id"].unique())
        self.ended = episodes["discharged"].to_numpy("datetime64[s]")
        self.starts = self.keys(episodes["patient_id"], episodes["admitted"].to_numpy("datetime64[s]"))
        self.ends = self.keys(episodes["patient_id"], self.ended)
        self._stays = stays.index
        self._stay_ends = np.append(
            stays["discharged"].to_numpy("datetime64[s]"), np.datetime64("NaT")
        )  # last: no stay
        self._stay_patients = np.append(self.patients.get_indexer(stays["patient_id"]), NONE)
        rows = pd.Series(episodes.index.get_indexer(members), index=members.index).reindex(self._stays, fill_value=NONE)
        self._row_of_stay = np.append(rows.to_numpy(np.int64), NONE)

    def keys(self, patients: pd.Series, times: Times) -> Keys:
        """Return numbers that sort by patient and then by time; ``NONE`` without an episode, or without a time."""
        codes = self.patients.get_indexer(patients).astype(np.int64)
        seconds = (times - START).astype(np.int64)
        return np.where((codes == NONE) | np.isnat(times), NONE, (codes << TIME_BITS) + seconds)

    def within(self, events: pd.DataFrame) -> Rows:
        """Return the row of the episode to which each event belongs, ``NONE`` where there is none, (m,).

        An event belongs to the episode of the stay that it names or, where it names none of its patient, to the one
        of its patient that was under way. It belongs to none if it was recorded after the discharge. A discharge of
        which only the date is known lasts to the end of that day for what names the stay.

        Parameters
        ----------
        events : DataFrame
            ``patient_id``, ``encounter_id`` and ``at``; ids and times may be missing.
        """
        stay = self._stay(events)
        times = _moments(events, stay)
        under_way = self._under_way(self.keys(events["patient_id"], times))
        row = np.where(stay == NONE, under_way, self._row_of_stay[stay])
        ended = self.ended[row]
        late = times > np.where((stay != NONE) & _is_date(ended), ended + END_OF_DAY, ended)  # a missing time never is
        return np.where(late, NONE, row)

    def coded_at(self, diagnoses: pd.DataFrame) -> Times:
        """Return from when on each diagnosis counts: one of a stay from its end, or later if it was recorded later."""
        stay = self._stay(diagnoses)
        times, ends = _moments(diagnoses, stay), self._stay_ends[stay]
        known: Times = np.where(np.isnat(ends) | (times > ends), times, ends)
        return known

    def shortly_before(self, keys: Keys) -> Flags:
        """Return whether one of these moments lies in an episode or in the year before it, for each episode."""
        known = np.sort(keys[keys != NONE])
        if not len(known):
            return np.zeros(len(self.ends), dtype=bool)
        place = np.searchsorted(known, self.ends, side="right") - 1
        flags: Flags = (place >= 0) & (known[np.maximum(place, 0)] >= self.starts - YEAR_SECONDS)
        return flags

    def count_before(self, keys: Keys, days: int, gap_days: int = 0) -> Rows:
        """Return how many of these moments lie in the days before each episode, but for the last ``gap_days``."""
        known = np.sort(keys[keys != NONE])
        first, last = (
            np.searchsorted(known, self.starts - days * DAY_SECONDS, side="left") for days in (days, gap_days)
        )
        return np.asarray(last - first)

    def strangers(self, events: pd.DataFrame) -> int:
        """Return how many events name a stay of another patient."""
        stay = self._stays.get_indexer(events["encounter_id"])
        return int(((stay != NONE) & (self._stay(events) == NONE)).sum())

    def _stay(self, events: pd.DataFrame) -> Rows:
        """Return the place of the stay that each event names, if it is one of its patient."""
        stay = self._stays.get_indexer(events["encounter_id"])
        patient = self.patients.get_indexer(events["patient_id"])
        return np.where(self._stay_patients[stay] == patient, stay, NONE)

    def _under_way(self, keys: Keys) -> Rows:
        place = np.searchsorted(self.starts, keys, side="right") - 1
        under_way = (place >= 0) & (keys <= self.ends[np.maximum(place, 0)])
        return np.where(under_way, place, NONE)


def _moments(events: pd.DataFrame, stay: Rows) -> Times:
    """Return when each event was; a date alone is taken for the end of that day, unless it names a stay."""
    times = events["at"].to_numpy("datetime64[s]")
    date_alone = _is_date(times) & (stay == NONE)
    known: Times = np.where(date_alone, times + END_OF_DAY, times)
    return known


def _is_date(times: Times) -> Flags:
    dates: Flags = times == times.astype("datetime64[D]")
    return dates
