"""FHIR encounters become stays: their class, status, parts, dispositions, priorities and times."""

import pandas as pd
import pytest
from sources.fhir_resources import encounter, event, ndjson, small
from sources.fhir_stays import message, noticed, only, records, stay

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
from data_loaders import fhir


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
