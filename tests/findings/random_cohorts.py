"""Small random cohorts, hard to publish: rare levels, rare events, patients with many stays, columns within columns."""

import numpy as np
import pandas as pd

from clinflu import Audit
from clinflu.data import CohortSchema, Exclusion, FeatureSpec, Provenance, build_cohort

BANDS = ("[0-10)", "[10-20)", "[20-40)", "[40-60)", "[60-90)", "[90-120)")


def random_audit(seed):
    """Return the audit of a cohort of 200 to 12,000 encounters and 1 to 4 variables."""
    rng = np.random.default_rng([41, seed])
    patients = int(np.exp(rng.uniform(np.log(150), np.log(6_000))))
    stays = 1 + rng.poisson(rng.choice([0.0, 0.5, 1.5]), patients)
    patient = np.repeat(np.arange(patients), stays)
    n = len(patient)
    levels = [int(rng.integers(2, 6)) for _ in range(int(rng.integers(1, 3)))]
    columns, features = {}, []
    for at, size in enumerate(levels):
        shares = rng.dirichlet(np.full(size, rng.choice([0.5, 1.0, 3.0])))
        columns[f"group{at}"] = rng.choice([f"g{at}{one}" for one in range(size)], n, p=shares)
        features.append(FeatureSpec(f"group{at}", f"Group {at}", levels=()))
    if rng.random() < 0.6:
        shares = rng.dirichlet([0.5, 0.7, 1.0, 2.0, 3.0, 0.6])
        columns["age"] = rng.choice(BANDS, n, p=shares)
        features.append(FeatureSpec("age", "Age", levels=BANDS))
    if rng.random() < 0.4:
        columns["within"] = np.where(columns["group0"] == "g00", "first", "others")
        features.append(FeatureSpec("within", "Coarse group", levels=()))
    if rng.random() < 0.75:
        columns["lab"] = rng.normal(5.0, 1.0, n).round(6)
        features.append(FeatureSpec("lab", "Laboratory value"))
    margin = rng.uniform(-2.2, -0.2) + rng.normal(0, 0.8, patients)[patient]
    margin = margin + 0.4 * (columns.get("lab", 5.0) - 5.0)
    for values in (one for name, one in columns.items() if name != "lab"):
        effect = dict(zip(np.unique(values), rng.normal(0, 0.7, 9), strict=False))
        margin = margin + pd.Series(values).map(effect).to_numpy()
    outcome = (rng.random(n) < 1 / (1 + np.exp(-margin))).astype(float)
    schema = CohortSchema(
        "encounter",
        "patient",
        "outcome",
        tuple(features),
        subgroups=tuple(spec.name for spec in features if spec.is_category),
    )
    names = {"encounter": [f"e{at}" for at in range(n)], "patient": [f"p{at}" for at in patient]}
    rows = pd.DataFrame({**names, **columns})
    excluded = int(rng.choice([0, 3, 40]))
    provenance = Provenance("random.csv", "0" * 64, "table", n + excluded, (Exclusion("died", excluded),))
    return Audit.fit(build_cohort(rows.assign(outcome=outcome), schema, provenance), seed=seed)
