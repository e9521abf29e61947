"""The same invented patients in four formats: the same labels and the same variables, value by value."""

import pandas as pd
import pytest
from sources.hospital import simulated_hospital, with_late_records
from sources.writers import WRITERS

from clinflu.data import HOSPITAL_WIDE, ReadmissionSpec
from data_loaders import load

PATIENTS = 300
SPECS = {
    "by default": ReadmissionSpec(),
    "hospital-wide": HOSPITAL_WIDE,
    "7 days of 24 hours, deaths and planned count": ReadmissionSpec(
        window_days=7, calendar_days=False, planned_count=True, after_death="event"
    ),
}
ABSENT = {
    "omop": set(),
    "fhir": set(),
    "mimic": {"outpatient_before"},  # MIMIC holds no outpatient visits
    "meds": {"diagnosis_group"},  # MEDS gives diagnoses no order
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Each format written once."""
    hospital = simulated_hospital(PATIENTS, seed=1)
    made = {}
    for name, write in WRITERS.items():
        made[name] = tmp_path_factory.mktemp(name) / name
        write(hospital, made[name])
    return made


@pytest.fixture(scope="module")
def first(folders):
    """What OMOP gives, to compare the others with."""
    return {name: load("omop", folders["omop"], spec) for name, spec in SPECS.items()}


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("name", [name for name in WRITERS if name != "omop"])
def test_labels_and_variables_are_the_same_value_by_value(folders, first, name, spec):
    cohort, expected = load(name, folders[name], SPECS[spec]), first[spec]
    assert set(expected.frame) - set(cohort.frame) == ABSENT[name]
    assert set(cohort.frame) <= set(expected.frame)
    pd.testing.assert_frame_equal(
        cohort.frame.sort_index(), expected.frame.sort_index()[list(cohort.frame)], check_exact=True
    )
    assert cohort.provenance.flowchart() == expected.provenance.flowchart()
    assert cohort.provenance.definition == expected.provenance.definition
    specs = {spec.name: spec for spec in expected.schema.features}
    assert all(spec == specs[spec.name] for spec in cohort.schema.features)


def test_the_label_is_what_the_simulation_says(folders):
    """Counted by a plain loop over the invented stays."""
    hospital = simulated_hospital(PATIENTS, seed=1)
    frame = load("omop", folders["omop"]).frame
    for patient, stays in hospital.stays.groupby("patient"):
        of_patient = list(stays.sort_values("admitted").itertuples())
        for place, stay in enumerate(of_patient):
            if str(stay.stay) not in frame.index or stay.went == "ACUTE HOSPITAL":
                continue
            after = of_patient[place + 1] if place + 1 < len(of_patient) else None
            days = (after.admitted.normalize() - stay.discharged.normalize()).days if after else 999
            again = days <= 30 and after.type != "ELECTIVE"
            assert frame.loc[str(stay.stay), "readmitted"] == int(again), patient


@pytest.mark.thorough
@pytest.mark.parametrize("name", WRITERS)
def test_nothing_recorded_after_a_discharge_enters(tmp_path, folders, name):
    """Every kind of record is planted after the last discharge of every patient, and names that stay."""
    late = with_late_records(simulated_hospital(PATIENTS, seed=1))
    if name == "mimic":  # whose diagnoses have no time of their own
        late = late.without_late_diagnoses()
    WRITERS[name](late, tmp_path / name)
    cohort, expected = load(name, tmp_path / name), load(name, folders[name])
    pd.testing.assert_frame_equal(cohort.frame, expected.frame, check_exact=True)


@pytest.mark.thorough
@pytest.mark.parametrize("name", WRITERS)
def test_a_record_before_the_discharge_would_have_entered(tmp_path, folders, name):
    """The planted records are such that they change what they enter."""
    early = with_late_records(simulated_hospital(PATIENTS, seed=1), hours=-30)
    WRITERS[name](early, tmp_path / name)
    cohort, expected = load(name, tmp_path / name), load(name, folders[name])
    last = cohort.frame.index.intersection(early.planted)
    changed = (cohort.frame.loc[last] != expected.frame.loc[last]).mean()
    names = ("hiv", "diagnoses", "procedures", "antipsychotics", "medications", "sodium_last", "creatinine_highest")
    assert (changed[list(names)] > 0.5).all()
