"""What the variables and the scores of each episode are made of; each part is worked out once."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from clinflu.data.arrays import Rows, Vector
from data_loaders.hospital.comorbidities import comorbidity_flags
from data_loaders.hospital.records import Records
from data_loaders.hospital.timing import NONE, Timeline


@dataclass(frozen=True, eq=False)
class Material:
    """Records and the episodes that they belong to.

    Parameters
    ----------
    records : Records
    episodes : DataFrame
        As :func:`clinflu.data.episodes.episodes` returns them, by patient, then by time.
    timeline : Timeline
        Of these episodes.
    """

    records: Records
    episodes: pd.DataFrame
    timeline: Timeline

    @cached_property
    def diagnosis_rows(self) -> Rows:
        """The row of the episode of each diagnosis."""
        return self._rows(self.records.diagnoses)

    @cached_property
    def procedures(self) -> Vector:
        """How many procedures there were in each episode."""
        return self.tally(self._rows(self.records.procedures))

    @cached_property
    def medication_rows(self) -> Rows:
        """The row of the episode of each medication."""
        return self._rows(self.records.medications)

    @cached_property
    def comorbidities(self) -> pd.DataFrame:
        """Which comorbidities were coded during each episode or in the year before it, a column a comorbidity."""
        diagnoses = self.records.diagnoses
        if diagnoses is None:
            return pd.DataFrame(index=self.episodes.index)
        keys = self.timeline.keys(diagnoses["patient_id"], self.timeline.coded_at(diagnoses))
        flags = comorbidity_flags(diagnoses["code"], diagnoses["system"])
        found = {name: self.timeline.shortly_before(keys[flags[name].to_numpy()]) for name in flags}
        return pd.DataFrame(found, index=self.episodes.index)

    @cached_property
    def laboratory(self) -> dict[tuple[str, str], Vector]:
        """The last, lowest and highest value of each analyte in each episode, by ``("last", "sodium")`` and so on.

        NaN where it was not measured. Of several values of the same moment the largest is the last.
        """
        labs = self.records.labs
        if labs is None:
            return {}
        known = labs.assign(row=self._rows(labs))
        known = known[(known["row"] != NONE) & known["value"].notna() & known["at"].notna()]
        return dict(self._extremes(known))

    def visits_before(self, kind: str, days: int) -> Vector:
        """Return the visits of a kind in the days before each episode, but for the last 24 hours."""
        visits = self.records.visits
        if visits is None:
            return np.zeros(len(self.episodes))
        chosen = visits[visits["kind"] == kind]
        keys = self.timeline.keys(chosen["patient_id"], chosen["at"].to_numpy("datetime64[s]"))
        return self.timeline.count_before(keys, days, gap_days=1).astype(float)

    def tally(self, rows: Rows) -> Vector:
        """Return how many of these rows are each episode's."""
        return np.bincount(rows[rows != NONE], minlength=len(self.episodes)).astype(float)

    def distinct(self, rows: Rows, values: pd.Series) -> Vector:
        """Return how many different values each episode has."""
        codes = pd.factorize(values)[0].astype(np.int64)
        known = (rows != NONE) & (codes != NONE)
        pairs = np.unique(rows[known].astype(np.int64) * (codes.max(initial=0) + 1) + codes[known])
        return self.tally(pairs // (codes.max(initial=0) + 1))

    def _rows(self, events: pd.DataFrame | None) -> Rows:
        return np.zeros(0, dtype=np.intp) if events is None else self.timeline.within(events)

    def _extremes(self, known: pd.DataFrame) -> Iterator[tuple[tuple[str, str], Vector]]:
        for analyte, rows in known.groupby("analyte"):
            values = rows.sort_values(["row", "at", "value"]).groupby("row")["value"]
            for which, found in (("last", values.last()), ("lowest", values.min()), ("highest", values.max())):
                column = np.full(len(self.episodes), np.nan)
                column[found.index] = found
                yield (which, str(analyte)), column
