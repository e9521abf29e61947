"""The low-support warning: its measures are closed forms, its cuts those of training, its calibration is counted."""

import json
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from clinflu.analysis import support as module
from clinflu.analysis.influence_on import influence_on
from clinflu.analysis.planted import planted_mistakes
from clinflu.analysis.support import Cuts, support, support_cuts, support_table
from clinflu.analysis.support_calibration import contrast, support_calibration, wilson
from clinflu.errors import Cancelled, DataError, TrustError
from clinflu.influence.interval import risk_interval

THROUGH_FEW_RECORDS = ("unrepresentative children", "copied records")


@pytest.fixture(scope="module")
def cuts(small_study):
    return support_cuts(small_study)


@pytest.fixture(scope="module")
def calibrated(simulated_audit):
    return support_calibration(simulated_audit.study)


def test_measures_are_the_inverse_hessian_the_jackknife_and_the_concentration_of_a_trace(small_study, cuts):
    table = support_table(small_study, cuts=cuts)
    inverse = np.linalg.inv(small_study.model.hessian)
    for encounter_id in table.index[:5]:
        x = small_study.x(encounter_id)
        interval = risk_interval(small_study.train, x)
        width = np.log(interval.high / (1 - interval.high)) - np.log(interval.low / (1 - interval.low))
        expected = [influence_on(small_study, encounter_id).concentration, x @ inverse @ x, width]
        one = support(small_study, encounter_id, cuts)
        np.testing.assert_allclose([one.concentration, one.leverage, one.width], expected, rtol=1e-8)
        row = table.loc[encounter_id, ["concentration", "leverage", "width_log_odds"]].to_numpy(dtype=float)
        np.testing.assert_allclose(row, expected, rtol=1e-8)
        assert one.low == table.loc[encounter_id, "low"]
        assert len(one.reasons) == table.loc[encounter_id, ["few", "far", "wide", "unseen"]].sum()


def test_cuts_are_percentiles_of_the_training_encounters(small_study, monkeypatch):
    table = support_table(small_study, small_study.split.train)
    cuts = support_cuts(small_study)
    assert cuts.concentration == pytest.approx(np.percentile(table["concentration"], 5))
    assert cuts.leverage == pytest.approx(np.percentile(table["leverage"], 95))
    assert cuts.width == pytest.approx(np.percentile(table["width_log_odds"], 95))
    assert table[["few", "far", "wide"]].mean().between(0.04, 0.06).all()
    monkeypatch.setattr(module, "COMPARED", 300)
    sampled = support_cuts(small_study)
    assert sampled == support_cuts(small_study)
    assert 0 < abs(sampled.leverage / cuts.leverage - 1) < 0.2


def test_each_measure_warns_by_itself_and_says_why(small_study):
    encounter_id = str(small_study.design.encounter_ids[small_study.split.audited[0]])
    none = Cuts(0.0, np.inf, np.inf, 95.0)
    calm = support(small_study, encounter_id, none)
    assert not calm.low
    assert calm.reasons == ()
    assert f"about {calm.concentration:,.0f} past patients" in calm.words
    for changed, part in (
        ({"concentration": 1e9}, "where most rest on 1,000,000,000 or more"),
        ({"leverage": 0.0}, "unlike most past patients"),
        ({"width": 0.0}, "its risk is uncertain ("),
    ):
        cuts = replace(none, **changed)
        one = support(small_study, encounter_id, cuts)
        assert one.low
        assert len(one.reasons) == 1
        assert part in one.reasons[0]
        assert one.reasons[0] in one.words
        assert "need not be wrong" in one.words
        assert support_table(small_study, cuts=cuts)["low"].all()
    interval = risk_interval(small_study.train, small_study.x(encounter_id))
    wide = support(small_study, encounter_id, replace(none, width=0.0)).reasons[0]
    assert f"{100 * interval.low:.0f} to {100 * interval.high:.0f} %" in wide


def test_a_level_that_training_never_saw_is_low_support(small_study, small_cohort):
    row = small_study.split.audited[3]
    frame = small_cohort.frame.copy()
    frame.loc[frame.index[row], "ward"] = "burns"
    study = replace(small_study, cohort=replace(small_cohort, frame=frame))
    calm = Cuts(0.0, np.inf, np.inf, 95.0)
    one = support(study, str(frame.index[row]), calm)
    assert one.unseen == ("ward",)
    assert one.reasons == ("Ward holds a level that training never saw",)
    assert "burns" not in one.words, "a rare level may name a patient"
    table = support_table(study, cuts=calm)
    assert list(table.index[table["low"]]) == [frame.index[row]]


def test_a_rare_group_has_less_support(small_study, small_cohort):
    table = support_table(small_study, np.arange(len(small_cohort.frame)))
    rare = (small_cohort.frame["ward"] == "intensive").to_numpy()
    assert table.loc[rare, "low"].mean() > 5 * table.loc[~rare, "low"].mean()


def test_progress_can_stop_and_trust_is_required(small_study, cuts):
    calls = []
    support_table(small_study, cuts=cuts, progress=lambda done, total: calls.append((done, total)))
    total = len(small_study.split.audited)
    assert calls[-1] == (total, total)

    def stop(done, total):
        raise Cancelled(f"stopped at {done} of {total}")

    with pytest.raises(Cancelled):
        support_table(small_study, cuts=cuts, progress=stop)
    with pytest.raises(DataError):
        support(small_study, "nobody", cuts)
    moved = replace(small_study, model=replace(small_study.model, theta=small_study.model.theta + 0.1))
    with pytest.raises(TrustError):
        support(moved, str(small_study.design.encounter_ids[0]), cuts)
    with pytest.raises(TrustError):
        support_table(moved, cuts=cuts)


@pytest.mark.parametrize(("count", "of"), [(0, 12), (3, 12), (12, 12), (400, 4000)])
def test_wilson_is_that_of_statsmodels(count, of):
    found = wilson(count, of)
    np.testing.assert_allclose((found.low, found.high), proportion_confint(count, of, method="wilson"), atol=1e-12)
    assert found.share == count / of


def test_the_ratio_is_that_of_statsmodels_and_absent_where_a_count_is_zero():
    from statsmodels.stats.contingency_tables import Table2x2

    warned = np.repeat([True, False], [40, 300])
    happened = np.r_[np.arange(40) < 11, np.arange(300) < 21]
    found = contrast("", happened, warned)
    reference = Table2x2([[11, 29], [21, 279]])
    assert found.ratio == pytest.approx(reference.riskratio)
    np.testing.assert_allclose((found.ratio_low, found.ratio_high), reference.riskratio_confint(), rtol=1e-9)
    assert np.isnan(contrast("", happened & ~warned, warned).ratio)
    assert np.isnan(contrast("", happened, np.zeros(340, bool)).warned.share)


def test_the_calibration_counts_what_the_table_says(simulated_audit, calibrated):
    study = simulated_audit.study
    table = support_table(study, cuts=calibrated.cuts)
    rows = study.split.audited
    wrong = table.index.isin(simulated_audit.mistakes().index)
    assert calibrated.wrong.warned.count == int((wrong & table["low"]).sum())
    assert calibrated.wrong.rest.count == int((wrong & ~table["low"]).sum())
    assert calibrated.warned.encounters + calibrated.rest.encounters == len(rows)
    risk, y = study.risks[rows][table["low"]], study.design.y[rows][table["low"]]
    assert calibrated.warned.brier == pytest.approx(np.mean((risk - y) ** 2))
    assert calibrated.warned.log_loss == pytest.approx(-np.mean(np.log(np.where(y == 1, risk, 1 - risk))))
    assert calibrated.warned.calibration == pytest.approx(y.mean() - risk.mean())
    strict = support_calibration(study, threshold=0.999, cuts=calibrated.cuts)
    assert strict.wrong.warned.count == int(y.sum())
    json.dumps(asdict(calibrated), default=str)
    assert list(calibrated.to_frame().index[:2]) == ["wrong at the alert threshold", "any planted cause"]
    assert list(calibrated.quality().index) == ["low support", "rest"]


def test_planted_causes_are_counted_by_hand(simulated_audit, calibrated):
    study = simulated_audit.study
    table = support_table(study, cuts=calibrated.cuts)
    frame = study.cohort.frame.loc[table.index]
    by_name = {one.what: one for one in calibrated.planted}
    for cause in study.cohort.planted:
        affected = (frame[cause.variable] == cause.level).to_numpy()
        assert by_name[cause.name].warned.count == int((affected & table["low"]).sum())
        assert by_name[cause.name].rest.count == int((affected & ~table["low"]).sum())
    assert by_name["any planted cause"].warned.count >= max(
        by_name[cause.name].warned.count for cause in study.cohort.planted
    )
    assert len(planted_mistakes(study))


def test_the_warning_catches_half_of_what_few_records_distort_where_its_percentile_was_chosen(simulated_audit):
    study = simulated_audit.study
    table = support_table(study, study.split.confirm)
    causes = [cause for cause in study.cohort.planted if cause.name in THROUGH_FEW_RECORDS]
    frame = study.cohort.frame.loc[table.index]
    affected = pd.concat([frame[one.variable] == one.level for one in causes], axis=1).any(axis=1)
    assert len(causes) == 2
    assert table["low"][affected].mean() >= 0.5
    assert table["low"].mean() < 0.12


def test_a_real_cohort_has_nothing_planted(small_study):
    assert support_calibration(small_study).planted == ()
