"""Invented encounters whose diagnoses are sets of codes, some rare, some never in training."""

import numpy as np
import pandas as pd

from clinflu.data import Cohort, CohortSchema, FeatureSpec, Provenance, build_cohort

FEW = 420
SCHEMA = CohortSchema(
    encounter_id="encounter",
    patient_id="patient",
    outcome="readmitted",
    features=(
        FeatureSpec("age_years", "Age", unit="years", bounds=(0, 110)),
        FeatureSpec("diagnoses", "Diagnoses <of stay>", separator=";", fewest=10),
        FeatureSpec("ward", "Ward", levels=("medical", "surgical")),
    ),
    subgroups=("ward",),
)


def coded_rows(people: int = FEW) -> pd.DataFrame:
    """Return about 2.5 encounters of each of so many patients."""
    rng = np.random.default_rng(23)
    patients = np.repeat(np.arange(people), rng.integers(1, 5, people))
    n = len(patients)
    codes = np.array(["I10", "E11.9", "N18", "<b>J44</b>", "K21", "F32.1", *(f"Z{k:02d}" for k in range(60))])
    often = np.array([0.45, 0.3, 0.15, 0.1, 0.1, 0.05, *np.geomspace(0.05, 0.002, 60)])
    held = rng.random((n, len(codes))) < often
    margin = -1.4 + 0.9 * held[:, 2] + 1.1 * held[:, 3] - 0.6 * held[:, 0] + 0.3 * rng.normal(size=people)[patients]
    return pd.DataFrame(
        {
            "encounter": [f"e{k:04d}" for k in rng.permutation(n)],
            "patient": [f"p{k:03d}" for k in patients],
            "readmitted": (rng.random(n) < 1 / (1 + np.exp(-margin))).astype(int),
            "age_years": (62 + 15 * rng.normal(size=n)).clip(1, 109),
            "ward": rng.choice(["medical", "surgical"], n, p=[0.6, 0.4]),
            "diagnoses": [";".join(rng.permutation(codes[row])) or None for row in held],
        }
    )


def coded_cohort(people: int = FEW) -> Cohort:
    """Return them with their diagnoses as one variable."""
    rows = coded_rows(people)
    return build_cohort(rows, SCHEMA, Provenance("coded", "0" * 64, "none", len(rows), simulated=True))
