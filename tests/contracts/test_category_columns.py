"""Everything that an audit says is the same whether categories are held as text or as ``category`` columns."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from clinflu import Audit, Edit, Relabel, Remove
from clinflu.adoption import _column
from clinflu.analysis import ANALYSES
from clinflu.analysis.source_check import source_check
from clinflu.analysis.subgroups import Bootstrap
from clinflu.data import Cohort
from clinflu.findings.material import Options
from clinflu.report import subgroup_report
from clinflu.study import Study
from data_loaders import load
from data_loaders.simulate_folder import write_simulated

NOT_COMPARED = {"seconds"}
FEW = Bootstrap(50)


@pytest.fixture(scope="module")
def categories(tmp_path_factory):
    """The audit of a simulated folder of 6,000 encounters, as it is read."""
    folder = tmp_path_factory.mktemp("simulated") / "folder"
    write_simulated(folder, 6_000, part_rows=3_000, processes=1)
    return Audit.fit(load("parquet", folder))


@pytest.fixture(scope="module")
def texts(categories):
    """The same encounters with their categories as text."""
    cohort = categories.cohort
    kinds = {spec.name: "str" for spec in cohort.schema.categories}
    assert {str(cohort.frame[name].dtype) for name in kinds} == {"category"}
    return Audit.fit(dataclasses.replace(cohort, frame=cohort.frame.astype(kinds)))


def learned_from(audit, count):
    return [str(one) for one in audit.study.train_ids[:count]]


def strongest(audit):
    return [str(one) for one in audit.trace(audit.worst_miss()).influence.strongest(3).index]


def kept(audit, folder):
    audit.save(folder)
    again = Audit.open(folder)
    assert again.cohort.frame.dtypes.equals(audit.cohort.frame.dtypes)
    return again.model, again.cohort.content_hash, again.mistakes()


def report(audit, folder):
    options = Options(("age_group", "race*gender"), bootstrap=FEW)
    subgroup_report(audit, folder, options=options, formats=("csv", "json", "html"))
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


CALLS = {
    "repr": lambda audit, _: repr(audit.cohort),
    "content": lambda audit, _: audit.cohort.content_hash,
    "design": lambda audit, _: (np.asarray(audit.design.x), audit.design.columns),
    "coefficients": lambda audit, _: audit.coefficients,
    "mistakes": lambda audit, _: audit.mistakes(),
    "trace": lambda audit, _: audit.trace(audit.worst_miss()),
    "trace in words": lambda audit, _: str(audit.trace(audit.worst_miss())),
    "past patients": lambda audit, _: audit.past_patients(audit.worst_miss(), refit=False),
    "because": lambda audit, _: audit.because(audit.worst_miss(), strongest(audit)[0]),
    "perturbation": lambda audit, _: audit.perturbation(audit.worst_miss(), strongest(audit)[0]),
    "group decomposition": lambda audit, _: audit.group_decomposition(audit.worst_miss(), strongest(audit)),
    "ledger": lambda audit, _: audit.ledger(audit.worst_miss(), ["medical_specialty", "number_inpatient"]),
    "training group": lambda audit, _: audit.training_group("race", "missing"),
    "removed": lambda audit, _: audit.what_if(Remove(learned_from(audit, 30))),
    "removed by query": lambda audit, _: audit.what_if(
        Remove(query="medical_specialty == 'Nephrology' or (race is missing and age in ['[60-70)'])")
    ),
    "relabelled": lambda audit, _: audit.what_if(Relabel(dict.fromkeys(learned_from(audit, 5), 1))),
    "edited": lambda audit, _: audit.what_if(
        Edit(learned_from(audit, 1)[0], {"age": "[60-70)", "num_procedures": 2.5})
    ),
    "flip set": lambda audit, _: audit.flip_set(audit.worst_miss()),
    "support": lambda audit, _: audit.support(audit.worst_miss()),
    "drivers": lambda audit, _: audit.drivers("loss", subgroup=("gender", "Female")),
    "why": lambda audit, _: audit.why("medical_specialty", "Nephrology"),
    "check": lambda audit, _: audit.check([audit.worst_miss()], each=2, groups=1),
    "source check": lambda audit, _: source_check(audit.cohort).to_dict(),
    "kept": kept,
    "report": report,
    "subgroups of some": lambda audit, _: audit.subgroups(
        ["age_group", "race*gender", "medical_specialty"], bootstrap=FEW
    ),
    **{name: lambda audit, _, one=one: one(audit.study) for name, one in ANALYSES.items() if name != "subgroups"},
}


@pytest.mark.parametrize("name", CALLS)
def test_it_is_the_same(categories, texts, name, tmp_path, monkeypatch):
    for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    ours, truth = (CALLS[name](audit, tmp_path / "report") for audit in (categories, texts))
    same(ours, truth, name)


def test_coefficients_of_a_model_of_the_hospital_find_the_same_rows(categories, texts):
    for name in ("race=missing", "race=Asian", "age=[60-70)", "num_procedures"):
        ours, truth = (_column(audit.cohort, name) for audit in (categories, texts))
        np.testing.assert_array_equal(ours, truth)
        assert 0 < ours.sum() < np.inf


def same(ours, truth, place):
    """Assert that two results are the same to the last bit, wherever they hold anything but the study itself."""
    assert type(ours) is type(truth), place
    kinds = [kind for kind in COMPARED if isinstance(ours, kind)]
    if kinds:
        COMPARED[kinds[0]](ours, truth, place)
        return
    assert dataclasses.is_dataclass(ours), f"{place} holds {type(ours)}, which nothing here compares"
    for one in dataclasses.fields(ours):
        if one.name not in NOT_COMPARED:
            same(getattr(ours, one.name), getattr(truth, one.name), f"{place}.{one.name}")


def same_items(ours, truth, place):
    assert list(ours) == list(truth), place
    for key, value in ours.items():
        same(value, truth[key], f"{place}[{key!r}]")


def same_places(ours, truth, place):
    assert len(ours) == len(truth), place
    for at, pair in enumerate(zip(ours, truth, strict=True)):
        same(*pair, f"{place}[{at}]")


def equal(ours, truth, place):
    assert ours == truth, place


COMPARED = {
    pd.DataFrame: lambda a, b, place: pd.testing.assert_frame_equal(a, b, check_exact=True, obj=place),
    pd.Series: lambda a, b, place: pd.testing.assert_series_equal(a, b, check_exact=True, obj=place),
    pd.Index: lambda a, b, place: pd.testing.assert_index_equal(a, b, exact=True, obj=place),
    (np.ndarray, float): lambda a, b, place: np.testing.assert_array_equal(a, b, err_msg=place),
    (Study, Audit, Cohort): lambda *_: None,
    dict: same_items,
    (tuple, list): same_places,
    (str, bytes, int, type(None), np.generic, frozenset): equal,
}
