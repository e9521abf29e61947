"""Rows kept in few bytes while an export is read: numbers, and texts as the numbers of their spelling."""

import re
from array import array
from typing import Any

import numpy as np
import pandas as pd

from data_loaders.fhir_nodes import Log, Moment, Node, id_in

NONE = -1
CODE, LONG, REAL = "i", "q", "d"
OTHER_SUBJECT = "of a group, a place or a device, and not read"
OTHER_KIND = re.compile(r"^(?:[^?]*/)?(?:Group|Device|Location|Practitioner|Organization|Medication|Substance)/[^/?]+$")
COPIES = "the same resource again, and read once"
ALSO_PATIENT = "patient"  # as it was called before R4


class Codes:
    """Distinct texts, numbered in the order in which they come."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._known)

    def of(self, text: str | None) -> int:
        """Return the number of a text, ``NONE`` for none."""
        return NONE if text is None else self._known.setdefault(text, len(self._known))

    def texts(self, codes: Any) -> pd.Series:
        """Return the texts of numbers, missing for ``NONE``."""
        levels = pd.array(list(self._known), dtype="str")
        return pd.Series(levels.take(np.asarray(codes, dtype=np.int64), allow_fill=True))


class Columns:
    """Columns of numbers that grow.

    Parameters
    ----------
    **kinds : str
        ``CODE``, ``LONG`` or ``REAL`` of each column.
    """

    def __init__(self, **kinds: str) -> None:
        self._arrays: dict[str, Any] = {name: array(kind) for name, kind in kinds.items()}
        self._appends = [one.append for one in self._arrays.values()]

    def __len__(self) -> int:
        return len(next(iter(self._arrays.values())))

    def add(self, *values: float) -> None:
        """Add a row."""
        for append, value in zip(self._appends, values, strict=True):
            append(value)

    def frame(self) -> pd.DataFrame:
        """Return the rows."""
        return pd.DataFrame({name: np.asarray(one) for name, one in self._arrays.items()})


class Book:
    """What all readers of an export share: its log, its patients and encounters by number, and its clocks."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.patients, self.encounters = Codes(), Codes()
        self.zones: set[bool] = set()

    def patient(self, node: Node, kind: str) -> int:
        """Return the number of the patient whom a resource is about, ``NONE`` where it is about none."""
        name = "subject" if "subject" in node.fields else ALSO_PATIENT
        subject = node.node(name)
        text = subject.text("reference") or ""
        found = id_in(text, "Patient")
        if found is None and OTHER_KIND.search(text):
            self.log.notice(kind, "subject", OTHER_SUBJECT)
        elif found is None:
            node.wrong("subject", "expected a reference to a Patient")
        return self.patients.of(found)

    def encounter(self, node: Node, name: str = "encounter") -> int:
        """Return the number of the encounter that a resource names, ``NONE`` where it names none."""
        return self.encounters.of(node.reference(name, "Encounter"))

    def one_of_each(self, rows: pd.DataFrame, key: str, kind: str) -> pd.DataFrame:
        """Return the rows with those left out that are there again; ids that stand for different rows are a problem."""
        distinct = rows.drop_duplicates(ignore_index=True)
        self.log.notice(kind, "id", COPIES, len(rows) - len(distinct))
        differing = int(distinct[key].duplicated().sum())
        if differing:
            what = "1 resource has" if differing == 1 else f"{differing:,} resources have"
            self.log.wrong(f"{kind}, id: {what} the id of another that differs; keep the latest version of each")
        return distinct.drop_duplicates(key, ignore_index=True)

    def clock(self, found: Moment | None) -> Moment | None:
        """Return a time as it is, and remember on which kind of clock it was."""
        if found is not None and found.zone:
            self.zones.add(found.zone == "Z")
        return found


def times(seconds: pd.Series) -> pd.Series:
    """Return seconds since 1970 as times, ``NO_TIME`` as missing."""
    return pd.Series(seconds.to_numpy(dtype=np.int64).view("datetime64[s]"), seconds.index).astype("datetime64[us]")
