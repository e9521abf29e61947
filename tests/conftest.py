"""Fixtures that many tests share."""

import asyncio
import dataclasses
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

from clinflu.data import BaselineSpec, CohortSchema, FeatureSpec, Provenance, build_cohort

settings.register_profile("on a busy machine", deadline=None)  # how long an example took says nothing there
settings.load_profile("on a busy machine")

LONGEST_FIRST = ("test_notebooks.py", "test_gallery.py", "test_serving.py", "test_lab.py")


def pytest_collection_modifyitems(items):
    """Begin with the files that take minutes, so that no worker is left with one at the end."""
    last = len(LONGEST_FIRST)
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.name, last))


@pytest.fixture(scope="module", autouse=True)
def no_cluster_outlives_its_tests():
    """Let Dask's own threads, which draw random numbers, end with the tests that used them."""
    yield
    if "clinflu.data.matrix.cluster" in sys.modules:
        from clinflu.data.matrix.cluster import embedded

        for workers in (1, 2):
            embedded(workers).close()


@pytest.fixture(scope="session")
def uci_zip():
    """The archive of the UCI Diabetes table, which is no part of the repository."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    path = Path(os.environ.get("CLINFLU_DATA") or beside) / "dataset_diabetes.zip"
    if not path.is_file():
        pytest.skip(f"{path} is absent; set CLINFLU_DATA to the folder that holds it")
    return path


@pytest.fixture(scope="session")
def uci_table(uci_zip):
    """The UCI table as published, and the digest of its file."""
    from data_loaders.diabetes130 import read_raw

    return read_raw(uci_zip)


@pytest.fixture(scope="session")
def uci_cohort(uci_zip):
    """The encounters of the UCI table at risk of a readmission."""
    from data_loaders import load

    return load("diabetes130", uci_zip)


@pytest.fixture(scope="session")
def uci_protocol(uci_table):
    """The training and test sets of the published case study."""
    from clinflu.analysis.case_study import prepare

    return prepare(uci_table[0])


@pytest.fixture(scope="session")
def uci_case_study(uci_table):
    """The published case study, reproduced."""
    from clinflu.analysis.case_study import case_study

    return case_study(uci_table[0])


@pytest.fixture(scope="session")
def uci_case_audit(uci_zip, uci_table):
    """The published case study, asked as an audit."""
    from clinflu import Audit, case_study_study

    raw, sha256 = uci_table
    return Audit(case_study_study(raw, uci_zip.name, sha256))


@pytest.fixture(scope="session")
def simulated_cohort():
    """The built-in cohort, with its planted causes."""
    from data_loaders import load

    return load("simulated")


@pytest.fixture(scope="session")
def simulated_audit(simulated_cohort):
    """The default model on the built-in cohort."""
    from clinflu import Audit

    return Audit.fit(simulated_cohort)


SMALL_SCHEMA = CohortSchema(
    encounter_id="encounter",
    patient_id="patient",
    outcome="readmitted",
    features=(
        FeatureSpec("age_years", "Age", unit="years", bounds=(0, 110)),
        FeatureSpec("visits", "Visits in the year before", bounds=(0, 60), log1p=True),
        FeatureSpec("platelets", "Platelets", unit="per µL"),
        FeatureSpec("creatinine", "Creatinine", unit="mg/dL", bounds=(0, float("inf"))),
        FeatureSpec("ward", "Ward", levels=("medical", "surgical", "intensive", "burns")),
        FeatureSpec("ward_team", "Team", levels=()),
    ),
    subgroups=("ward",),
)


@pytest.fixture(scope="session")
def small_cohort():
    """About 1,000 encounters of 420 patients; values are missing, and intensive care is rare and misleading."""
    rng = np.random.default_rng(11)
    patients = np.repeat(np.arange(420), rng.integers(1, 5, 420))
    n = len(patients)
    severity = rng.normal(size=420)[patients]
    ward = rng.choice(["medical", "surgical", "intensive"], n, p=[0.6, 0.38, 0.02])
    rows = pd.DataFrame(
        {
            "encounter": [f"e{k:04d}" for k in rng.permutation(n)],
            "patient": [f"p{k:03d}" for k in patients],
            "age_years": (62 + 15 * rng.normal(size=n)).clip(1, 109),
            "visits": rng.poisson(np.exp(0.4 * severity)),
            "platelets": 250_000 + 80_000 * rng.normal(size=n),
            "creatinine": np.where(rng.random(n) < 0.1, np.nan, 1 + rng.gamma(2.0, 0.3, n)),
            "ward": ward,
            "ward_team": pd.Series(rng.choice(["red", "blue", "x_y"], n)).mask(pd.Series(rng.random(n) < 0.15)),
        }
    )
    margin = -1.6 + 0.9 * severity + 0.02 * (rows["age_years"] - 62) + 0.5 * (rows["ward_team"] == "red")
    rows["readmitted"] = (rng.random(n) < 1 / (1 + np.exp(-margin))).astype(int)
    rows.loc[rows["ward"] == "intensive", "readmitted"] = (rng.random((ward == "intensive").sum()) < 0.7).astype(int)
    return build_cohort(rows, SMALL_SCHEMA, Provenance("small", "0" * 64, "none", n, simulated=True))


@pytest.fixture(scope="session")
def scored_cohort(small_cohort):
    """The small cohort with a baseline score that almost tells the outcome: a model that used it would show it."""
    frame = small_cohort.frame
    score = (4.0 * frame["readmitted"] + frame["visits"].clip(upper=3)).mask(frame["creatinine"].isna())
    spec = BaselineSpec("lace", "LACE~ (approximate)", approximate=True, note="It is made up.", largest=7)
    schema = dataclasses.replace(SMALL_SCHEMA, baselines=(spec,))
    return build_cohort(frame.reset_index().assign(lace=score.to_numpy()), schema, small_cohort.provenance)


@pytest.fixture(scope="session")
def small_study(small_cohort):
    """The study of the small cohort at the default penalty."""
    from clinflu.study import Study

    return Study.fit(small_cohort)


@pytest.fixture(scope="session")
def coded_cohort():
    """About 1,000 encounters whose diagnoses are one variable, a set of codes."""
    from sources.coded import coded_cohort

    return coded_cohort()


@pytest.fixture
def clinflu(monkeypatch, capsys, tmp_path):
    """Run a command in this process; return (exit code, stdout, stderr)."""
    from clinflu import cli

    monkeypatch.chdir(tmp_path)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["clinflu", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        printed = capsys.readouterr()
        return stopped.value.code or 0, printed.out, printed.err

    return run


@pytest.fixture(scope="session")
def small_csv(tmp_path_factory):
    """A small simulated table in the columns of the UCI table."""
    from data_loaders.simulated import simulate

    path = tmp_path_factory.mktemp("table") / "diabetic_data.csv"
    simulate(4000, seed=3).to_csv(path, index=False, na_rep="?")
    return path


@pytest.fixture
def without_the_loop_of_a_browser():
    """A browser that another test of this process drives has an event loop on this thread; here none runs."""
    loop = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(loop)
