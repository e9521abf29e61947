"""Write an invented hospital as OMOP, MIMIC-IV, FHIR and MEDS."""

import json

import numpy as np
import pandas as pd

CONCEPTS = {"F": 8532, "M": 8507, "WHITE": 8527, "BLACK OR AFRICAN AMERICAN": 8516, "ASIAN": 8515}
ED_TYPES = {"EMERGENCY": "EW EMER.", "URGENT": "URGENT", "ELECTIVE": "ELECTIVE"}
PRIORITIES = {"EMERGENCY": "EM", "URGENT": "UR", "ELECTIVE": "EL"}
WENT = {
    "HOME": "home",
    "SKILLED NURSING FACILITY": "snf",
    "HOSPICE": "hosp",
    "ACUTE HOSPITAL": "other-hcf",
    "AGAINST ADVICE": "aadvice",
}


def omop_tables(hospital):
    """The hospital as the tables of OMOP 5.4, by name."""
    people, stays, visits = hospital.patients, hospital.stays, hospital.visits
    person = pd.DataFrame(
        {
            "person_id": people["patient"],
            "gender_concept_id": people["sex"].map(CONCEPTS),
            "year_of_birth": people["year"],
            "month_of_birth": 1,
            "day_of_birth": 1,
            "race_concept_id": people["race"].map(CONCEPTS),
        }
    )
    stay = pd.DataFrame(
        {
            "visit_occurrence_id": stays["stay"],
            "person_id": stays["patient"],
            "visit_concept_id": np.where(stays["type"] == "EMERGENCY", 262, 9201),
            "visit_start_datetime": stays["admitted"],
            "visit_end_datetime": stays["discharged"],
            "visit_source_value": stays["type"],
            "admitted_from_source_value": stays["source"],
            "discharged_to_source_value": stays["went"],
        }
    )
    other = pd.DataFrame(
        {
            "visit_occurrence_id": visits["visit"],
            "person_id": visits["patient"],
            "visit_concept_id": np.where(visits["emergency"], 9203, 9202),
            "visit_start_datetime": visits["at"],
            "visit_end_datetime": visits["at"],
        }
    )
    died = people[people["died"].notna()]
    return {
        "person": person,
        "visit_occurrence": pd.concat([stay, other], ignore_index=True),
        "death": pd.DataFrame({"person_id": died["patient"], "death_date": died["died"].dt.date}),
        "condition_occurrence": pd.DataFrame(
            {
                "person_id": hospital.diagnoses["patient"],
                "visit_occurrence_id": hospital.diagnoses["stay"],
                "condition_start_datetime": hospital.diagnoses["at"],
                "condition_source_value": hospital.diagnoses["code"],
                "condition_status_source_value": np.where(hospital.diagnoses["seq"] == 1, "Primary diagnosis", None),
            }
        ),
        "procedure_occurrence": _events(hospital.procedures, "procedure_datetime"),
        "drug_exposure": _events(hospital.medications, "drug_exposure_start_datetime").assign(
            drug_source_value=hospital.medications["name"]
        ),
        "measurement": _events(hospital.labs, "measurement_datetime").assign(
            measurement_concept_id=hospital.labs["concept"],
            value_as_number=hospital.labs["value"],
            unit_concept_id=hospital.labs["unit_concept"],
        ),
    }


def _events(rows, time):
    return pd.DataFrame({"person_id": rows["patient"], "visit_occurrence_id": rows["stay"], time: rows["at"]})


def write_omop(hospital, folder):
    """OMOP as CSV files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in omop_tables(hospital).items():
        table.to_csv(folder / f"{name}.csv", index=False)


def write_mimic(hospital, folder):
    """MIMIC-IV as packed CSV files in their folders."""
    people, stays = hospital.patients, hospital.stays
    flags = stays["patient"].map(people.set_index("patient")["died"])
    in_hospital = (flags >= stays["admitted"].dt.normalize()) & (flags <= stays["discharged"])
    emergency = hospital.visits[hospital.visits["emergency"]]
    tables = {
        "hosp/patients": pd.DataFrame(
            {
                "subject_id": people["patient"],
                "gender": people["sex"],
                "anchor_age": 2015 - people["year"],
                "anchor_year": 2015,
                "dod": people["died"].dt.date,
            }
        ),
        "hosp/admissions": pd.DataFrame(
            {
                "subject_id": stays["patient"],
                "hadm_id": stays["stay"],
                "admittime": stays["admitted"],
                "dischtime": stays["discharged"],
                "admission_type": stays["type"].map(ED_TYPES),
                "admission_location": stays["source"],
                "discharge_location": stays["went"],
                "race": stays["patient"].map(people.set_index("patient")["race"]),
                "hospital_expire_flag": in_hospital.astype(int),
            }
        ),
        "hosp/diagnoses_icd": pd.DataFrame(
            {
                "subject_id": hospital.diagnoses["patient"],
                "hadm_id": hospital.diagnoses["stay"],
                "seq_num": hospital.diagnoses["seq"],
                "icd_code": hospital.diagnoses["code"],
                "icd_version": 10,
            }
        ),
        "hosp/procedures_icd": _mimic_events(hospital.procedures).assign(
            chartdate=hospital.procedures["at"].dt.date, icd_code=hospital.procedures["code"], icd_version=10
        ),
        "hosp/prescriptions": _mimic_events(hospital.medications).assign(
            starttime=hospital.medications["at"], drug=hospital.medications["name"]
        ),
        "hosp/labevents": _mimic_events(hospital.labs).assign(
            itemid=hospital.labs["item"],
            charttime=hospital.labs["at"],
            valuenum=hospital.labs["value"],
            valueuom=hospital.labs["unit"],
        ),
        "ed/edstays": pd.DataFrame(
            {
                "subject_id": emergency["patient"],
                "hadm_id": None,
                "stay_id": emergency["visit"],
                "intime": emergency["at"],
                "outtime": emergency["at"],
            }
        ),
    }
    for name, table in tables.items():
        path = folder / f"{name}.csv.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(path, index=False)


def _mimic_events(rows):
    return pd.DataFrame({"subject_id": rows["patient"], "hadm_id": rows["stay"]})


def write_meds(hospital, folder):
    """MEDS as two shards."""
    people, stays = hospital.patients, hospital.stays
    born = pd.to_datetime(people["year"].astype(str) + "-01-01")
    died = people[people["died"].notna()]
    parts = [
        _meds(people["patient"], born, "MEDS_BIRTH"),
        _meds(died["patient"], died["died"], "MEDS_DEATH"),
        _meds(people["patient"], pd.NaT, "GENDER//" + people["sex"]),
        _meds(people["patient"], pd.NaT, "RACE//" + people["race"]),
        _meds(
            stays["patient"],
            stays["admitted"],
            "HOSPITAL_ADMISSION//" + stays["type"].map(ED_TYPES) + "//" + stays["source"],
            stays["stay"],
        ),
        _meds(stays["patient"], stays["discharged"], "HOSPITAL_DISCHARGE//" + stays["went"], stays["stay"]),
        _meds(
            hospital.visits["patient"],
            hospital.visits["at"],
            hospital.visits["emergency"].map({True: "ED_REGISTRATION", False: "OUTPATIENT_VISIT"}),
        ),
        _meds(
            hospital.diagnoses["patient"],
            hospital.diagnoses["at"],
            "DIAGNOSIS//ICD//10//" + hospital.diagnoses["code"],
            hospital.diagnoses["stay"],
        ),
        _meds_of(hospital.procedures, "PROCEDURE//ICD//10//" + hospital.procedures["code"]),
        _meds_of(hospital.medications, "MEDICATION//START//" + hospital.medications["name"]),
        _meds_of(hospital.labs, "LAB//" + hospital.labs["item"].astype(str) + "//" + hospital.labs["unit"]).assign(
            numeric_value=hospital.labs["value"].to_numpy()
        ),
    ]
    events = pd.concat(parts, ignore_index=True).astype({"numeric_value": "float64", "hadm_id": "Int64"})
    half = events["subject_id"] % 2 == 0
    for place, rows in enumerate((events[half], events[~half])):
        path = folder / "data" / ("train", "held_out")[place] / f"{place}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows.sort_values(["subject_id", "time"]).to_parquet(path, index=False)


def _meds_of(rows, codes):
    return _meds(rows["patient"], rows["at"], codes, rows["stay"])


def _meds(patients, times, codes, stays=None):
    columns = {"subject_id": patients, "time": times, "code": codes, "numeric_value": np.nan, "hadm_id": stays}
    return pd.DataFrame(columns)


def write_fhir(hospital, folder):
    """FHIR R4 bulk export."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, resources in fhir_resources(hospital):
        with (folder / f"{name}.000.ndjson").open("w") as stream:
            stream.writelines(json.dumps({"resourceType": name, **one}) + "\n" for one in resources)


def fhir_resources(hospital):
    """Give each resource type and its resources."""
    stays, visits = hospital.stays, hospital.visits
    first = hospital.diagnoses[hospital.diagnoses["seq"] == 1]
    rank = {stay: f"d{place}" for place, stay in zip(first.index, first["stay"], strict=True)}
    yield "Patient", (_patient(row) for row in hospital.patients.itertuples())
    encounters = [_stay(row, rank.get(row.stay)) for row in stays.itertuples()]
    yield "Encounter", encounters + [_visit(row) for row in visits.itertuples()]
    yield (
        "Condition",
        (
            {
                **_about(row.patient, row.stay),
                "id": f"d{row.Index}",
                "recordedDate": _time(row.at),
                "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": row.code}]},
            }
            for row in hospital.diagnoses.itertuples()
        ),
    )
    yield (
        "Procedure",
        (
            {
                **_about(row.patient, row.stay),
                "id": f"p{row.Index}",
                "status": "completed",
                "performedDateTime": _time(row.at),
            }
            for row in hospital.procedures.itertuples()
        ),
    )
    yield (
        "MedicationRequest",
        (
            {
                **_about(row.patient, row.stay),
                "id": f"m{row.Index}",
                "status": "active",
                "intent": "order",
                "authoredOn": _time(row.at),
                "medicationCodeableConcept": {"text": row.name_},
            }
            for row in hospital.medications.rename(columns={"name": "name_"}).itertuples()
        ),
    )
    yield (
        "Observation",
        (
            {
                **_about(row.patient, row.stay),
                "id": f"o{row.Index}",
                "status": "final",
                "effectiveDateTime": _time(row.at),
                "code": {"coding": [{"system": "http://loinc.org", "code": row.loinc}]},
                "valueQuantity": {"value": row.value, "unit": row.unit},
            }
            for row in hospital.labs.itertuples()
        ),
    )


def _about(patient, stay):
    return {"subject": {"reference": f"Patient/{patient}"}, "encounter": {"reference": f"Encounter/{stay}"}}


def _time(at):
    return at.isoformat() + "-05:00"


def _patient(row):
    code = {"WHITE": "White", "ASIAN": "Asian"}.get(row.race, "Black or African American")
    race = {
        "url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race",
        "extension": [{"url": "ombCategory", "valueCoding": {"display": code}}, {"url": "text", "valueString": code}],
    }
    died = {} if pd.isna(row.died) else {"deceasedDateTime": row.died.date().isoformat()}
    return {
        "id": str(row.patient),
        "gender": {"F": "female", "M": "male"}[row.sex],
        "birthDate": f"{row.year}-01-01",
        "extension": [race],
        **died,
    }


def _stay(row, first):
    diagnosis = [{"condition": {"reference": f"Condition/{first}"}, "rank": 1}] if first else []
    return {
        "id": str(row.stay),
        "status": "finished",
        "class": {"code": "IMP"},
        "subject": {"reference": f"Patient/{row.patient}"},
        "period": {"start": _time(row.admitted), "end": _time(row.discharged)},
        "priority": {"coding": [{"code": PRIORITIES[row.type]}]},
        "hospitalization": {
            "admitSource": {"text": row.source},
            "dischargeDisposition": {"coding": [{"code": WENT[row.went]}], "text": row.went},
        },
        "diagnosis": diagnosis,
    }


def _visit(row):
    return {
        "id": str(row.visit),
        "status": "finished",
        "class": {"code": "EMER" if row.emergency else "AMB"},
        "subject": {"reference": f"Patient/{row.patient}"},
        "period": {"start": _time(row.at), "end": _time(row.at)},
    }


WRITERS = {"omop": write_omop, "mimic": write_mimic, "fhir": write_fhir, "meds": write_meds}
