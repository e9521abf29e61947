"""A FHIR bulk export becomes a cohort: stays, what belongs to them, nothing after them, nothing that names anybody."""

import json
import os
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from sources.fhir_resources import ndjson, small
from sources.fhir_stays import message, pack, records

from data_loaders import fhir


@pytest.fixture(scope="session")
def sample():
    """The published sample of an export, whose patients are invented."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    path = Path(os.environ.get("CLINFLU_DATA") or beside) / "fhir_smart10"
    if not path.is_dir():
        pytest.skip(f"{path} is absent; set CLINFLU_DATA to the folder that holds it")
    return path


# The published sample


def test_the_sample_holds_its_patients_and_its_stays(sample):
    found = records(sample)

    assert len(found.patients) == 13
    assert len(found.stays) == 49
    assert len(found.stays) + len(found.visits) == 1215
    assert found.labs is None
    cohort = fhir.load(sample)
    assert cohort.provenance.rows_read == 49
    assert cohort.provenance.simulated
    assert any(note.startswith(fhir.FOLLOW_UP[:-4]) for note in cohort.provenance.notes)
    assert cohort.years.loc[cohort.frame.index].between(1900, 2023).all()


def test_nothing_that_names_a_patient_of_the_sample_comes_through(sample):
    canaries = set()
    for line in (sample / "Patient.000.ndjson").read_text().splitlines():
        person = json.loads(line)
        canaries |= {one["value"] for one in person["identifier"] if one["value"] != person["id"]}
        canaries |= {word for name in person["name"] for word in (name["family"], *name["given"])}
        canaries |= {one["value"] for one in person["telecom"]}
        canaries |= {word for one in person["address"] for word in (*one["line"], one["city"])}
    assert len(canaries) > 100

    cohort = fhir.load(sample)

    shown = cohort.frame.reset_index().to_csv() + repr(cohort) + repr(cohort.provenance) + repr(cohort.findings)
    assert not [one for one in canaries if one in shown]


# Where an export lies


def _zipped(folder):
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w", zipfile.ZIP_DEFLATED) as archive:
        for path in folder.iterdir():
            archive.write(path, f"export/{path.name}")
    return folder.with_suffix(".zip")


def _mixed(folder):
    lines = [line for path in sorted(folder.iterdir(), reverse=True) for line in path.read_bytes().splitlines()]
    target = folder / "all.ndjson"
    target.write_bytes(b"\xef\xbb\xbf" + b"\r\n\r\n".join(lines))
    return target


def _split(folder):
    path = folder / "Encounter.000.ndjson"
    first, *others = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first)
    (folder / "deeper").mkdir()
    (folder / "deeper" / "Encounter.001.ndjson").write_bytes(b"".join(others))
    return folder


def _with_kinds_last(folder):
    for path in folder.iterdir():
        rows = [json.loads(line) for line in path.read_bytes().splitlines()]
        path.write_text("\n".join(json.dumps(dict(reversed(row.items()))) for row in rows))
    return folder


@pytest.mark.parametrize("arrange", [_zipped, pack, _mixed, _split, _with_kinds_last])
def test_however_the_files_lie_the_cohort_is_the_same(tmp_path, arrange):
    expected = fhir.load(ndjson(tmp_path / "plain", **small())).frame
    source = arrange(ndjson(tmp_path / "other", **small()))

    assert fhir.recognises(source)
    pd.testing.assert_frame_equal(fhir.load(source).frame, expected)


def test_other_sources_are_not_recognised(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "log.ndjson").write_text('{"eventId": "kickoff"}\nnonsense\n')
    (tmp_path / "broken.zip").write_bytes(b"PK nothing")
    (tmp_path / "packed.ndjson.gz").write_bytes(b"\x1f\x8b nothing")

    for name in ("a.csv", "log", "broken.zip", "packed.ndjson.gz", "absent"):
        assert not fhir.recognises(tmp_path / name)
    assert not fhir.recognises(tmp_path / ("x" * 5000))


def test_lines_of_no_resource_and_of_kinds_that_are_not_needed_are_passed_over(tmp_path):
    folder = ndjson(tmp_path, **small(), log=[{"eventId": "kickoff"}], Device=[b'{"resourceType":"Device", torn'])

    assert len(fhir.load(folder).frame) == 3


@pytest.mark.parametrize(
    ("kinds", "words"),
    [((), "holds no NDJSON file"), (("Patient",), "holds no Encounter"), (("Device",), "holds no Encounter")],
)
def test_without_encounters_there_is_one_clear_error(tmp_path, kinds, words):
    folder = ndjson(tmp_path, **{kind: [{"resourceType": kind, "id": "p1"}] for kind in kinds})

    assert words in message(folder)


def test_without_a_path_or_a_file_the_error_says_so(tmp_path):
    assert "--data" in message(None)
    assert "no file 'absent'" in message(tmp_path / "absent")


def test_what_an_export_lacks_is_missing_and_said(tmp_path):
    cohort = fhir.load(ndjson(tmp_path, Encounter=small()["Encounter"]))

    assert not {"age_years", "sex", "diagnoses", "procedures", "medications", "sodium_last"} & set(cohort.frame)
    assert fhir.NO_PATIENTS in cohort.provenance.notes
    assert any("no Condition, no Procedure, no MedicationRequest" in note for note in cohort.provenance.notes)
