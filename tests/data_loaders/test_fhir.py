"""A FHIR bulk export becomes a cohort: stays, what belongs to them, nothing after them, nothing that names anybody."""

import gzip
import json
import os
import re
import time
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from sources.fhir_resources import condition, encounter, event, medication, ndjson, observation, patient, small

from clinflu.data.readmission import (
    AGAINST_ADVICE,
    ELECTIVE,
    EMERGENCY,
    FACILITY,
    HOME,
    HOSPICE,
    OTHER_HOSPITAL,
    PSYCHIATRY,
    REHABILITATION,
)
from clinflu.errors import ClinfluError, LoaderError
from data_loaders import fhir
from data_loaders.fhir_lines import MOST_LINE_BYTES
from data_loaders.fhir_nodes import A_TIME, IN_YEARS, NO_TIME, Log, id_in, moment

LONGEST_SECONDS = 10
LATER = encounter("later", "2024-01-01", "2024-01-01", code="AMB")  # until then everybody is followed
AFTER_E1 = "2020-01-06T10:00:00-05:00"


@pytest.fixture(scope="session")
def sample():
    """The published sample of an export, whose patients are invented."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    path = Path(os.environ.get("CLINFLU_DATA") or beside) / "fhir_smart10"
    if not path.is_dir():
        pytest.skip(f"{path} is absent; set CLINFLU_DATA to the folder that holds it")
    return path


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


def _packed(folder):
    for path in list(folder.iterdir()):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    return folder


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


@pytest.mark.parametrize("arrange", [_zipped, _packed, _mixed, _split, _with_kinds_last])
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


# Encounters


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        *((code, "stay") for code in ("IMP", "ACUTE", "NONAC", "inpatient", [{"coding": [{"code": "IMP"}]}])),
        *((code, "emergency") for code in ("EMER", "emergency", [{"coding": [{"code": "X"}, {"code": "EMER"}]}])),
        *((code, "outpatient") for code in ("OBSENC", "AMB", "SS", "HH", "VR", "outpatient", "ambulatory")),
        *((code, None) for code in ("PRENC", "other", [], [{"text": "a ward"}])),
    ],
)
@pytest.mark.parametrize("as_coding", [True, False])
def test_the_class_of_an_encounter_says_whether_it_is_a_stay(tmp_path, written, kind, as_coding):
    code = {"code": written} if as_coding and isinstance(written, str) else written
    known = encounter("known", "2020-02-01", "2020-02-02")
    one = {**encounter("one", "2020-01-01", "2020-01-02"), "class": code}

    found = records(ndjson(tmp_path, Encounter=[known, one]))

    assert ("one" in set(found.stays["encounter_id"])) == (kind == "stay")
    assert list(found.visits["kind"]) == ([kind] if kind in ("emergency", "outpatient") else [])


def test_stays_under_observation_are_visits_and_a_note_says_so(tmp_path):
    encounters = [*small()["Encounter"], encounter("o", "2020-01-10", "2020-01-11", code="OBSENC")]

    cohort = fhir.load(ndjson(tmp_path, Encounter=encounters))

    assert fhir.OBSERVED in cohort.provenance.notes
    assert cohort.frame.loc["e2", "outpatient_before"] == 1


@pytest.mark.parametrize("status", ["cancelled", "entered-in-error", "planned"])
def test_encounters_that_never_were_are_counted_and_not_read(tmp_path, status):
    never = {**encounter("e9", "2020-01-10", "nonsense"), "status": status}

    cohort = fhir.load(ndjson(tmp_path, Encounter=[*small()["Encounter"], never]))

    assert "e9" not in cohort.frame.index
    assert noticed(cohort)["Encounter", "status"] == 1


def test_parts_of_a_stay_belong_to_the_outermost(tmp_path):
    part = {"partOf": {"reference": "Encounter/e1"}}
    found = records(
        ndjson(
            tmp_path,
            Encounter=[
                encounter("inner", "2020-01-03", "2020-01-04", partOf={"reference": "https://h.org/Encounter/middle"}),
                encounter("middle", "2020-01-02", "2020-01-04", **part),
                encounter("e1", "2020-01-01", "2020-01-05"),
                encounter("er", "2020-01-01", "2020-01-01", code="EMER", **part),
                encounter("round", "2020-01-02", "2020-01-02", code="AMB", **part),
                encounter("orphan", "2021-01-02", "2021-01-03", partOf={"reference": "Encounter/absent"}),
                encounter("loop", "2022-01-02", "2022-01-03", partOf={"reference": "Encounter/loop"}),
                encounter("foreign", "2023-01-02", "2023-01-03", who="p2", **part),
            ],
            Procedure=[
                event("Procedure", "r1", "2020-01-03", "inner"),
                event("Procedure", "r2", "2020-01-03", "round"),
            ],
        )
    )

    assert set(found.stays["encounter_id"]) == {"e1", "orphan", "loop", "foreign"}
    assert list(found.visits["kind"]) == ["emergency"]
    assert list(found.procedures["encounter_id"]) == ["e1", "e1"]


@pytest.mark.parametrize(
    ("code", "where"),
    [
        *(("home", HOME), ("01", HOME), ("alt-home", HOME), ("hosp", HOSPICE), ("aadvice", AGAINST_ADVICE)),
        *(("aama", AGAINST_ADVICE), ("other-hcf", OTHER_HOSPITAL), ("02", OTHER_HOSPITAL), ("snf", FACILITY)),
        *(("long", FACILITY), ("oth", None), ("exp", None), ("unheard-of", None)),
    ],
)
def test_where_a_patient_went(tmp_path, code, where):
    went = {"dischargeDisposition": {"coding": [{"code": code}]}}
    older, newer = tmp_path / "r4", tmp_path / "r5"

    for folder, name in ((older, "hospitalization"), (newer, "admission")):
        found = only(folder, stay(**{name: went}))
        assert (found["disposition"] == where) if where else pd.isna(found["disposition"])
        assert bool(found["died"]) == (code == "exp")


NUBC = "https://www.nubc.org/CodeSystem/PatDischargeStatus"


@pytest.mark.parametrize(
    ("system", "code", "where"),
    [
        *((system, "07", AGAINST_ADVICE) for system in (NUBC, "http://www.nubc.org/patient-discharge", None)),
        ("urn:oid:2.16.840.1.113883.6.301.5", "07", AGAINST_ADVICE),
        ("http://hospital.example/went", "07", HOSPICE),
        ("http://hospital.example/went", "20", HOSPICE),
        ("http://hospital.example/went", "home", HOME),
        *((NUBC, code, FACILITY) for code in ("21", "69", "83", "84", "87", "89", "91", "92", "95")),
        *((NUBC, code, OTHER_HOSPITAL) for code in ("82", "85", "88", "94")),
        *((NUBC, code, HOME) for code in ("81", "86")),
        *((NUBC, "90", REHABILITATION), (NUBC, "93", PSYCHIATRY)),
    ],
)
def test_numbers_are_codes_of_the_nubc_and_of_no_other_system(tmp_path, system, code, where):
    coding = {"code": code, "display": "Hospice", **({"system": system} if system else {})}
    found = only(tmp_path, stay(hospitalization={"dischargeDisposition": {"coding": [coding]}}))

    assert found["disposition"] == where
    assert not found["died"]


def test_words_say_where_a_patient_went_if_the_code_does_not(tmp_path):
    went = {"coding": [{"code": "77", "display": "Discharged to hospice"}]}

    assert only(tmp_path, stay(hospitalization={"dischargeDisposition": went}))["disposition"] == HOSPICE


@pytest.mark.parametrize(
    ("code", "kind", "planned"), [("EL", ELECTIVE, True), ("EM", EMERGENCY, False), ("R", None, None)]
)
def test_priority_says_how_urgent_a_stay_was_and_whether_it_was_planned(tmp_path, code, kind, planned):
    system = "http://terminology.hl7.org/CodeSystem/v3-ActPriority"
    found = only(tmp_path, stay(priority={"coding": [{"system": system, "code": code}]}))

    assert (found["admission_type"] == kind) if kind else pd.isna(found["admission_type"])
    assert pd.isna(found["planned"]) if planned is None else bool(found["planned"]) == planned


def test_the_type_of_an_encounter_stands_in_for_its_priority(tmp_path):
    kind = [{"coding": [{"system": "http://snomed.info/sct", "code": "8715000", "display": "Hospital admission"}]}]

    assert only(tmp_path, stay(type=kind))["admission_type"] == ELECTIVE


def test_admitted_from_in_words(tmp_path):
    assert only(tmp_path, stay(hospitalization={"admitSource": {"coding": [{"code": "emd"}]}}))[
        "admission_source"
    ].startswith("From accident")


def test_times_are_those_of_the_ward_and_follow_up_ends_with_the_last_encounter(tmp_path):
    later = encounter("v", "2020-05-01T10:00:00.25+02:00", "2020-05-01T11:30:00+02:00", code="AMB")
    found = only(tmp_path, encounter("e1", "2020-01-01T23:30:00-05:00", "2020-01-05"), later)

    assert found["admitted"] == pd.Timestamp("2020-01-01 23:30")
    assert found["discharged"] == pd.Timestamp("2020-01-05")
    assert found["followed_until"] == pd.Timestamp("2020-05-01 10:00")


def test_one_wrong_date_does_not_move_the_end_of_follow_up(tmp_path):
    wrong = encounter("wrong", "2202-05-01", "2202-05-01", code="AMB")
    ended = encounter("ended", "2020-01-20", "2202-01-21", code="AMB")

    cohort = fhir.load(ndjson(tmp_path, Encounter=[*small()["Encounter"], wrong, ended]))

    without = fhir.load(ndjson(tmp_path, Encounter=[*small()["Encounter"], ended]))
    pd.testing.assert_frame_equal(cohort.frame, without.frame)
    assert cohort.provenance.exclusions == without.provenance.exclusions
    assert set(noticed(cohort).items()) - set(noticed(without).items()) == {(("Encounter", "period.start"), 1)}
    assert [one for one in cohort.provenance.notes if "Follow-up" in one] == [
        one for one in without.provenance.notes if "Follow-up" in one and "2202" not in one
    ]


def test_a_month_alone_is_no_time_of_a_stay(tmp_path):
    encounters = [*small()["Encounter"], encounter("e9", "2020-02", "2020-02-03")]

    cohort = fhir.load(ndjson(tmp_path, Encounter=encounters))

    assert "e9" not in cohort.frame.index
    assert noticed(cohort)["Encounter", "period.start"] == 1


@pytest.mark.parametrize(("later", "note"), [("Z", fhir.UTC_ALONE), ("-05:00", fhir.BOTH_CLOCKS), (None, None)])
def test_times_in_utc_are_said_to_be(tmp_path, later, note):
    first = stay()
    if later is None:
        first["period"] = {"start": "2020-01-01T10:00:00", "end": "2020-01-05T10:00:00+01:00"}
    second = encounter("e2", "2020-03-01", f"2020-03-05T10:00:00{later or '+01:00'}")

    notes = fhir.load(ndjson(tmp_path, Encounter=[first, second])).provenance.notes

    assert fhir.CLOCK in notes
    assert {fhir.UTC_ALONE, fhir.BOTH_CLOCKS} & set(notes) == ({note} if note else set())


def test_dates_that_were_shifted_into_the_future_give_no_years(tmp_path):
    later = encounter("later", "2190-01-01", "2190-01-01", code="AMB")
    cohort = fhir.load(ndjson(tmp_path, Encounter=[encounter("e1", "2180-01-01", "2180-01-04"), later]))

    assert cohort.years is None
    assert fhir.FOLLOW_UP.format(2190) in cohort.provenance.notes
    assert not cohort.findings
    assert fhir.SHIFTED in cohort.provenance.notes


def test_a_resource_that_comes_twice_is_read_once_and_one_that_differs_is_a_problem(tmp_path):
    given = small()
    expected = fhir.load(ndjson(tmp_path / "once", **given)).frame

    twice = fhir.load(ndjson(tmp_path / "twice", **{kind: rows * 2 for kind, rows in given.items()}))

    pd.testing.assert_frame_equal(twice.frame, expected)
    assert noticed(twice)["Encounter", "id"] == 5
    differing = {**given, "Encounter": [*given["Encounter"], encounter("e1", "2020-01-01", "2020-01-02")]}
    assert "Encounter, id: 1 resource has the id of another" in message(ndjson(tmp_path / "differing", **differing))


# Patients


@pytest.mark.parametrize(
    ("born", "age"), [("1950-01-02", 69), ("1950-01-01", 70), ("1950-01", 70), ("1950", 70), (None, None)]
)
def test_age_at_admission(tmp_path, born, age):
    folder = ndjson(tmp_path, Patient=[patient(birthDate=born)], Encounter=[stay()])

    found = records(folder).stays["age_years"].iloc[0]

    assert (found == age) if age else pd.isna(found)


@pytest.mark.parametrize(
    ("death", "died"),
    [("2020-01-05T23:00:00Z", True), ("2020-01-03", True), ("2020-01-06", False), ("2020", False), (None, False)],
)
def test_a_death_until_the_day_of_the_discharge_is_one_of_the_stay(tmp_path, death, died):
    told = {"deceasedDateTime": death} if death else {"deceasedBoolean": True}
    folder = ndjson(tmp_path, Patient=[patient(**told)], Encounter=[stay()])

    found = records(folder).stays.iloc[0]

    assert bool(found["died"]) == died
    assert pd.isna(found["died_at"]) == (death in ("2020", None))


def test_a_death_before_the_admission_is_not_read(tmp_path):
    folder = ndjson(tmp_path, Patient=[patient(deceasedDateTime="2019-01-01")], Encounter=[stay(), LATER])

    assert pd.isna(records(folder).stays["died_at"].iloc[0])
    assert ("Encounter", "period.start") in noticed(fhir.load(folder))


def _race(*races, text=None):
    parts = [{"url": "ombCategory", "valueCoding": one} for one in races]
    parts += [{"url": "text", "valueString": text}] if text else []
    return [{"url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race", "extension": parts}]


@pytest.mark.parametrize(
    ("extension", "race"),
    [
        (_race({"code": "2106-3", "display": "white"}, text="W"), "White"),
        (_race({"code": "1", "display": "Another"}), "Other"),
        (_race({"code": "2106-3"}, {"code": "2028-9"}), "More than one race"),
        (_race({"code": "UNK", "display": "Unknown"}), None),
        (_race(text="Black"), "Black or African American"),
        ([{"url": "elsewhere"}], None),
    ],
)
def test_race_and_sex_in_words(tmp_path, extension, race):
    folder = ndjson(tmp_path, Patient=[patient(extension=extension, gender="male")], Encounter=[stay()])

    found = records(folder).patients.iloc[0]

    assert (found["race"] == race) if race else pd.isna(found["race"])
    assert found["sex"] == "Male"


def test_patients_are_simulated_only_if_all_of_them_say_so(tmp_path):
    invented = {"text": {"div": "<div>Generated by <a>Synthea</a></div>"}}
    for second, simulated in ((invented, True), ({}, False)):
        people = [patient("p1", **invented), patient("p2", **second)]
        folder = ndjson(tmp_path / str(simulated), **{**small(), "Patient": people})
        assert fhir.load(folder).provenance.simulated == simulated


# What was recorded


def test_nothing_after_a_discharge_changes_a_variable_though_it_names_the_stay(tmp_path):
    given = small()
    expected = fhir.load(ndjson(tmp_path / "plain", **given)).frame
    leaks = {
        "Condition": [condition("x1", "C78.7", at=AFTER_E1, stay="e1"), condition("x2", "N18.5", at="2020", stay="e1")],
        "Procedure": [event("Procedure", "x", AFTER_E1, "e1", status="completed")],
        "MedicationRequest": [medication("x", "warfarin 5 mg", at=AFTER_E1, stay="e1")],
        "Observation": [observation("x", "2951-2", 111, "mmol/L", at=AFTER_E1, stay="e1")],
    }
    later = {kind: [*rows, *leaks.get(kind, [])] for kind, rows in given.items()}

    leaked = fhir.load(ndjson(tmp_path / "leaked", **later)).frame

    pd.testing.assert_series_equal(leaked.loc["e1"], expected.loc["e1"])
    assert expected.loc["e1", "sodium_last"] == 133


@pytest.mark.parametrize(
    ("codings", "code", "system"),
    [
        ([("http://snomed.info/sct", "84114007"), ("http://hl7.org/fhir/sid/icd-10-cm", "I50")], "I50", "ICD10CM"),
        ([("http://hl7.org/fhir/sid/icd-9-cm", "428.0")], "428.0", "ICD9CM"),
        ([("http://hl7.org/fhir/sid/icd-10", "I50")], "I50", "ICD10CM"),
        ([("urn:oid:2.16.840.1.113883.6.96", "84114007")], "84114007", "SNOMED"),
        ([("http://hl7.org/fhir/sid/icd-10-pcs", "0DT"), ("urn:own", "7")], None, None),
    ],
)
def test_of_a_condition_one_code_is_taken_of_icd_if_there_is_one(tmp_path, codings, code, system):
    coded = {"coding": [{"system": of, "code": what} for of, what in codings]}
    one = event("Condition", "c", "2020-01-02", "e1", code=coded)

    found = records(ndjson(tmp_path, Encounter=[stay()], Condition=[one])).diagnoses

    assert list(found[["code", "system"]].itertuples(index=False, name=None)) == ([(code, system)] if code else [])


def test_conditions_take_their_order_and_their_stay_from_the_encounters_that_list_them(tmp_path):
    def listed(*ranks):
        return [
            {"condition": {"reference": f"Condition/{name}"}, "rank": rank, "use": {"coding": [{"code": use}]}}
            for name, rank, use in ranks
        ]

    one = stay(diagnosis=listed(("c2", 1, "billing"), ("c1", 2, "billing"), ("c1", 1, "AD")))
    onset = event("Condition", "c2", onsetDateTime="2019-03", code=condition("", "I50")["code"])
    folder = ndjson(tmp_path, Encounter=[one], Condition=[condition("c1", "E11.9", at="2020-01-02", stay="e1"), onset])

    found = records(folder).diagnoses
    found = found[found["encounter_id"] == "e1"].set_index("code")

    assert found["position"].to_dict() == {"I50": 1, "E11.9": 2}
    assert found.loc["I50", "at"] == pd.Timestamp("2019-03-31 23:59:59")


@pytest.mark.parametrize(
    ("kind", "name", "more"),
    [
        ("Condition", "diagnoses", {"verificationStatus": {"coding": [{"code": "refuted"}]}}),
        ("Condition", "diagnoses", {"verificationStatus": "entered-in-error"}),
        ("Procedure", "procedures", {"status": "not-done"}),
        ("Procedure", "procedures", {"category": {"coding": [{"code": "108252007"}]}}),
        ("MedicationRequest", "medications", {"status": "cancelled"}),
        ("MedicationRequest", "medications", {"doNotPerform": True}),
        ("MedicationRequest", "medications", {"medicationCodeableConcept": {}}),
        ("Observation", "labs", {"status": "entered-in-error"}),
        ("Observation", "labs", {"valueQuantity": {}}),
        ("Observation", "labs", {"valueQuantity": {"value": 3, "unit": "furlong"}}),
        ("Observation", "labs", {"code": {"coding": [{"system": "urn:own", "code": "2951-2"}]}}),
    ],
)
def test_what_never_was_or_says_nothing_is_left_out(tmp_path, kind, name, more):
    given = small()
    left_out = {**given, kind: [{**given[kind][0], **more}]}

    assert getattr(records(ndjson(tmp_path, **left_out)), name).empty


@pytest.mark.parametrize(
    "more",
    [
        {"medicationCodeableConcept": {"coding": [{"code": "1", "display": "insulin"}]}},
        {"medicationCodeableConcept": {"coding": [{"code": "1", "display": "x"}], "text": "insulin"}},
        {
            "contained": [{"resourceType": "Medication", "id": "m", "code": {"text": "insulin"}}],
            "medicationReference": {"reference": "#m"},
        },
        {"medicationReference": {"reference": "Medication/m1"}},
        {"medicationReference": {"reference": "Medication/absent", "display": "insulin"}},
        {"medication": {"concept": {"text": "insulin"}}},
        {"medication": {"reference": {"reference": "Medication/m1"}}},
    ],
)
def test_the_name_of_a_medication_is_found_wherever_it_stands(tmp_path, more):
    known = {"resourceType": "Medication", "id": "m1", "code": {"text": "insulin"}}
    ordered = event("MedicationRequest", "r", "2020-01-02", "e1", **more)

    found = records(ndjson(tmp_path, Encounter=[stay()], MedicationRequest=[ordered], Medication=[known]))

    assert list(found.medications["name"]) == ["insulin"]


def test_values_come_from_components_in_our_units_and_comparators_are_counted(tmp_path):
    loinc = "http://loinc.org"
    parts = [
        {"code": {"coding": [{"system": loinc, "code": "718-7"}]}, "valueQuantity": {"value": 105, "code": "g/L"}},
        {
            "code": {"coding": [{"system": loinc, "code": "2951-2"}]},
            "valueQuantity": {"value": 120, "comparator": "<", "unit": "mmol/L"},
        },
    ]
    panel = event("Observation", "o", None, "e1", component=parts, effectivePeriod={"start": "2020-01-02T07:00:00Z"})
    folder = ndjson(tmp_path, Encounter=[stay(), LATER], Observation=[panel])

    found = records(folder).labs.set_index("analyte")

    assert found["value"].to_dict() == pytest.approx({"haemoglobin": 10.5, "sodium": 120})
    assert set(found["at"]) == {pd.Timestamp("2020-01-02 07:00")}
    assert noticed(fhir.load(folder))["Observation", "valueQuantity.comparator"] == 1


def test_an_event_that_names_the_encounter_of_another_patient_is_not_of_that_stay(tmp_path):
    given = small()
    foreign = event("Procedure", "x", "2020-03-02T10:00:00", "e1", who="p2", status="completed")
    cohort = fhir.load(ndjson(tmp_path, **{**given, "Procedure": [*given["Procedure"], foreign]}))

    assert cohort.frame["procedures"].to_dict() == {"e1": 1, "e2": 0, "e3": 1}
    assert noticed(cohort)["Procedure", "encounter"] == 1


# References and times


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        *(
            ("Patient/x", "x"),
            ("https://h.org/fhir/Patient/x", "x"),
            ("urn:uuid:x", "x"),
            ("Patient/x/_history/2", "x"),
        ),
        *(("#x", None), ("Patient?identifier=a|b", None), ("Group/x", None), ("MyPatient/x", None), ("Patient/", None)),
    ],
)
def test_references(reference, found):
    assert id_in(reference, "Patient") == found


def test_subjects_other_than_patients_are_counted_and_unreadable_ones_are_problems(tmp_path):
    given = small()
    group = {**encounter("g", "2020-01-01", "2020-01-02"), "subject": {"reference": "Group/1"}}
    cohort = fhir.load(ndjson(tmp_path / "group", **{**given, "Encounter": [*given["Encounter"], group]}))

    assert noticed(cohort)["Encounter", "subject"] == 1
    search = {**group, "subject": {"reference": "Patient?identifier=a|b"}}
    assert "row 1, subject: expected a reference to a Patient" in message(ndjson(tmp_path / "s", Encounter=[search]))


@pytest.mark.parametrize("text", ["2020-02-30", "2020-1-1", "20200101", "2020-01-01T24:00:00Z", "x" * 10**6, "٢٠٢٠"])
def test_what_is_no_time(text):
    with pytest.raises(ValueError, match=A_TIME):
        moment(text)


@pytest.mark.parametrize("text", ["9999-12-31", "1699", "0000-00-00"])
def test_times_out_of_all_years(text):
    with pytest.raises(ValueError, match=IN_YEARS):
        moment(text)


def test_a_leap_second_a_fraction_and_a_missing_zone_are_read():
    assert moment("1970-01-01T00:00:60.123456Z").seconds == 59
    assert moment("1970-01-02T00:00").seconds == 86_400
    assert moment("1969").latest == -1
    assert moment("1700-01-01").seconds > NO_TIME


# Problems and damage


def test_all_problems_of_all_files_are_told_at_once_by_place_and_never_by_value(tmp_path):
    given = small()
    given["Encounter"][2]["period"]["start"] = "SECRET"
    given["Encounter"][3]["subject"] = "SECRET"
    given["Patient"][0]["birthDate"] = 19500601
    given["Condition"][1] = b'{"resourceType": "Condition", "id": "SECRET"'
    given["Procedure"][0]["performedDateTime"] = "9999-12-31"
    del given["Observation"][0]["id"]
    given["Observation"][1]["valueQuantity"]["value"] = "SECRET"

    said = message(ndjson(tmp_path, **given))

    assert said.startswith("nothing was loaded: 8 problems: ")
    for place in (
        "Condition.000.ndjson row 2: is not a JSON object",
        "Encounter.000.ndjson row 3, period.start: expected a time",
        "Encounter.000.ndjson row 4, subject: expected an object",
        "Observation.000.ndjson row 1, id: missing",
        "Observation.000.ndjson row 2, valueQuantity.value: expected a finite number",
        "Patient.000.ndjson row 1, birthDate: expected text",
        "Procedure.000.ndjson row 1, performedDateTime: expected a time of the years 1700 to 2300",
    ):
        assert place in said
    assert "SECRET" not in said
    assert said.endswith("Mend the files and load them again")


def test_of_many_problems_the_first_are_named_and_all_are_counted(tmp_path):
    said = message(ndjson(tmp_path, Encounter=[b"nonsense"] * 1000))

    assert said.startswith("nothing was loaded: 1,000 problems: ")
    assert said.count("is not a JSON object") == 20
    assert "and 980 more" in said


def test_the_log_does_not_grow_with_problems_or_notices():
    log = Log()
    for place in range(100_000):
        log.wrong(f"problem {place}")
        log.notice("a", "b", "c")

    assert log.count == log.findings()[0].rows == 100_000
    with pytest.raises(LoaderError) as caught:
        log.require_none()
    assert len(str(caught.value)) < 1000


LARGE = b"1" * 10_000
DAMAGES = {
    "cut": lambda text: text[: len(text) // 2],
    "empty": lambda text: b"",  # noqa: ARG005
    "blank": lambda text: b"\n \n",  # noqa: ARG005
    "UTF-16": lambda text: text.decode().encode("utf-16"),
    "Latin-1": lambda text: text.replace(b'"id": "', b'"id": "\xe9\xff'),
    "NUL": lambda text: text.replace(b'"id"', b'"i\0d"'),
    "NULs": lambda text: b"\0" * 10**6 + text,
    "large numbers": lambda text: re.sub(
        rb'"(id|start|code|value|reference)": ("[^"]*"|\d+)', rb'"\1": ' + LARGE, text
    ),
    "4000 digits": lambda text: re.sub(rb'"(id|start|code|value)": ("[^"]*"|\d+)', rb'"\1": ' + LARGE[:4000], text),
    "infinite": lambda text: re.sub(rb'"(value|code)": ("[^"]*"|\d+)', rb'"\1": 1e999', text),
    "year 9999": lambda text: re.sub(rb'"\d{4}-', b'"9999-', text),
    "deep": lambda text: text.replace(b'"id": ', b'"id": ' + b"[" * 10**5),
    "deep objects": lambda text: text.replace(b'"id": "', b'"x": ' + b'{"a":' * 150 + b"1" + b"}" * 150 + b', "id": "'),
    "objects for texts": lambda text: re.sub(rb': "[^"]*"', b': {"a": 1}', text),
    "texts for objects": lambda text: re.sub(rb": (\{[^{}]*\}|\[[^\[\]]*\])", b': "x"', text),
    "lists for objects": lambda text: re.sub(rb": (\{[^{}]*\})", rb": [\1, 3]", text),
    "numbers for texts": lambda text: re.sub(rb': "[^"]*"', b": 7", text),
    "nothing for texts": lambda text: re.sub(rb': "[^"]*"', b": null", text),
    "one long line": lambda text: text.replace(b"\n", b" "),
    "no end": lambda text: text[:-1] + b" " * (MOST_LINE_BYTES + 2),
    "surrogates": lambda text: text.replace(b'"id": "', b'"id": "\\ud800'),
    "escaped NUL": lambda text: text.replace(b'"id": "', b'"id": "\\u0000'),
    "the same key twice": lambda text: text.replace(b'"id": "', b'"id": {}, "id": "'),
    "long id": lambda text: text.replace(b'"id": "', b'"id": "' + b"x" * 10**5),
    "gzip": gzip.compress,
    "binary": lambda text: bytes(range(256)) * 4096 + text,
}


@pytest.mark.parametrize("kind", list(small()))
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damage_is_a_cohort_or_an_error_of_ours_and_never_takes_long(tmp_path, kind, damage):
    folder = ndjson(tmp_path, **small())
    path = folder / f"{kind}.000.ndjson"
    path.write_bytes(damage(path.read_bytes()))
    start = time.process_time()  # whatever else the machine does

    fhir.recognises(folder)
    try:
        cohort = fhir.load(folder)
    except ClinfluError as error:
        assert len(str(error)) < 5000  # noqa: PT017
    else:
        assert len(cohort.frame) >= 1
    assert time.process_time() - start < LONGEST_SECONDS


@pytest.mark.parametrize("where", [0, 10, 40, -40, -5])
def test_a_packed_file_that_is_damaged_is_named(tmp_path, where):
    folder = _packed(ndjson(tmp_path, **small()))
    path = folder / "Encounter.000.ndjson.gz"
    packed = bytearray(path.read_bytes())
    path.write_bytes(packed[:where] if where < 0 else bytes(packed[:where] + b"\xff\xff\xff" + packed[where + 3 :]))

    assert "Encounter.000.ndjson.gz" in message(folder)


def test_what_would_unpack_to_far_too_much_is_refused(tmp_path):
    folder = ndjson(tmp_path, **small())
    (folder / "Patient.001.ndjson.gz").write_bytes(gzip.compress(b" " * 2**27))

    assert "Patient.001.ndjson.gz would unpack to far more than it should" in message(folder)


SWAPS = (None, 7, "x", [], {}, [[]], {"coding": [3]}, {"reference": []}, 10**3000)


def _places(part, *before):
    """Every place in a resource, as the keys that lead there."""
    inner = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for key, value in inner:
        yield (*before, key)
        yield from _places(value, *before, key)


def _replaced(part, place, value):
    first, *others = place
    copy = part.copy()
    copy[first] = _replaced(part[first], others, value) if others else value
    return copy


FULL = {
    "Patient": {"extension": _race({"code": "1"}), "deceasedDateTime": "2021-01-01", "meta": {"source": "y"}},
    "Encounter": {
        "hospitalization": {"dischargeDisposition": {"coding": [{"code": "home"}]}},
        "diagnosis": [{"condition": {"reference": "Condition/c1"}, "rank": 1, "use": {"coding": [{"code": "DD"}]}}],
    },
    "MedicationRequest": {
        "medicationReference": {"reference": "#m"},
        "contained": [{"resourceType": "Medication", "id": "m", "code": {"text": "a"}}],
    },
}


@pytest.mark.parametrize("kind", list(small()))
def test_any_part_may_be_of_another_type(tmp_path, kind):
    given = small()
    whole = {**given[kind][0], **FULL.get(kind, {})}
    ndjson(tmp_path, **given)
    for place in _places(whole):
        for swap in SWAPS:
            ndjson(tmp_path, **{kind: [_replaced(whole, place, swap), *given[kind][1:]]})
            try:
                records(tmp_path)
            except ClinfluError:
                continue
