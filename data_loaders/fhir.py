"""A FHIR bulk export: NDJSON of Patient, Encounter, Condition, Procedure, MedicationRequest and Observation.

Files may be plain or packed with gzip, in a folder or a zip, several to a kind of resource or mixed. R4 is meant; what
R5 and the releases before R4 write otherwise of encounters is read too. Whatever names a patient is never read.

Stays are encounters of the class ``IMP``, ``ACUTE`` or ``NONAC``. One that is part of another stay is none of its own,
and what is recorded of it belongs to the outermost stay. A stay under observation (``OBSENC``) is a visit, as it is for
CMS: neither an index stay nor a readmission. ``hospitalization.reAdmission`` is never read, since it tells the outcome.

Times are read as the ward's clock shows them, without their offset from UTC, and a date alone is midnight. A month or a
year alone is no time of a stay; for what was recorded it is its last second, so that nothing seems known too early.

References
----------
HL7 FHIR R4, https://hl7.org/fhir/R4; FHIR Bulk Data Access, https://hl7.org/fhir/uv/bulkdata.
"""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from clinflu.data import Cohort, ReadmissionSpec
from clinflu.errors import LoaderError
from data_loaders.fhir_columns import Book
from data_loaders.fhir_encounters import Encounters
from data_loaders.fhir_events import Conditions, Labs, Medications, Procedures
from data_loaders.fhir_lines import Export, files, holds_resources
from data_loaders.fhir_nodes import Log
from data_loaders.fhir_patients import Patients, of_the_form
from data_loaders.hospital import Origin, Records, hospital_cohort
from data_loaders.tables.members import Member, sha256_of
from data_loaders.tables.source import Source, require_path

NAME = "fhir"
FOLLOW_UP = "Follow-up is taken to end with the last encounter of the export, in {}."
NO_FOLLOW_UP = "No encounter of the export tells when it began, so the end of follow-up is not known."
CLOCK = "Times are read as they are written, on the ward's clock, without their offset from UTC."
UTC_ALONE = "All times are in UTC, so days end at its midnight and not at that of the ward."
BOTH_CLOCKS = "Some times are in UTC and others on another clock; they were compared as they are written."
NO_PATIENTS = "The export holds no Patient, so ages, sexes and deaths are not known."
SOME_PATIENTS = "Some encounters are of patients who are not in the export, so their age and sex are not known."
SHIFTED = "Most admissions lie in the future: their dates were shifted, so years are not those of the calendar."
OBSERVED = "Stays under observation are counted as outpatient visits, as CMS counts them."


def recognises(source: Source) -> bool:
    """Whether this is a file, a folder or a zip of NDJSON in which an Encounter or a Patient stands early."""
    return isinstance(source, Path) and holds_resources(source)


def load(source: Source | None, spec: ReadmissionSpec | None = None) -> Cohort:
    """Read an export into one row for each episode at risk of a readmission.

    Parameters
    ----------
    source : Path
        The folder, the zip or the file.
    spec : ReadmissionSpec, optional
        What counts as a readmission.

    Raises
    ------
    LoaderError
        Everything in any of the files that cannot be read, in one message; or there is no stay at risk.
    """
    source = require_path(source)
    if source is None:
        raise LoaderError("this loader needs an export: give --data with the folder of its NDJSON files")
    if not source.exists():
        raise LoaderError(f"there is no file {source.name!r} there; check the path")
    found = files(source)
    if not found:
        raise LoaderError(f"{source.name} holds no NDJSON file; give the folder of a FHIR bulk export")
    reading = _Reading(found)
    records = reading.records(source.name)
    return hospital_cohort(records, spec or ReadmissionSpec(), reading.origin(source.name, records, sha256_of(found)))


def read_records(source: Path) -> Records:
    """Return the records of an export before anything is made of them."""
    return _Reading(files(source)).records(source.name)


class _Reading:
    """All files of an export, read once."""

    def __init__(self, found: list[Member]) -> None:
        self.log = Log()
        book = self.book = Book(self.log)
        self.patients, self.encounters = Patients(book), Encounters(book)
        self.diagnoses, self.procedures = Conditions(book), Procedures(book)
        self.medications, self.labs = Medications(book), Labs(book)
        self.tables = {
            "diagnoses": self.diagnoses,
            "procedures": self.procedures,
            "medications": self.medications,
            "labs": self.labs,
        }
        readers = {
            "Patient": self.patients.read,
            "Encounter": self.encounters.read,
            "Medication": self.medications.read_medication,
            **{one.KIND: one.read for one in self.tables.values()},
        }
        for kind, node in Export(found, self.log, readers).resources():
            readers[kind](node)
        self.log.require_none()

    def records(self, name: str) -> Records:
        """Return what was read in the form of every source."""
        if not len(self.encounters.rows):
            raise LoaderError(
                f"{name} holds no Encounter that is a stay or a visit; export Encounter, Patient, Condition, "
                "Procedure, MedicationRequest and Observation as NDJSON, and give the folder"
            )
        patients = self.patients.table()
        stays = self.encounters.assemble(patients)
        tables = {key: one.table(stays) if one.is_there else None for key, one in self.tables.items()}
        self.log.require_none()
        return Records(of_the_form(patients), stays.stays, stays.visits, **tables)

    def origin(self, name: str, records: Records, sha256: str) -> Origin:
        """Return where the records come from, and what they leave open."""
        return Origin(
            name,
            sha256,
            NAME,
            notes=tuple(self._notes(records)),
            findings=self.log.findings(),
            true_years=not _lies_ahead(records.stays),
            simulated=len(self.patients.rows) > 0 and self.patients.are_simulated,
        )

    def _notes(self, records: Records) -> Iterator[str]:
        last = records.stays["followed_until"].max()
        yield NO_FOLLOW_UP if pd.isna(last) else FOLLOW_UP.format(last.year)
        yield CLOCK
        if True in self.book.zones:
            yield BOTH_CLOCKS if False in self.book.zones else UTC_ALONE
        if records.patients.empty:
            yield NO_PATIENTS
        elif not records.stays["patient_id"].isin(records.patients["patient_id"]).all():
            yield SOME_PATIENTS
        if self.encounters.has_observed:
            yield OBSERVED
        if _lies_ahead(records.stays):
            yield SHIFTED
        absent = [one.KIND for one in self.tables.values() if not one.is_there]
        if absent:
            yield f"The export holds no {', no '.join(absent)}."


def _lies_ahead(stays: pd.DataFrame) -> bool:
    """Whether most admissions are yet to come."""
    now = pd.Timestamp.now(tz="UTC").tz_localize(None)
    return bool((stays["admitted"] > now).mean() > 0.5)
