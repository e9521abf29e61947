"""OMOP: the public samples as they are."""

import csv
import io
import os
import zipfile
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from data_loaders import load, recognise


def sample(name):
    beside = Path(__file__).parents[3] / "shared" / "data"
    path = Path(os.environ.get("CLINFLU_DATA") or beside) / name
    if not path.exists():
        pytest.skip(f"{path} is absent; set CLINFLU_DATA to the folder that holds it")
    return path


@pytest.fixture(scope="module")
def synthea():
    """28 simulated persons in OMOP 5.4: a zip with upper-case names and what macOS adds."""
    return sample("omop_synthea27")


@pytest.fixture(scope="module")
def mimic():
    """12 persons of MIMIC-IV in OMOP 5.3, with negative ids of 64 bits."""
    return sample("omop_mimic4_sample")


@pytest.fixture(scope="module")
def synthea_cohort(synthea):
    """The cohort of the sample."""
    return load(path=synthea)


@pytest.fixture(scope="module")
def mimic_cohort(mimic):
    """The cohort of the sample."""
    return load(path=mimic)


def rows_of(source, table):
    """The rows of a table by the standard library alone."""
    if (source / f"{table}.csv").is_file():
        return list(csv.DictReader(io.StringIO((source / f"{table}.csv").read_text())))
    with zipfile.ZipFile(next(source.glob("*.zip"))) as archive:
        return list(csv.DictReader(io.StringIO(archive.read(f"{table.upper()}.csv").decode())))


# The public samples


def test_synthea_has_the_persons_and_visits_that_its_description_says(synthea):
    visits = rows_of(synthea, "visit_occurrence")

    assert len(rows_of(synthea, "person")) == 28
    assert len(visits) == 1791
    assert sum(row["visit_concept_id"] == "9201" for row in visits) == 13


def test_every_inpatient_visit_of_synthea_is_accounted_for(synthea, synthea_cohort):
    stays = {
        row["visit_occurrence_id"] for row in rows_of(synthea, "visit_occurrence") if row["visit_concept_id"] == "9201"
    }
    provenance = synthea_cohort.provenance

    assert set(synthea_cohort.frame.index) <= stays
    assert provenance.rows_read == 13
    assert len(synthea_cohort.frame) + sum(one.rows for one in provenance.exclusions) == 13
    assert (recognise(synthea), provenance.loader, provenance.source) == ("omop", "omop", "omop_synthea27")


def test_the_label_of_synthea_is_that_of_a_plain_loop(synthea, synthea_cohort):
    visits = [row for row in rows_of(synthea, "visit_occurrence") if row["visit_concept_id"] == "9201"]
    days = {row["visit_occurrence_id"]: pd.Timestamp(row["visit_end_date"]) for row in visits}
    for stay, row in synthea_cohort.frame.iterrows():
        gaps = [
            (pd.Timestamp(other["visit_start_date"]) - days[stay]).days
            for other in visits
            if other["person_id"] == row["patient_id"] and other["visit_occurrence_id"] != stay
        ]
        assert row["readmitted"] == any(0 <= gap <= 30 for gap in gaps)


def test_what_synthea_records_before_a_stay_is_counted(synthea, synthea_cohort):
    outpatient = [
        (row["person_id"], pd.Timestamp(row["visit_start_datetime"]))
        for row in rows_of(synthea, "visit_occurrence")
        if row["visit_concept_id"] == "9202"
    ]
    starts = {row["visit_occurrence_id"]: row["visit_start_datetime"] for row in rows_of(synthea, "visit_occurrence")}
    for stay, row in synthea_cohort.frame.iterrows():
        start = pd.Timestamp(starts[stay])
        before = [
            at
            for person, at in outpatient
            if person == row["patient_id"] and start - pd.Timedelta(days=365) <= at < start - pd.Timedelta(days=1)
        ]
        assert row["outpatient_before"] == len(before)


def test_diagnoses_of_synthea_are_known_by_its_concepts(synthea_cohort):
    frame = synthea_cohort.frame

    assert (frame["heart_failure"] == "yes").any()
    assert frame["sex"].isin(["Female", "Male"]).all()
    assert frame["creatinine_last"].dropna().between(0.1, 20).all()


def test_the_folder_and_the_zip_in_it_are_the_same(synthea, synthea_cohort):
    assert load(path=next(synthea.glob("*.zip"))).frame.equals(synthea_cohort.frame)


def test_negative_ids_of_mimic_keep_every_digit(mimic, mimic_cohort):
    visits = rows_of(mimic, "visit_occurrence")
    assert (len(rows_of(mimic, "person")), len(visits)) == (12, 68)
    stays = {
        row["visit_occurrence_id"]: row["person_id"] for row in visits if row["visit_concept_id"] in ("262", "9201")
    }

    assert mimic_cohort.provenance.rows_read == len(stays) == 4
    assert dict(mimic_cohort.frame["patient_id"]) == stays
    assert any(stay.startswith("-") for stay in mimic_cohort.frame.index)


def test_diagnoses_of_mimic_are_linked_to_their_stays(mimic, mimic_cohort):
    codes = {}
    for row in rows_of(mimic, "condition_occurrence"):
        codes.setdefault(row["visit_occurrence_id"], set()).add(row["condition_source_value"].strip())

    for stay, row in mimic_cohort.frame.iterrows():
        assert row["diagnoses"] == len(codes.get(stay, ()))


def test_a_sample_is_the_same_in_a_database_file(mimic, mimic_cohort, tmp_path):
    path = tmp_path / "mimic.duckdb"
    with duckdb.connect(str(path)) as connection:
        for file in mimic.glob("*.csv"):
            connection.read_csv(str(file)).create(file.stem)

    pd.testing.assert_frame_equal(load(path=f"duckdb:///{path}").frame, mimic_cohort.frame)


def test_a_sample_without_what_is_missing_says_so(mimic_cohort):
    assert "The source has no table observation_period, concept." in mimic_cohort.provenance.notes
