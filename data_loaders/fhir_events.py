"""What was recorded of patients in a FHIR export: diagnoses, procedures, medications and laboratory tests."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from data_loaders.fhir_codes import LOINC, SNOMED, diagnosis_system
from data_loaders.fhir_columns import CODE, COPIES, LONG, NONE, REAL, Book, Codes, Columns, times
from data_loaders.fhir_encounters import Stays
from data_loaders.fhir_nodes import NO_TIME, Coding, Moment, Node, id_in
from data_loaders.hospital.laboratory import by_loinc, in_our_units
from data_loaders.hospital.records import in_form

SHARED = {"identity": LONG, "patient": CODE, "encounter": CODE, "at": LONG}
OTHERS = "names an encounter of another patient, and is looked up by its time"
LABORATORY = "108252007"  # SNOMED CT: laboratory procedure
CONTAINED = "#"
NO_NAME = 0


class _Event(NamedTuple):
    """What every resource tells; without a time it is known by its encounter alone."""

    identity: int
    patient: int
    encounter: int
    at: int


class _Events:
    """Read one resource of a kind after another.

    ``LEFT_OUT`` holds the statuses of what never was, ``TIMES`` where the time stands, the best place first.
    """

    KIND = ""
    STATUS = "status"
    LEFT_OUT: tuple[str, ...] = ()
    TIMES: tuple[str, ...] = ()

    def __init__(self, book: Book, **kinds: str) -> None:
        self.book = book
        self.is_there = False
        self.rows = Columns(**SHARED, **kinds)

    def read(self, node: Node) -> None:
        """Add what a resource tells."""
        self.is_there = True
        if any(one.code.lower() in self.LEFT_OUT for one in node.codings(self.STATUS, plain=True)):
            self.notice(self.STATUS, f"{', '.join(self.LEFT_OUT)}: not read")
        else:
            self.add(node)

    def add(self, node: Node) -> None:
        """Add a resource that stands."""
        raise NotImplementedError

    def table(self, stays: Stays) -> pd.DataFrame:
        """Return what was read, in the form of its table of ``Records``."""
        raise NotImplementedError

    def notice(self, column: str, what: str, rows: int = 1) -> None:
        """Count resources that are read in part or not at all."""
        self.book.log.notice(self.KIND, column, what, rows)

    def event(self, node: Node) -> _Event:
        """Return what every resource tells."""
        identity = node.identity()
        return _Event(
            hash(identity), self.book.patient(node, self.KIND), self.book.encounter(node), self._time(node, self.TIMES)
        )

    def _time(self, node: Node, names: Sequence[str]) -> int:
        """Return the first time that is given, a month or year alone being its end, so that nothing seems early."""
        for name in names:
            part, _, inner = name.rpartition(".")
            found: Moment | None = self.book.clock((node.node(part) if part else node).moment(inner))
            if found is not None:
                return found.latest
        return NO_TIME

    def distinct(self) -> pd.DataFrame:
        """Return the rows of patients, those of resources that came twice once."""
        rows = self.rows.frame()
        rows = rows[rows["patient"] != NONE]
        kept = rows.drop_duplicates(ignore_index=True)
        self.notice("id", COPIES, len(rows) - len(kept))
        return kept

    def placed(self, rows: pd.DataFrame, stays: Stays) -> dict[str, pd.Series]:
        """Return the columns that every table has: patient, stay and time."""
        patient, encounter = rows["patient"].to_numpy(), rows["encounter"].to_numpy()
        owner = stays.patient_of[encounter] if len(stays.patient_of) else np.full(len(rows), NONE)
        foreign = (encounter != NONE) & (owner != NONE) & (owner != patient)
        self.notice("encounter", OTHERS, int(foreign.sum()))
        stay = np.where((encounter != NONE) & (owner == patient), _at(stays.stay_of, encounter), NONE)
        return {
            "patient_id": self.book.patients.texts(patient),
            "encounter_id": self.book.encounters.texts(stay),
            "at": times(rows["at"]).reset_index(drop=True),
        }


class Conditions(_Events):
    """Diagnoses: of each Condition one code, of ICD where it has one."""

    KIND = "Condition"
    STATUS = "verificationStatus"
    LEFT_OUT = ("entered-in-error", "refuted")
    TIMES = ("recordedDate", "onsetDateTime", "onsetPeriod.start")

    def __init__(self, book: Book) -> None:
        super().__init__(book, code=CODE, system=CODE)
        self.codes, self.systems = Codes(), Codes()

    def add(self, node: Node) -> None:
        """Add a diagnosis."""
        event = self.event(node)
        code, system = _diagnosis(node.codings("code"))
        if code is None:
            self.notice("code", "no code of ICD or SNOMED CT, and not read")
            return
        if "recordedDate" not in node.fields:
            self.notice("recordedDate", "missing; its onset stands for it, and may be earlier")
        self.rows.add(*event, self.codes.of(code), self.systems.of(system))

    def table(self, stays: Stays) -> pd.DataFrame:
        """Return the diagnoses; one that several encounters list is one of each.

        The order within a part of a stay is not that of the stay.
        """
        rows = self.distinct().assign(position=np.nan)
        listed = rows.drop(columns=["encounter", "position"])
        listed = listed.merge(stays.ranks, left_on="identity", right_on="condition").drop(columns="condition")
        if len(listed):
            is_part = stays.stay_of[listed["encounter"]] != listed["encounter"]
            rows = pd.concat([listed.assign(position=listed["position"].mask(is_part)), rows])
        rows = rows.sort_values("position", kind="stable").drop_duplicates(["identity", "encounter"], ignore_index=True)
        told = {"code": self.codes.texts(rows["code"]), "system": self.systems.texts(rows["system"])}
        return in_form("diagnoses", {**self.placed(rows, stays), **told, "position": rows["position"]})


class Procedures(_Events):
    """Procedures other than laboratory tests."""

    KIND = "Procedure"
    LEFT_OUT = ("entered-in-error", "not-done", "preparation", "on-hold", "stopped", "unknown")
    TIMES = ("performedDateTime", "performedPeriod.start", "occurrenceDateTime", "occurrencePeriod.start")

    def add(self, node: Node) -> None:
        """Add a procedure."""
        if any(one.code == LABORATORY for one in node.codings("category")):
            self.notice("category", "a laboratory test, and no procedure")
        else:
            self.rows.add(*self.event(node))

    def table(self, stays: Stays) -> pd.DataFrame:
        """Return the procedures."""
        return in_form("procedures", self.placed(self.distinct(), stays))


class Medications(_Events):
    """What was prescribed, by name."""

    KIND = "MedicationRequest"
    LEFT_OUT = ("entered-in-error", "cancelled")
    TIMES = ("authoredOn",)

    def __init__(self, book: Book) -> None:
        super().__init__(book, name=CODE, elsewhere=LONG)
        self.names = Codes()
        self._named: dict[int, int] = {}

    def read_medication(self, node: Node) -> None:
        """Keep the name of a Medication, to which requests refer."""
        name = _medication_name(node, "code")
        if name is not None:
            self._named[hash(node.identity())] = self.names.of(name)

    def add(self, node: Node) -> None:
        """Add an order, unless it is one not to give something."""
        if node.is_true("doNotPerform"):
            self.notice("doNotPerform", "an order not to give something, and not read")
            return
        event = self.event(node)
        name, elsewhere = _ordered(node)
        self.rows.add(*event, self.names.of(name), hash(elsewhere) if elsewhere else NO_NAME)

    def table(self, stays: Stays) -> pd.DataFrame:
        """Return the orders that name what was ordered."""
        rows = self.distinct()
        found = rows["elsewhere"].map(self._named).fillna(NONE).astype(int) if self._named else NONE
        rows = rows.assign(name=rows["name"].where(rows["name"] != NONE, found))
        nameless = rows["name"] == NONE
        self.notice("medication", "no name, and not read", int(nameless.sum()))
        rows = rows[~nameless].reset_index(drop=True)
        return in_form("medications", {**self.placed(rows, stays), "name": self.names.texts(rows["name"])})


class Labs(_Events):
    """Laboratory tests of the analytes that are used, by LOINC."""

    KIND = "Observation"
    LEFT_OUT = ("entered-in-error", "cancelled")
    TIMES = ("effectiveDateTime", "effectivePeriod.start", "effectiveInstant")

    def __init__(self, book: Book) -> None:
        super().__init__(book, analyte=CODE, value=REAL, unit=CODE)
        self.analytes, self.units = Codes(), Codes()
        self._by_loinc = by_loinc()

    def add(self, node: Node) -> None:
        """Add the values of an observation and of its components."""
        event: _Event | None = None
        for part in (node, *node.nodes("component")):
            analyte = self._analyte(part)
            if analyte is None:
                continue
            event = event or self.event(node)
            measured = part.node("valueQuantity")
            value = measured.number("value")
            if value is None:
                continue
            if measured.text("comparator"):
                self.notice("valueQuantity.comparator", "such as <; taken for the value itself")
            unit = measured.text("code") or measured.text("unit")
            self.rows.add(*event, self.analytes.of(analyte), value, self.units.of(unit))

    def _analyte(self, part: Node) -> str | None:
        if "code" not in part.fields:
            return None
        codes = (one.code for one in part.codings("code") if one.system in LOINC)
        return next((self._by_loinc[code] for code in codes if code in self._by_loinc), None)

    def table(self, stays: Stays) -> pd.DataFrame:
        """Return the values in our units."""
        rows = self.distinct()
        analytes, units = self.analytes.texts(rows["analyte"]), self.units.texts(rows["unit"])
        values = in_our_units(analytes, rows["value"], units)
        self.notice("valueQuantity.code", "a unit that is not known, and not read", int(values.isna().sum()))
        columns = {**self.placed(rows, stays), "analyte": analytes, "value": values}
        return in_form("labs", columns)[values.notna()].reset_index(drop=True)


def _at(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    return values[places] if len(values) else np.full(len(places), NONE)


def _diagnosis(codings: list[Coding]) -> tuple[str | None, str | None]:
    """Return the first code of ICD, or else of SNOMED CT, and its system."""
    found = [(one.code, diagnosis_system(one.system)) for one in codings if one.code and one.system]
    known = [one for one in found if one[1] is not None]
    return next((one for one in known if one[1] != SNOMED), known[0] if known else (None, None))


def _medication_name(node: Node, name: str) -> str | None:
    """Return the words for a medication, those for the whole before those for a code."""
    codings = node.codings(name)
    return next((one.words for one in reversed(codings) if one.words and not one.code), None) or next(
        (one.words for one in codings if one.words), None
    )


def _ordered(node: Node) -> tuple[str | None, str | None]:
    """Return the name of what is ordered, or else the id of the Medication that has it."""
    if "medication" in node.fields:  # since R5
        holder, concept, pointer = node.node("medication"), "concept", "reference"
    else:
        holder, concept, pointer = node, "medicationCodeableConcept", "medicationReference"
    reference = holder.node(pointer)
    target = reference.text("reference") or ""
    inside = (one for one in node.nodes("contained") if f"{CONTAINED}{one.text('id')}" == target)
    name = _medication_name(holder, concept) or next((_medication_name(one, "code") for one in inside), None)
    return name or reference.text("display"), id_in(target, "Medication")
