"""Write FHIR resources as the tests need them."""

import json


def ndjson(folder, **resources):
    """Write resources into a file a kind; a text or bytes is written as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, rows in resources.items():
        lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
        (folder / f"{kind}.000.ndjson").write_bytes(b"\n".join(lines) + b"\n")
    return folder


def patient(name="p1", **more):
    return {"resourceType": "Patient", "id": name, "gender": "female", "birthDate": "1950-06-01", **more}


def encounter(name, start, end, code="IMP", who="p1", **more):
    return {
        "resourceType": "Encounter",
        "id": name,
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": code},
        "subject": {"reference": f"Patient/{who}"},
        "period": {"start": start, "end": end},
        **more,
    }


def event(kind, name, at=None, stay=None, who="p1", **more):
    """A Condition, Procedure, MedicationRequest or Observation; ``at`` goes where each has it."""
    time = {
        "Condition": "recordedDate",
        "Procedure": "performedDateTime",
        "MedicationRequest": "authoredOn",
        "Observation": "effectiveDateTime",
    }[kind]
    told = {"resourceType": kind, "id": name, "subject": {"reference": f"Patient/{who}"}}
    if at is not None:
        told[time] = at
    if stay is not None:
        told["encounter"] = {"reference": f"Encounter/{stay}"}
    return {**told, **more}


def condition(name, code, system="http://hl7.org/fhir/sid/icd-10-cm", **more):
    return event("Condition", name, code={"coding": [{"system": system, "code": code}]}, **more)


def medication(name, words, **more):
    return event("MedicationRequest", name, status="active", medicationCodeableConcept={"text": words}, **more)


def observation(name, loinc, value, unit, **more):
    code = {"coding": [{"system": "http://loinc.org", "code": loinc}]}
    return event("Observation", name, status="final", code=code, valueQuantity={"value": value, "unit": unit}, **more)


def small():
    """Two patients with three stays, and something of every kind in each."""
    stays = [
        encounter("e1", "2020-01-01T10:00:00-05:00", "2020-01-05T12:00:00-05:00"),
        encounter("e2", "2020-01-20T10:00:00-05:00", "2020-01-25T12:00:00-05:00"),
        encounter("e3", "2020-03-01T08:00:00-05:00", "2020-03-04T12:00:00-05:00", who="p2"),
        encounter("v1", "2019-12-01T08:00:00-05:00", "2019-12-01T09:00:00-05:00", code="EMER"),
        encounter("v2", "2020-06-01T08:00:00-05:00", "2020-06-01T09:00:00-05:00", code="AMB"),
    ]
    return {
        "Patient": [patient("p1"), patient("p2", gender="male", birthDate="1960")],
        "Encounter": stays,
        "Condition": [
            condition("c1", "I50.9", at="2020-01-02", stay="e1"),
            condition("c2", "E11.9", at="2020-01-21", stay="e2"),
            condition("c3", "J44.1", at="2020-03-02", stay="e3", who="p2"),
        ],
        "Procedure": [event("Procedure", "r1", "2020-01-02T10:00:00-05:00", "e1", status="completed")],
        "MedicationRequest": [medication("m1", "insulin glargine", at="2020-01-02T10:00:00-05:00", stay="e1")],
        "Observation": [
            observation("o1", "2951-2", 133, "mmol/L", at="2020-01-02T10:00:00-05:00", stay="e1"),
            observation("o2", "718-7", 10.5, "g/dL", at="2020-03-02T10:00:00-05:00", stay="e3", who="p2"),
            observation("o3", "99999-9", 1, "kg", at="2020-03-02T10:00:00-05:00", stay="e3", who="p2"),
        ],
    }
