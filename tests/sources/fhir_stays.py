"""Stays of a few FHIR resources, as the loader reads them, and what it says of them."""

import gzip

import pytest
from sources.fhir_resources import encounter, ndjson, patient

from clinflu.errors import LoaderError
from data_loaders import fhir

LATER = encounter("later", "2024-01-01", "2024-01-01", code="AMB")  # until then everybody is followed
AFTER_E1 = "2020-01-06T10:00:00-05:00"


def records(folder):
    return fhir.read_records(folder)


def stays(tmp_path, *encounters, **more):
    """The stays of encounters, by id."""
    folder = ndjson(tmp_path / "stays", Patient=[patient()], Encounter=encounters, **more)
    return records(folder).stays.set_index("encounter_id")


def only(tmp_path, *encounters, **more):
    """The one stay of encounters."""
    found = stays(tmp_path, *encounters, **more)
    assert len(found) == 1
    return found.iloc[0]


def stay(**more):
    return encounter("e1", "2020-01-01T10:00:00Z", "2020-01-05T10:00:00Z", **more)


def message(folder):
    with pytest.raises(LoaderError) as caught:
        fhir.load(folder)
    return str(caught.value)


def noticed(cohort):
    return {(one.table, one.column): one.rows for one in cohort.findings}


def us_core_race(*races, text=None):
    parts = [{"url": "ombCategory", "valueCoding": one} for one in races]
    parts += [{"url": "text", "valueString": text}] if text else []
    return [{"url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race", "extension": parts}]


def pack(folder):
    """Pack every file by gzip, each on its own."""
    for path in list(folder.iterdir()):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    return folder
