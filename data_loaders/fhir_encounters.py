"""Encounters of a FHIR export: which are stays in hospital, which are visits, and which are part of another."""

from collections.abc import Callable
from dataclasses import dataclass
from time import time

import numpy as np
import pandas as pd

from clinflu.data.arrays import Flags, Rows
from clinflu.data.readmission import ADMISSION_TYPES
from clinflu.data.readmission import DISPOSITIONS as PLACES
from data_loaders.fhir_codes import (
    ADMISSIONS,
    CLASSES,
    EMERGENCY_ROOM,
    OBSERVED,
    PRIORITIES,
    PRIORITY_SYSTEM,
    SOURCES,
    STAY,
    meaning,
    went,
    words,
)
from data_loaders.fhir_columns import CODE, LONG, NONE, REAL, Book, Codes, Columns, times
from data_loaders.fhir_nodes import DAY_SECONDS, NO_TIME, Moment, Node
from data_loaders.hospital.ages import age_at, died_within
from data_loaders.hospital.records import EMERGENCY_VISIT, OUTPATIENT_VISIT, in_form
from data_loaders.hospital.words import DIED, admission_type, disposition, is_planned, plain_words

KIND = "Encounter"
LEFT_OUT = ("cancelled", "entered-in-error", "planned")
NOT_READ = "cancelled, planned or entered in error, and not read"
DEEPEST = 16
USES = {"billing": 0, "dd": 1, "": 2}
OTHER_USE = 3
AHEAD = "after today, and not taken for the end of follow-up"
NOT_A_DAY = "only a year or a month, and taken for unknown"


@dataclass(frozen=True, slots=True, eq=False)
class Stays:
    """Stays and visits, and the stay of every encounter.

    Parameters
    ----------
    stays, visits : DataFrame
        Tables of ``Records``.
    stay_of : (number of encounters named anywhere,) int
        Number of the stay to which each belongs, ``NONE`` where that is none.
    patient_of : (number of encounters named anywhere,) int
        Number of its patient, ``NONE`` where it was not read.
    ranks : DataFrame
        ``condition`` (hash of its id), ``encounter`` and ``position``: the order of diagnoses that encounters give.
    """

    stays: pd.DataFrame
    visits: pd.DataFrame
    stay_of: Rows
    patient_of: Rows
    ranks: pd.DataFrame


class Encounters:
    """Read one Encounter after another."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.types, self.sources, self.dispositions = Codes(), Codes(), Codes()
        self.rows = Columns(
            **dict.fromkeys(("encounter", "patient", "part_of", "kind", "type", "source", "disposition"), CODE),
            **dict.fromkeys(("start", "end"), LONG),
        )
        self.ranks = Columns(condition=LONG, encounter=CODE, position=REAL)

    def read(self, node: Node) -> None:
        """Add an encounter, unless it never was one."""
        if (node.text("status") or "").lower() in LEFT_OUT:
            self.book.log.notice(KIND, "status", NOT_READ)
            return
        identity = node.identity()
        patient = self.book.patient(node, KIND)
        kind = self._kind(node)
        period = node.node("period")
        start, end = (self._time(period, name) for name in ("start", "end"))
        if patient == NONE or kind is None:
            return
        number = self.book.encounters.of(identity)
        part_of = self.book.encounter(node, "partOf")
        asked = self._asked(node) if kind == STAY else (NONE, NONE, NONE)
        self.rows.add(number, patient, part_of, kind, *asked, start, end)
        self._rank(node, number)

    def _kind(self, node: Node) -> int | None:
        codings = node.codings("class", plain=True)
        found = next((CLASSES[one.code.lower()] for one in codings if one.code.lower() in CLASSES), None)
        if found is None:
            self.book.log.notice(KIND, "class", "neither a stay nor a visit that is known, and not read")
        return found

    def _time(self, period: Node, name: str) -> int:
        found: Moment | None = self.book.clock(period.moment(name))
        if found is None or found.is_exact:
            return found.seconds if found else NO_TIME
        self.book.log.notice(KIND, f"period.{name}", NOT_A_DAY)
        return NO_TIME

    def _asked(self, node: Node) -> tuple[int, int, int]:
        """Return the numbers of the type of an admission, its source and the disposition."""
        around = node.node("hospitalization" if "hospitalization" in node.fields else "admission")
        came = around.codings("admitSource")
        source = meaning(came, SOURCES) or words(came)
        return (
            self.types.of(_type_meant(node)),
            self.sources.of(source),
            self.dispositions.of(went(around.codings("dischargeDisposition"))),
        )

    def _rank(self, node: Node, number: int) -> None:
        """Keep the order of the diagnoses, as it was billed if that is told."""
        ranked = []
        for one in node.nodes("diagnosis"):
            rank = one.number("rank")
            role = next((coding.code.lower() for coding in one.codings("use") if coding.code), "")
            ranked.append((USES.get(role, OTHER_USE), rank, _conditions(one)))
        best = min((use for use, rank, _ in ranked if rank is not None), default=OTHER_USE)
        for use, rank, conditions in ranked:
            position = rank if rank is not None and use == best else float("nan")
            for condition in conditions:
                self.ranks.add(hash(condition), number, position)

    def assemble(self, patients: pd.DataFrame) -> Stays:
        """Return the stays and visits.

        Parameters
        ----------
        patients : DataFrame
            As :meth:`data_loaders.fhir_patients.Patients.table` returns them.
        """
        rows = self.book.one_of_each(self.rows.frame(), "encounter", KIND)
        parents = _Parents(rows, len(self.book.encounters))
        self.book.log.notice(KIND, "partOf", "part of itself, and taken for one that stands alone", parents.loops)
        is_stay = rows["kind"].to_numpy() == STAY
        owner = parents.outermost(is_stay)
        own = is_stay & (owner == np.arange(len(rows)))
        number = rows["encounter"].to_numpy()
        stay_of = np.full(len(self.book.encounters), NONE)
        stay_of[number] = np.where(is_stay[owner], number[owner], NONE)
        patient_of = np.full(len(self.book.encounters), NONE)
        patient_of[number] = rows["patient"]
        stays = self._stays(rows[own].reset_index(drop=True), patients, self._last(rows["start"], own))
        visits = self._visits(rows[_is_visit(rows, parents.of)].reset_index(drop=True))
        return Stays(stays, visits, stay_of, patient_of, self.ranks.frame())

    def _stays(self, rows: pd.DataFrame, patients: pd.DataFrame, last: int) -> pd.DataFrame:
        admitted, discharged = times(rows["start"]), times(rows["end"])
        birth, death = (patients[name].reindex(rows["patient"]).reset_index(drop=True) for name in ("birth", "death"))
        impossible = death.dt.normalize() < admitted.dt.normalize()
        self.book.log.notice(KIND, "period.start", "admitted after death; the death is not read", int(impossible.sum()))
        death = death.mask(impossible)
        said = self.dispositions.texts(rows["disposition"])
        went = _in_words(said, (DIED, *PLACES), disposition)
        strange = int((said.notna() & went.isna()).sum())
        self.book.log.notice(KIND, "hospitalization.dischargeDisposition", "not known, and taken for missing", strange)
        kind = _in_words(self.types.texts(rows["type"]), ADMISSION_TYPES, admission_type)
        values = {
            "encounter_id": self.book.encounters.texts(rows["encounter"]),
            "patient_id": self.book.patients.texts(rows["patient"]),
            "admission_type": kind,
            "admission_source": plain_words(self.sources.texts(rows["source"])),
            "disposition": went.mask(went == DIED),
            "admitted": admitted,
            "discharged": discharged,
            "died_at": death,
            "followed_until": times(pd.Series(last, rows.index)),
            "died": went.eq(DIED) | (died_within(death, admitted, discharged) & discharged.notna()),
            "planned": is_planned(kind),
            "age_years": age_at(birth, admitted),
        }
        return in_form("stays", values)

    def _last(self, starts: pd.Series, own: Flags) -> int:
        """Return when the last encounter began; one after today is none unless most stays are, as with shifted dates.

        Parameters
        ----------
        starts : Series of int
            Of all encounters.
        own : (number of encounters,) bool
            Which of them are stays.
        """
        tomorrow = int(time()) + DAY_SECONDS  # a ward's clock may be ahead of UTC
        ahead = starts > tomorrow
        if own.any() and ahead[own].mean() > 0.5:
            return int(starts.max())
        self.book.log.notice(KIND, "period.start", AHEAD, int(ahead.sum()))
        return int(starts[~ahead].max()) if not ahead.all() else NO_TIME

    def _visits(self, rows: pd.DataFrame) -> pd.DataFrame:
        kinds = np.where(rows["kind"] == EMERGENCY_ROOM, EMERGENCY_VISIT, OUTPATIENT_VISIT)
        patients = self.book.patients.texts(rows["patient"])
        return in_form("visits", {"patient_id": patients, "at": times(rows["start"]), "kind": pd.Series(kinds)})

    @property
    def has_observed(self) -> bool:
        """Whether there was a stay under observation."""
        return bool((self.rows.frame()["kind"] == OBSERVED).any())


class _Parents:
    """Which encounter each is part of, by row; one that is absent, or of another patient, is none."""

    def __init__(self, rows: pd.DataFrame, count: int) -> None:
        row_of = np.full(count + 1, NONE)  # the last stands for NONE
        row_of[rows["encounter"]] = np.arange(len(rows))
        self.of = row_of[rows["part_of"].to_numpy()]
        patient = rows["patient"].to_numpy()
        self.of[(self.of != NONE) & (patient[self.of] != patient)] = NONE
        top = np.arange(len(rows))
        for _ in range(DEEPEST):
            top = np.where(top == NONE, NONE, self.of[top])
        self.of[top != NONE] = NONE
        self.loops = int((top != NONE).sum())

    def outermost(self, chosen: Flags) -> Rows:
        """Return the row of the outermost among those chosen that each is part of, or else its own."""
        owner = np.arange(len(self.of))
        up = self.of.copy()
        for _ in range(DEEPEST):
            reached = up != NONE
            owner = np.where(reached & chosen[up], up, owner)
            up = np.where(reached, self.of[up], NONE)
        return owner


def _is_visit(rows: pd.DataFrame, parents: Rows) -> Flags:
    """Return which rows are visits of their own: parts of others are not, but for an emergency that led to a stay."""
    kind, part = rows["kind"].to_numpy(), parents != NONE
    emergency = kind == EMERGENCY_ROOM
    return np.asarray((kind != STAY) & (~part | (emergency & (kind[parents] != EMERGENCY_ROOM))))


def _conditions(diagnosis: Node) -> list[str]:
    """Return the ids of the conditions of a diagnosis: one in R4, several in R5."""
    if isinstance(diagnosis.fields.get("condition"), list):
        found = [one.reference("reference", "Condition") for one in diagnosis.nodes("condition")]
    else:
        found = [diagnosis.reference("condition", "Condition")]
    return [one for one in found if one is not None]


def _type_meant(node: Node) -> str | None:
    """Return the code or the words for how urgent an admission was."""
    priority = node.codings("priority")
    ordered = [one for one in priority if PRIORITY_SYSTEM in one.system or not one.system]
    of_it = node.codings("type")
    found = meaning(ordered, PRIORITIES) or meaning(of_it, ADMISSIONS)
    return found or " ".join(one.words for one in (*priority, *of_it) if one.words) or None


def _in_words(texts: pd.Series, known: tuple[str, ...], read: Callable[[pd.Series], pd.Series]) -> pd.Series:
    """Return texts that are known as they are, and of the others what they mean in words."""
    return texts.where(texts.isin(known), read(texts))
