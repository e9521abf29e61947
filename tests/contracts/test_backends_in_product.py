"""The whole product says the same whatever holds the design matrix."""

import numpy as np
import pytest
import torch
from contracts.same import alike, outcome

from clinflu import Audit, Edit, Relabel, Remove
from clinflu.analysis import ANALYSES
from clinflu.analysis.influence_on import influence_on
from clinflu.analysis.support import support_cuts
from clinflu.analysis.what_if.actions import Add
from clinflu.data.backends import BACKENDS, OnDask, Streamed
from clinflu.data.matrix import DesignMatrix, base
from clinflu.errors import ClinfluError, TooLargeError
from clinflu.study import Study
from data_loaders import load

CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
HELD = [pytest.param(name, marks=CUDA) if name == "gpu" else name for name in BACKENDS if name != "dense"]
IN_PARTS = {"streamed": Streamed(part_rows=300), "dask": OnDask(part_rows=500)}  # else so few rows would be one part
DRAWN = {"support", "support_calibration"}  # their cuts come from fewer encounters where a pass is what costs


@pytest.fixture(scope="module")
def dense(small_cohort):
    return Audit.fit(small_cohort, backend="dense")


@pytest.fixture(scope="module", params=HELD)
def held(request, small_cohort):
    return Audit.fit(small_cohort, backend=IN_PARTS.get(request.param, request.param))


def test_the_fit_is_the_same_optimum(held, dense):
    ours, truth = held.study.model, dense.study.model
    np.testing.assert_allclose(ours.theta, truth.theta, atol=1e-9)
    np.testing.assert_allclose(ours.hessian, truth.hessian, rtol=1e-9, atol=1e-9)
    assert ours.passes >= 1
    assert any(held.study.design.x.backend in note for note in held.study.notes)


def test_every_influence_is_the_same(held, dense):
    for encounter in dense.mistakes().index[:5]:
        ours, truth = (one.prediction(encounter).influence for one in (held, dense))
        size = np.abs(truth.margin_change).max()
        np.testing.assert_allclose(ours.margin_change, truth.margin_change, rtol=1e-9, atol=1e-9 * size)


@pytest.mark.parametrize("name", [name for name in ANALYSES if name not in DRAWN])
def test_every_analysis_gives_the_same(name, held, dense):
    ours, truth = (outcome(lambda one=one: ANALYSES[name](one.study)) for one in (held, dense))
    if isinstance(ours, ClinfluError) and not isinstance(truth, ClinfluError):
        assert "backend 'dense'" in ours.one_line  # it says what to do instead
        return
    alike(ours, truth)


def test_a_change_of_every_sort_and_its_interval_are_the_same(held, dense):
    study = dense.study
    number = next(one.name for one in study.cohort.schema.features if not one.is_category)
    ids = [str(one) for one in study.train_ids]
    other = {one: 1 - int(study.cohort.outcome[one]) for one in ids[30:60]}
    value = float(study.cohort.frame[number].dropna().median())
    edits = [Edit(one, {number: value}) for one in ids[60:65]]
    for actions in ([Remove(ids[:30])], [Relabel(other)], edits, [Add(copies_of={ids[0]: 3}), Remove(ids[9:12])]):
        ours, truth = (one.what_if(*actions) for one in (held, dense))
        alike(ours.to_frame(), truth.to_frame())
        alike(ours.metrics(), truth.metrics())
        alike(ours.odds_ratios(), truth.odds_ratios())
        alike(ours.warnings, truth.warnings)


def test_cuts_of_the_support_come_from_the_same_measures(held, dense, monkeypatch):
    from clinflu.analysis import support

    monkeypatch.setattr(support, "COMPARED", 150)
    monkeypatch.setattr(support, "COMPARED_IN_PASSES", 150)
    alike(support_cuts(held.study), support_cuts(dense.study))


def test_groups_too_large_to_be_dense_are_refitted_alike(held, dense, monkeypatch):
    monkeypatch.setattr(base, "LARGEST_DENSE_BYTES", 8 * 150 * len(dense.study.design.columns))
    ids = [str(one) for one in dense.study.train_ids]
    number = next(one.name for one in dense.study.cohort.schema.features if not one.is_category)
    for actions in ([Remove(ids[:280])], [Remove(ids[5:200]), Edit(ids[0], {number: 1.0}), Add(copies_of={ids[1]: 2})]):
        alike(held.what_if(*actions).to_frame(), dense.what_if(*actions).to_frame())
    worst = str(dense.mistakes().index[0])
    for name in ("pushed_toward_error", "subgroups"):
        ours, truth = (getattr(one.trace(worst), name).select_dtypes("number") for one in (held, dense))
        alike(ours, truth)


def test_no_backend_turns_into_an_array_by_accident(held):
    x = held.study.design.x
    for call in (lambda: np.concatenate([x, x]), lambda: x * 2.0, lambda: np.ones(len(x)) * x, lambda: x - x):
        with pytest.raises(TooLargeError, match="rows at once needs the whole table in memory"):
            call()


def test_a_saved_audit_comes_back_with_the_same_content(held, tmp_path):
    held.save(tmp_path / "kept")
    again = Audit.open(tmp_path / "kept")
    assert again.study.fingerprint == held.study.fingerprint
    assert isinstance(again.study.design.x, DesignMatrix)
    worst = str(held.mistakes().index[0])
    assert again.prediction(worst).risk == pytest.approx(held.prediction(worst).risk, abs=1e-12)


def test_another_family_is_refused_in_one_line_that_says_what_to_do(small_cohort):
    with pytest.raises(ClinfluError, match="backend 'dense'") as caught:
        Study.fit(small_cohort, family="smooth_hinge", backend="compact")
    assert "\n" not in caught.value.one_line


@pytest.fixture(scope="module")
def uci_study(uci_zip):
    return Study.fit(load("diabetes130", uci_zip), backend="dense")


@pytest.mark.uci
@pytest.mark.thorough
@pytest.mark.parametrize("name", HELD)
def test_on_the_uci_table_theta_and_influences_agree_to_1e_9(name, uci_study):
    study = Study.fit(uci_study.cohort, backend=name)
    np.testing.assert_allclose(study.model.theta, uci_study.model.theta, atol=1e-9)
    for row in uci_study.split.audited[:3]:
        encounter = str(uci_study.design.encounter_ids[row])
        ours, truth = (influence_on(one, encounter).margin_change for one in (study, uci_study))
        assert np.abs(ours - truth).max() <= 1e-9 * np.abs(truth).max()
