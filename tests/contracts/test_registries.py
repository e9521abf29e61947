"""What is registered keeps the promises of its kind."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from clinflu.analysis import ANALYSES
from clinflu.analysis.audited_metrics import METRICS
from clinflu.analysis.drivers import drivers
from clinflu.analysis.mistakes import mistakes
from clinflu.analysis.ranking_methods import RANKINGS
from clinflu.data import Cohort
from clinflu.errors import LoaderError
from clinflu.model import FAMILIES
from data_loaders import LOADERS, load

NEEDS_NO_FILE = ("simulated",)


@pytest.mark.parametrize("name", LOADERS)
def test_recognises_never_raises_and_refuses_what_is_not_its_own(name, tmp_path):
    for content in (b"", b"\x00\xff", b"a,b\n1,2\n", b"PK\x03\x04damaged"):
        for suffix in (".csv", ".zip", ".parquet", ".toml", ""):
            path = tmp_path / f"other{suffix}"
            path.write_bytes(content)
            assert LOADERS[name].recognises(path) is False
            path.unlink()
    assert LOADERS[name].recognises(tmp_path) is False
    assert LOADERS[name].recognises(tmp_path / "absent.csv") is False


@pytest.mark.parametrize("name", LOADERS)
def test_a_source_that_cannot_be_read_is_one_line(name, tmp_path):
    path = tmp_path / "other.csv"
    path.write_bytes(b"\x00\xff\xfe")
    with pytest.raises(LoaderError) as caught:
        LOADERS[name].load(path)
    assert "\n" not in caught.value.one_line
    assert len(caught.value.one_line) > 20


@pytest.mark.parametrize("name", NEEDS_NO_FILE)
def test_a_loader_without_a_file_gives_a_cohort(name):
    cohort = load(name)
    assert isinstance(cohort, Cohort)
    assert cohort.provenance.loader == name
    assert cohort.provenance.flowchart()[-1][1] == len(cohort.frame)
    assert cohort.frame.index.is_unique


def test_without_a_name_or_a_path_the_cohort_is_simulated():
    assert load().provenance.simulated


def test_an_unknown_loader_is_an_error():
    with pytest.raises(LoaderError, match="there are: simulated, diabetes130"):
        load("nosuch")


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_knows_its_name(name):
    assert FAMILIES[name].name == name


@pytest.mark.parametrize("name", RANKINGS)
def test_a_ranking_scores_every_training_encounter_and_alike_each_time(name, small_study):
    worst = str(mistakes(small_study).index[0])
    first, again = (RANKINGS[name](small_study, worst) for _ in range(2))
    assert first.shape == small_study.train.y.shape
    assert np.isfinite(first).all()
    assert np.ptp(first) > 0
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_has_a_value_a_slope_and_drivers(name, small_study):
    found = drivers(small_study, name)
    assert np.isfinite(found.before)
    assert np.isfinite(found.change).all()
    assert METRICS[name].label
    assert METRICS[name].unit
    table = found.encounters(2)
    assert table[["change_estimate", "change_refit", "exact_change_refit"]].notna().all(axis=None)


@pytest.mark.parametrize("name", ANALYSES)
def test_an_analysis_takes_a_study_and_gives_the_same_result_twice(name, small_study):
    first, again = (ANALYSES[name](small_study) for _ in range(2))
    if isinstance(first, pd.DataFrame):
        pd.testing.assert_frame_equal(first, again)
        assert len(first)
        return
    assert dataclasses.is_dataclass(first)
    assert str(first) == str(again)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(first, dataclasses.fields(first)[0].name, None)
