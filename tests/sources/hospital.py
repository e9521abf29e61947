"""An invented hospital, and the same patients written as OMOP, MIMIC-IV, FHIR and MEDS."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

EMERGENCY, URGENT, ELECTIVE = "EMERGENCY", "URGENT", "ELECTIVE"
SOURCES = np.array(["EMERGENCY ROOM", "PHYSICIAN REFERRAL", "TRANSFER FROM HOSPITAL"])
PLACES = np.array(["HOME", "SKILLED NURSING FACILITY", "HOSPICE", "ACUTE HOSPITAL", "AGAINST ADVICE"])
RACES = np.array(["WHITE", "BLACK OR AFRICAN AMERICAN", "ASIAN"])
CODES = np.array(["I509", "E119", "E1121", "N183", "J449", "I252", "C341", "C780", "K7030", "Z8673", "F0390", "I10"])
DRUGS = np.array(["Metoprolol Tartrate", "Insulin Lispro", "Warfarin", "Furosemide", "Vancomycin", "Atorvastatin"])
PLACES_OF_CARE = np.array(["0DB68ZX", "5A1955Z", "02HV33Z"])
ANALYTES = pd.DataFrame(
    [
        ("sodium", 50983, "2951-2", 3019550, "mEq/L", 9557, 138.0, 4.0),
        ("creatinine", 50912, "2160-0", 3016723, "mg/dL", 8840, 1.2, 0.2),
        ("haemoglobin", 51222, "718-7", 3000963, "g/dL", 8713, 12.0, 1.5),
    ],
    columns=["analyte", "item", "loinc", "concept", "unit", "unit_concept", "mean", "sd"],
)
PLANTED_CODE, PLANTED_DRUG = "B20", "Haloperidol"  # HIV and an antipsychotic, which nobody else has
PLANTED_VALUES = {"sodium": 171.0, "creatinine": 9.0, "haemoglobin": 4.0}
START = np.datetime64("2015-01-01T00:00", "m")
DAY = np.timedelta64(1440, "m")


@dataclass(frozen=True)
class Hospital:
    """Invented patients; every table is in the terms of no format."""

    patients: pd.DataFrame
    stays: pd.DataFrame
    visits: pd.DataFrame
    diagnoses: pd.DataFrame
    procedures: pd.DataFrame
    medications: pd.DataFrame
    labs: pd.DataFrame
    planted: tuple[str, ...] = ()

    def without_late_diagnoses(self):
        """Leave out the diagnoses that were planted."""
        return replace(self, diagnoses=self.diagnoses[self.diagnoses["code"] != PLANTED_CODE])


def simulated_hospital(patients: int, seed: int = 0, visits_each: float = 3.0) -> Hospital:
    """Invent a hospital; about two stays a patient, and ``visits_each`` emergency and outpatient visits."""
    rng = np.random.default_rng(seed)
    people = pd.DataFrame(
        {
            "patient": np.arange(10_001, 10_001 + patients),
            "sex": rng.choice(["F", "M"], patients),
            "year": rng.integers(1940, 1996, patients),
            "race": rng.choice(RACES, patients, p=[0.6, 0.25, 0.15]),
        }
    )
    stays = _stays(rng, people)
    people["died"] = _deaths(rng, people, stays)
    number = rng.poisson(visits_each, patients)
    visits = pd.DataFrame({"patient": np.repeat(people["patient"].to_numpy(), number)})
    visits["at"] = START + rng.integers(0, 1_000 * 1440, len(visits)) * np.timedelta64(1, "m")
    visits["emergency"] = rng.random(len(visits)) < 0.3
    visits["visit"] = np.arange(5_000_001, 5_000_001 + len(visits))
    return Hospital(
        people,
        stays,
        _apart(visits, stays),
        _diagnoses(rng, stays),
        _within(rng, stays, 0.8).assign(code=lambda rows: rng.choice(PLACES_OF_CARE, len(rows))),
        _within(rng, stays, 2.0).assign(name=lambda rows: rng.choice(DRUGS, len(rows))),
        _labs(rng, stays),
    )


def with_late_records(hospital: Hospital, hours: float = 30) -> Hospital:
    """The same patients, with records of every kind made so long after their last discharge, which name that stay."""
    last = hospital.stays.sort_values("discharged").groupby("patient").tail(1)
    at = np.maximum(last["discharged"] + pd.Timedelta(hours=hours), last["admitted"])
    late = pd.DataFrame({"patient": last["patient"], "stay": last["stay"], "at": at})
    labs = late.merge(ANALYTES.drop(columns=["mean", "sd"]), how="cross")
    return replace(
        hospital,
        diagnoses=_with(hospital.diagnoses, late.assign(code=PLANTED_CODE, seq=99)),
        procedures=_with(hospital.procedures, late.assign(code=PLACES_OF_CARE[0])),
        medications=_with(hospital.medications, late.assign(name=PLANTED_DRUG)),
        labs=_with(hospital.labs, labs.assign(value=labs["analyte"].map(PLANTED_VALUES))),
        planted=tuple(last["stay"].astype(str)),
    )


def _with(rows, more):
    return pd.concat([rows, more], ignore_index=True)


def _stays(rng, people):
    number = 1 + rng.poisson(1.0, len(people))
    stays = pd.DataFrame({"patient": np.repeat(people["patient"].to_numpy(), number)})
    n = len(stays)
    gap = np.where(rng.random(n) < 0.25, rng.integers(1, 32, n), rng.integers(33, 300, n))
    length = 1 + rng.poisson(4, n)
    first = np.repeat(rng.integers(0, 300, len(people)), number)
    passed = pd.Series(gap + length).groupby(stays["patient"]).cumsum().to_numpy()
    minutes = rng.integers(0, 1440, (2, n)) * np.timedelta64(1, "m")
    stays["admitted"] = START + (first + passed - length) * DAY + minutes[0]
    stays["discharged"] = START + (first + passed) * DAY + minutes[1]
    stays["stay"] = np.arange(1_000_001, 1_000_001 + n)
    stays["type"] = rng.choice([EMERGENCY, URGENT, ELECTIVE], n, p=[0.6, 0.15, 0.25])
    stays["source"] = rng.choice(SOURCES, n)
    stays["went"] = rng.choice(PLACES, n, p=[0.68, 0.18, 0.02, 0.08, 0.04])
    return stays


def _deaths(rng, people, stays):
    """Some die in their last stay, some within the window after it, some later."""
    last = stays.groupby("patient")["discharged"].max().reindex(people["patient"]).to_numpy()
    kind = rng.choice(["no", "in", "soon", "late"], len(people), p=[0.9, 0.03, 0.04, 0.03])
    days = np.select([kind == "in", kind == "soon", kind == "late"], [0, rng.integers(2, 30, len(people)), 200], -1)
    died = (last.astype("datetime64[D]") + days * np.timedelta64(1, "D")).astype("datetime64[m]")
    return np.where(days < 0, np.datetime64("NaT"), died)


def _apart(visits, stays):
    """Leave out the visits within stays and the day before them: in MIMIC they would be part of the admission."""
    joined = visits.reset_index().merge(stays[["patient", "admitted", "discharged"]], on="patient")
    inside = (joined["at"] >= joined["admitted"] - 2 * DAY) & (joined["at"] <= joined["discharged"] + DAY)
    return visits.drop(index=joined.loc[inside, "index"].unique()).reset_index(drop=True)


def _within(rng, stays, mean):
    """Moments within stays, none on the day of the discharge."""
    rows = stays.loc[stays.index.repeat(rng.poisson(mean, len(stays))), ["patient", "stay", "admitted", "discharged"]]
    room = (rows["discharged"].dt.normalize() - rows["admitted"]) / np.timedelta64(1, "m")
    minutes = np.floor(rng.random(len(rows)) * room.clip(lower=0)).astype(int)
    at = rows["admitted"] + pd.to_timedelta(minutes, unit="m")
    return rows.assign(at=at)[["patient", "stay", "at"]].reset_index(drop=True)


def _diagnoses(rng, stays):
    rows = stays.loc[stays.index.repeat(1 + rng.poisson(2, len(stays))), ["patient", "stay", "admitted"]]
    rows = rows.rename(columns={"admitted": "at"}).assign(code=rng.choice(CODES, len(rows)))
    rows = rows.drop_duplicates(["stay", "code"]).reset_index(drop=True)
    return rows.assign(seq=rows.groupby("stay").cumcount() + 1)


def _labs(rng, stays):
    rows = _within(rng, stays, 4.0)
    kind = rng.integers(0, len(ANALYTES), len(rows))
    values = ANALYTES["mean"].to_numpy()[kind] + ANALYTES["sd"].to_numpy()[kind] * rng.normal(size=len(rows))
    labs = pd.concat([rows, ANALYTES.iloc[kind].reset_index(drop=True)], axis=1)
    return labs.assign(value=np.round(values, 2)).drop(columns=["mean", "sd"])
