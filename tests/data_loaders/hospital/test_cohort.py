"""A cohort of records: every variable and score by hand; what cannot be is left out and counted."""

from dataclasses import replace

import pandas as pd
import pytest

from clinflu.data import HOSPITAL_WIDE, ReadmissionSpec
from clinflu.data.readmission import ELECTIVE, EMERGENCY, HOME
from clinflu.errors import LoaderError
from data_loaders.hospital import Origin, Records, hospital_cohort
from data_loaders.hospital.records import FORMS, TIME, in_form, no_rows

ORIGIN = Origin("a hospital", "0" * 64, "none")
SPEC = ReadmissionSpec()


def table(name, *rows):
    """Rows of a table of records, as the values that they have."""
    columns = {column: [row.get(column) for row in rows] for column in FORMS[name]}
    times = [column for column, kind in FORMS[name].items() if kind == TIME]
    return in_form(name, columns | {one: pd.to_datetime(pd.Series(columns[one]), format="ISO8601") for one in times})


def stay(name, patient, admitted, discharged, **more):
    plain = {"admission_type": EMERGENCY, "disposition": HOME, "died": False, "planned": False, "age_years": 70.0}
    return plain | {"encounter_id": name, "patient_id": patient, "admitted": admitted, "discharged": discharged} | more


STAYS = (
    stay("s1", "p1", "2020-01-01 10:00", "2020-01-05 12:00", admission_source="Emergency room"),
    stay("s2", "p1", "2020-01-20 10:00", "2020-01-21 12:00"),
    stay("s3", "p2", "2020-03-01 10:00", "2020-03-08 12:00", admission_type=ELECTIVE, planned=True, age_years=41.9),
)
PATIENTS = table("patients", {"patient_id": "p1", "sex": "Female", "race": "WHITE - RUSSIAN"}, {"patient_id": "p2"})
PLAIN = Records(PATIENTS, table("stays", *STAYS))


def made(records=PLAIN, spec=SPEC):
    return hospital_cohort(records, spec, ORIGIN)


def column(name, **tables):
    return made(replace(PLAIN, **tables)).frame[name].to_dict()


def test_what_every_stay_has():
    frame = made().frame
    assert frame["readmitted"].to_dict() == {"s1": 1, "s2": 0, "s3": 0}
    assert frame["age_years"].to_dict() == {"s1": 70, "s2": 70, "s3": 41}
    assert frame["length_of_stay_days"].to_dict() == {"s1": 4, "s2": 1, "s3": 7}
    assert frame["stays_before"].to_dict() == {"s1": 0, "s2": 1, "s3": 0}
    assert frame["sex"].dropna().to_dict() == {"s1": "Female", "s2": "Female"}
    assert frame["race"].dropna().unique().tolist() == ["White"]
    assert frame["admission_source"].dropna().to_dict() == {"s1": "Emergency room"}


def test_a_table_that_is_absent_makes_no_variable_and_an_empty_one_says_that_there_was_nothing():
    assert not {"diagnoses", "procedures", "medications", "sodium_last", "emergency_before"} & set(made().frame)
    empty = {name: no_rows(name) for name in ("diagnoses", "procedures", "medications")}
    frame = made(replace(PLAIN, **empty)).frame
    assert (frame[["diagnoses", "procedures", "medications"]] == 0).all(axis=None)
    assert (frame["heart_failure"] == "no").all()


def test_emergency_visits_of_the_year_before_but_not_the_one_that_led_to_the_admission():
    times = ["2019-01-01 09:00", "2019-01-01 11:00", "2019-12-31 09:00", "2019-12-31 11:00", "2020-01-06 10:00"]
    visits = table("visits", *({"patient_id": "p1", "at": at, "kind": "emergency"} for at in times))
    assert column("emergency_before", visits=visits) == {"s1": 2, "s2": 3, "s3": 0}


def test_diagnoses_of_the_episode_and_comorbidities_of_the_year_before():
    rows = [
        {"encounter_id": "s1", "code": "I50.9", "system": "ICD10CM", "position": 1},
        {"encounter_id": "s1", "code": "4280", "system": "ICD9CM", "position": 2},
        {"encounter_id": "s2", "code": "E119", "system": "ICD10CM", "position": 1},
        {"at": "2018-12-01 10:00", "code": "J449", "system": "ICD10CM"},  # too long ago
        {"at": "2019-06-01 10:00", "code": "N183", "system": "ICD10CM"},
    ]
    diagnoses = table("diagnoses", *({"patient_id": "p1", **row} for row in rows))
    frame = made(replace(PLAIN, diagnoses=diagnoses)).frame
    assert frame["diagnoses"].to_dict() == {"s1": 2, "s2": 1, "s3": 0}
    assert frame["diagnosis_group"].dropna().to_dict() == {
        "s1": "Heart and circulation",
        "s2": "Diabetes",
    }
    assert frame["heart_failure"].to_dict() == {"s1": "yes", "s2": "yes", "s3": "no"}
    assert frame["diabetes"].to_dict() == {"s1": "no", "s2": "yes", "s3": "no"}
    assert frame["kidney_disease"].to_dict() == {"s1": "yes", "s2": "yes", "s3": "no"}
    assert (frame["chronic_pulmonary_disease"] == "no").all()


def test_last_lowest_and_highest_laboratory_value():
    values = [
        ("2020-01-02 08:00", 141),
        ("2020-01-03 08:00", 128),
        ("2020-01-04 08:00", 136),
        ("2020-01-06 08:00", 155),
    ]
    labs = table("labs", *({"patient_id": "p1", "at": at, "analyte": "sodium", "value": v} for at, v in values))
    frame = made(replace(PLAIN, labs=labs)).frame
    assert frame.loc["s1", ["sodium_last", "sodium_lowest", "sodium_highest"]].tolist() == [136, 128, 141]
    assert frame.loc["s2", ["sodium_last", "sodium_lowest", "sodium_highest"]].isna().all()
    assert made(replace(PLAIN, labs=labs)).schema.feature("sodium_last").unit == "mmol/L"


def test_what_nobody_can_have_is_left_out_and_counted():
    rows = [{"patient_id": "p1", "at": "2020-01-02 08:00", "analyte": "sodium", "value": v} for v in (14.0, 140.0)]
    cohort = made(replace(PLAIN, labs=table("labs", *rows)))
    assert cohort.frame.loc["s1", "sodium_lowest"] == 140
    assert [(one.table, one.rows) for one in cohort.findings] == [("labs", 1)]
    wrong = (stay("s4", "p2", "2020-05-02", "2020-05-01"), stay("s5", "p2", None, "2020-06-01"))
    cohort = made(
        Records(PATIENTS, table("stays", *STAYS, *wrong, stay("s6", "p2", "2021-01-01", "2021-01-02", age_years=300.0)))
    )
    counts = {one.reason: one.rows for one in cohort.provenance.exclusions}
    assert counts == {"no admission is recorded": 1, "discharged before admission": 1}
    assert pd.isna(cohort.frame.loc["s6", "age_years"])
    assert sum(one.rows for one in cohort.findings) == 3


def test_stays_that_are_one_episode_share_their_records():
    stays = (
        stay("s1", "p1", "2020-01-01 10:00", "2020-01-05 12:00", disposition="another hospital"),
        stay("s2", "p1", "2020-01-05 15:00", "2020-01-09 12:00"),
        STAYS[2],
    )
    medications = table(
        "medications",
        *(
            {"patient_id": "p1", "encounter_id": one, "name": drug}
            for one, drug in (("s1", "Warfarin"), ("s2", "Insulin"))
        ),
    )
    frame = made(Records(PATIENTS, table("stays", *stays), medications=medications)).frame
    assert list(frame.index) == ["s2", "s3"]
    assert frame.loc["s2", ["anticoagulants", "insulin", "medications", "length_of_stay_days"]].tolist() == [
        "yes",
        "yes",
        2,
        8,
    ]


def test_the_scores_of_a_stay_worked_by_hand():
    """Heart failure (2) and renal disease (2) make 4, so 5 points in LACE; 4 days make 4, an emergency 3, 1 visit 1."""
    diagnoses = table(
        "diagnoses",
        *({"patient_id": "p1", "encounter_id": "s1", "code": code, "system": "ICD10CM"} for code in ("I509", "N183")),
        {"patient_id": "p2", "encounter_id": "s3", "code": "C341", "system": "ICD10CM"},
    )
    visits = table(
        "visits", *({"patient_id": "p1", "at": at, "kind": "emergency"} for at in ("2019-12-01", "2019-05-01"))
    )
    labs = [("haemoglobin", 11.0), ("sodium", 134.0)]
    labs = table(
        "labs",
        *(
            {"patient_id": "p1", "encounter_id": "s1", "at": "2020-01-02 08:00", "analyte": a, "value": v}
            for a, v in labs
        ),
    )
    procedures = table("procedures", {"patient_id": "p2", "encounter_id": "s3"})
    records = replace(PLAIN, diagnoses=diagnoses, visits=visits, labs=labs, procedures=procedures)
    cohort = made(records)
    assert cohort.frame.loc["s1", "lace"] == 4 + 3 + 5 + 1
    assert cohort.frame.loc["s1", ["hospital_2_5", "hospital_simplified"]].tolist() == [1 + 1 + 1, 1 + 1 + 1]
    assert cohort.frame.loc["s3", ["hospital_2_5", "hospital_simplified"]].tolist() == [2 + 2 + 1, 2 + 2]
    named = {one.name: one for one in cohort.schema.baselines}
    assert not named["lace"].approximate
    assert named["hospital_2_5"].approximate
    assert "stands for discharge from oncology" in named["hospital_2_5"].note
    assert "~" in named["hospital_2_5"].label


@pytest.mark.parametrize(
    ("stays", "telling"),
    [
        ((), "holds no stay in hospital"),
        ((STAYS[0], STAYS[0]), "1 stays have the id of another"),
        ((stay("s1", "p1", "2020-01-01", "2020-01-02", died=True),), "none is at risk"),
    ],
)
def test_nothing_to_learn_from_is_one_line(stays, telling):
    with pytest.raises(LoaderError, match=telling) as caught:
        made(Records(PATIENTS, table("stays", *stays)))
    assert caught.value.one_line == str(caught.value)


def test_the_definition_is_in_the_provenance():
    cohort = made(spec=replace(HOSPITAL_WIDE, min_age_years=60.0))
    assert cohort.provenance.definition == replace(HOSPITAL_WIDE, min_age_years=60.0).in_words()
    assert ("excluded: under 60 years", 1) in cohort.provenance.flowchart()
    assert cohort.schema.outcome_label == "readmitted unplanned within 30 days"
    assert made(spec=replace(SPEC, planned_count=True)).schema.outcome_label == "readmitted within 30 days"


def test_years_are_kept_only_where_they_are_true():
    assert made().years.to_dict() == {"s1": 2020, "s2": 2020, "s3": 2020}
    assert hospital_cohort(PLAIN, SPEC, replace(ORIGIN, true_years=False)).years is None


def test_a_table_in_another_form_is_a_defect():
    with pytest.raises(ValueError, match="visits needs the columns"):
        replace(PLAIN, visits=pd.DataFrame({"patient_id": []}))
    with pytest.raises(ValueError, match="no columns who"):
        in_form("visits", {"who": []})
