"""Who drives a metric: each table agrees with cold refits, and planted records are found."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from clinflu.analysis.audited_metrics import METRICS
from clinflu.analysis.drivers import drivers
from clinflu.data.design import MISSING
from clinflu.errors import Cancelled, DataError
from clinflu.model.newton import fit_logistic
from clinflu.study import Study

K = 6


def metric_by_hand(study, metric, theta, rows):
    y = study.design.y[rows]
    p = 1 / (1 + np.exp(-study.design.x[rows] @ theta))
    values = {
        "loss": lambda: log_loss(y, p),
        "auroc": lambda: roc_auc_score(y, p),
        "event_rate_minus_risk": lambda: 100 * (y.mean() - p.mean()),
        "false_negative_rate": lambda: 100 * np.mean(p[y == 1] < study.threshold),
    }
    return values[metric]()


def cold_theta(study, removed):
    train = study.train
    kept = np.setdiff1d(np.arange(len(train.x)), removed)
    return fit_logistic(train.x[kept], train.y[kept], train.weights[kept], train.model.penalty).theta


def audited_with(study, level):
    rows = study.split.audited
    return rows[(study.cohort.frame["ward"].iloc[rows] == level).to_numpy()]


@pytest.mark.parametrize("metric", ["loss", "auroc", "event_rate_minus_risk", "false_negative_rate"])
def test_the_metric_and_its_refits_are_those_of_cold_fits(small_study, metric):
    found = drivers(small_study, metric)
    rows = small_study.split.audited
    before = metric_by_hand(small_study, metric, small_study.model.theta, rows)
    np.testing.assert_allclose(found.before, before, rtol=1e-10)
    assert found.encounters_audited == len(rows)

    table = found.encounters(K)
    assert len(table) == K
    for encounter_id, shown in table.iterrows():
        removed = small_study.training_positions([encounter_id])
        after = metric_by_hand(small_study, metric, cold_theta(small_study, removed), rows)
        np.testing.assert_allclose(shown["exact_change_refit"], after - before, rtol=1e-6, atol=1e-9)
        best = METRICS[metric].best
        assert shown["improves"] == (abs(after - best) < abs(before - best) - 1e-12)
        assert shown["outcome"] == small_study.train.y[removed[0]]
        assert shown["leverage"] == small_study.train.leverage[removed[0]]


@pytest.mark.parametrize("metric", METRICS)
def test_each_estimate_is_near_its_refit_and_the_ranking_near_the_truth(small_study, metric):
    found = drivers(small_study, metric)
    table = found.encounters(K)
    np.testing.assert_allclose(table["change_estimate"], table["change_refit"], rtol=0.3)
    np.testing.assert_allclose(table["change_first_order"], table["change_refit"], rtol=0.5)
    elsewhere = np.argsort(-np.abs(found.change))[len(found.change) // 2]
    theta = cold_theta(small_study, np.array([elsewhere]))
    moved = abs(found.metric.scale * found.functional.value(theta) - found.before_smoothed)
    assert moved < table["change_refit"].abs().min()


def test_only_steps_are_smoothed(small_study):
    for metric in METRICS:
        found = drivers(small_study, metric)
        steps = metric in ("auroc", "false_negative_rate")
        assert (found.before != found.before_smoothed) == steps
        table = found.encounters(3)
        assert (table["change_refit"] == table["exact_change_refit"]).all() != steps


def test_a_patient_is_removed_with_all_encounters(small_study):
    found = drivers(small_study, "loss")
    table = found.patients(4)
    train = small_study.train
    for _, shown in table.iterrows():
        removed = small_study.training_positions(list(shown["encounters"]))
        assert len(set(train.patients[removed])) == 1
        assert len(removed) == (train.patients == train.patients[removed[0]]).sum()
        assert shown["events"] == train.y[removed].sum()
        np.testing.assert_allclose(shown["change_first_order"], found.first_order[removed].sum(), rtol=1e-12)
        rows = small_study.split.audited
        after = metric_by_hand(small_study, "loss", cold_theta(small_study, removed), rows)
        np.testing.assert_allclose(shown["change_refit"], after - found.before, rtol=1e-6, atol=1e-10)
        np.testing.assert_allclose(shown["change_estimate"], shown["change_refit"], rtol=0.3)
    assert table["encounters"].map(len).max() > 1
    sums = np.array([found.change[train.patients == patient].sum() for patient in range(train.patients.max() + 1)])
    shown_first = train.patients[small_study.training_positions([ids[0] for ids in table["encounters"]])]
    np.testing.assert_array_equal(shown_first, np.argsort(-np.abs(sums))[:4])


def test_a_subgroup_is_removed_whole(small_study):
    found = drivers(small_study, "loss")
    table = found.subgroups()
    assert set(table["level"]) == {"intensive", "surgical"}  # medical holds more than half
    values = small_study.train_frame["ward"].to_numpy()
    for _, shown in table.iterrows():
        removed = np.flatnonzero(values == shown["level"])
        assert shown["training_encounters"] == len(removed)
        assert shown["training_events"] == small_study.train.y[removed].sum()
        after = metric_by_hand(small_study, "loss", cold_theta(small_study, removed), small_study.split.audited)
        np.testing.assert_allclose(shown["change_refit"], after - found.before, rtol=1e-6, atol=1e-10)


def test_a_subgroup_metric_rests_on_its_audited_encounters_alone(small_study):
    rows = audited_with(small_study, "surgical")
    found = drivers(small_study, "auroc", subgroup=("ward", "surgical"))
    np.testing.assert_allclose(found.before, metric_by_hand(small_study, "auroc", small_study.model.theta, rows))
    assert found.encounters_audited == len(rows)


@pytest.mark.parametrize("against", [("ward", "medical"), "rest"])
def test_a_gap_is_the_subgroup_minus_the_other_side(small_study, against):
    first = audited_with(small_study, "surgical")
    other = audited_with(small_study, "medical")
    if against == "rest":
        other = np.setdiff1d(small_study.split.audited, first)
    found = drivers(small_study, "false_negative_rate", subgroup=("ward", "surgical"), against=against)
    theta = small_study.model.theta
    gap = [metric_by_hand(small_study, "false_negative_rate", theta, rows) for rows in (first, other)]
    np.testing.assert_allclose(found.before, gap[0] - gap[1], rtol=1e-10)
    assert found.encounters_audited == len(first) + len(other)
    assert found.best == 0.0
    shown = found.encounters(1).iloc[0]
    theta = cold_theta(small_study, small_study.training_positions([found.encounters(1).index[0]]))
    after = [metric_by_hand(small_study, "false_negative_rate", theta, rows) for rows in (first, other)]
    np.testing.assert_allclose(found.before + shown["exact_change_refit"], after[0] - after[1], atol=1e-9)


def test_a_perfect_gap_is_none_whatever_the_metric(small_study):
    assert drivers(small_study, "auroc").best == 1.0
    assert drivers(small_study, "auroc", subgroup=("ward", "surgical"), against="rest").best == 0.0


def test_the_threshold_moves_the_false_negative_rate(small_study):
    rows = small_study.split.audited
    missed = small_study.risks[rows][small_study.design.y[rows] == 1] < 0.2
    found = drivers(small_study, "false_negative_rate", threshold=0.2)
    np.testing.assert_allclose(found.before, 100 * missed.mean(), rtol=1e-12)


def test_the_split_adds_up_over_the_levels(small_study):
    found = drivers(small_study, "loss")
    table = found.split("ward_team")
    assert MISSING in table.index
    np.testing.assert_allclose(table["change_first_order"].sum(), found.first_order.sum(), rtol=1e-9)
    np.testing.assert_allclose(table[["share_of_encounters", "share_of_influence"]].sum(), 1.0, rtol=1e-12)
    red = (small_study.train_frame["ward_team"] == "red").to_numpy(dtype=bool, na_value=False)
    assert table.loc["red", "training_encounters"] == red.sum()
    np.testing.assert_allclose(table.loc["red", "change_first_order"], found.first_order[red].sum(), rtol=1e-10)
    share = np.abs(found.first_order[red]).sum() / np.abs(found.first_order).sum()
    np.testing.assert_allclose(table.loc["red", "share_of_influence"], share, rtol=1e-10)
    assert table["share_of_influence"].is_monotonic_decreasing


def test_flipped_labels_drive_the_loss_of_the_specialty_that_they_distort(simulated_audit):
    """43 of 11,686 training encounters have a flipped label; by chance, none of the first 43 found would be theirs."""
    study = simulated_audit.study
    cause = next(one for one in study.cohort.planted if "flipped" in one.name)
    planted = study.training_positions(list(cause.responsible))
    planted = planted[planted >= 0]
    found = drivers(study, "loss", subgroup=(cause.variable, cause.level))
    strongest = np.argsort(-np.abs(found.change))[: len(planted)]
    assert np.isin(strongest, planted).mean() > 0.6
    assert found.change[planted].sum() < 0, "without them the loss must fall"
    shown = found.encounters(5)
    assert shown.index.isin(cause.responsible).all()
    assert shown["improves"].all()
    assert (shown["change_refit"] < 0).all()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"metric": "brier"}, "there are: loss, auroc"),
        ({"metric": "loss", "subgroup": ("wards", "medical")}, "no recorded variable is called"),
        ({"metric": "loss", "subgroup": ("age_years", "62")}, "is numeric"),
        ({"metric": "loss", "subgroup": ("ward", "burns")}, "no audited encounter has that level"),
        ({"metric": "loss", "subgroup": "ward"}, "a variable and one of its levels"),
        ({"metric": "loss", "against": "rest"}, "needs a subgroup"),
        ({"metric": "loss", "subgroup": ("ward", "surgical"), "against": "others"}, "a variable and one of its levels"),
        ({"metric": "false_negative_rate", "threshold": 1.5}, "is no risk"),
    ],
)
def test_what_cannot_be_asked_is_said_in_one_line(small_study, arguments, said):
    with pytest.raises(DataError, match=said) as caught:
        drivers(small_study, **arguments)
    assert "\n" not in str(caught.value)


def test_a_group_without_both_outcomes_has_no_auroc(small_study):
    y = small_study.design.y.copy()
    y[audited_with(small_study, "intensive")] = 1.0
    small_study = replace(small_study, design=replace(small_study.design, y=y))
    for metric in ("auroc", "calibration_slope", "calibration_intercept"):
        with pytest.raises(DataError, match="has no value here"):
            drivers(small_study, metric, subgroup=("ward", "intensive"))
    assert np.isfinite(drivers(small_study, "loss", subgroup=("ward", "intensive")).before)


def test_a_model_that_does_not_exist_without_an_encounter_has_no_refitted_metric(small_cohort, small_study):
    """Without a penalty, the only event of a level leaves a level without events: its odds ratio has no estimate."""
    frame = small_cohort.frame.copy()
    intensive = frame.index[frame["ward"] == "intensive"]
    only_event = intensive[intensive.isin(small_study.train_ids)][0]
    frame.loc[intensive, "readmitted"] = (intensive == only_event).astype("int8")
    study = Study.fit(replace(small_cohort, frame=frame), penalty=0.0)
    found = drivers(study, "auroc", subgroup=("ward", "medical"), against="rest")
    rank = int((np.abs(found.change) > np.abs(found.change[study.training_positions([only_event])[0]])).sum())
    table = found.encounters(rank + 3)
    assert table.index[rank] == only_event
    np.testing.assert_array_equal(table["exact_change_refit"].isna(), table.index == only_event)
    assert table["change_refit"].isna().sum() == 1
    assert not table.loc[only_event, "improves"]


def test_stopping_leaves_nothing_and_progress_reaches_the_end(small_study):
    calls = []

    def stop(done, total):
        calls.append((done, total))
        if done:
            raise Cancelled("stopped")

    found = drivers(small_study, "loss")
    with pytest.raises(Cancelled):
        found.encounters(15, progress=stop)
    assert calls == [(0, 15), (10, 15)]
    seen = []
    again = found.encounters(15, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (15, 15)
    assert found.encounters(0).empty
    assert found.patients(0).empty
    assert again.equals(drivers(small_study, "loss").encounters(15))
