"""A check shows what cold refits and explicit formulas say, leaves nothing out in silence, and can be kept."""

import copy
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from clinflu.analysis.check import Plan, check, grade_words
from clinflu.analysis.check.groups import removal_groups
from clinflu.analysis.check.points import KINDS, METHODS, SORTS
from clinflu.analysis.check.result import NOT_GRADED, Check
from clinflu.analysis.influence_on import influence_on
from clinflu.analysis.mistakes import mistakes
from clinflu.errors import Cancelled, DataError, FitError, StoreError, TrustError
from clinflu.influence.group import group_first_order, group_newton, group_second_order
from clinflu.model.newton import fit_logistic
from clinflu.study import Study

PLAN = Plan(strongest=12, random=12, groups=8)


@pytest.fixture(scope="module")
def found(small_study):
    return check(small_study, plan=PLAN)


@pytest.fixture(scope="module")
def every_row(small_study):
    """The check of each training row in turn, in their order."""
    return check(small_study, plan=Plan(strongest=0, random=10_000, groups=0))


def risk(study, name, theta):
    return 100 / (1 + np.exp(-study.x(name) @ theta))


def cold_change_pp(study, name, rows):
    kept = np.delete(np.arange(len(study.train.x)), rows)
    train = study.train
    cold = fit_logistic(train.x[kept], train.y[kept], train.weights[kept], study.model.penalty)
    return risk(study, name, cold.theta) - risk(study, name, study.model.theta)


def of(points, place, kind):
    return next(part for part in points if (part.place, part.kind) == (place, kind))


def test_single_refits_are_cold_fits_without_the_row(small_study, every_row):
    for place in (0, 1):
        part = of(every_row.points, place, "single")
        assert len(part.refit_pp) == len(small_study.train.x)
        for row in (0, 17, 200, 401):
            expected = cold_change_pp(small_study, every_row.checked[place].encounter_id, [row])
            assert part.refit_pp[row] == pytest.approx(expected, rel=1e-6, abs=1e-10)


def test_a_refit_is_within_its_stated_precision_of_the_optimum(small_study, every_row):
    """The optimum by Newton steps to the end of float64, from where the refit stands."""
    part = of(every_row.points, 0, "single")
    name = every_row.checked[0].encounter_id
    train = small_study.train
    assert (part.precision_pp > 0).all()
    assert np.median(part.precision_pp / np.abs(part.refit_pp)) < 1e-6
    for row in (3, 50, 333):
        kept = np.delete(np.arange(len(train.x)), row)
        x, y, theta = train.x[kept], train.y[kept], train.model.theta
        for _ in range(8):
            p = 1 / (1 + np.exp(-x @ theta))
            hessian = x.T @ (x * (p * (1 - p))[:, None]) + np.diag(train.model.penalty)
            theta = theta - np.linalg.solve(hessian, x.T @ (p - y) + train.model.penalty * theta)
        truth = risk(small_study, name, theta) - risk(small_study, name, train.model.theta)
        assert abs(part.refit_pp[row] - truth) <= part.precision_pp[row] + 1e-12


def test_single_estimates_are_the_formulas_on_the_scale_of_risk(small_study, every_row):
    train = small_study.train
    inverse = np.linalg.inv(train.model.hessian)
    for place, one in enumerate(every_row.checked):
        x_audited = small_study.x(one.encounter_id)
        first = -train.residual * (train.x @ inverse @ x_audited)
        leverage = train.curvature * np.einsum("np,pq,nq->n", train.x, inverse, train.x)
        margin = x_audited @ train.model.theta
        estimates = of(every_row.points, place, "single").estimates_pp
        for method, change in (("first_order", first), ("one_step", first / (1 - leverage))):
            expected = 100 / (1 + np.exp(-margin - change)) - 100 / (1 + np.exp(-margin))
            np.testing.assert_allclose(estimates[method], expected, rtol=1e-6, atol=1e-11)


def test_second_order_is_nearest_and_all_three_agree(every_row):
    first, second, one = (every_row.grade("single", method) for method in METHODS["single"])
    assert second.median_relative_error < 0.3 * one.median_relative_error
    assert one.median_relative_error < 0.5 * first.median_relative_error
    assert min(first.pearson_r, second.pearson_r, one.pearson_r) > 0.99
    assert second.slope == pytest.approx(1, abs=0.02)


def test_groups_are_refitted_from_cold_and_estimated_by_each_formula(small_study, found):
    influences = [influence_on(small_study, one.encounter_id) for one in found.checked]
    groups = removal_groups(small_study, influences, PLAN)
    formulas = {"first_order": group_first_order, "second_order": group_second_order, "newton": group_newton}
    for place in (0, 1):
        name = found.checked[place].encounter_id
        before = risk(small_study, name, small_study.model.theta)
        for kind in SORTS:
            part = of(found.points, place, kind)
            chosen = [group.rows for group in groups if group.kind == kind and group.place in (None, place)]
            assert part.encounters.tolist() == [len(rows) for rows in chosen]
            np.testing.assert_allclose(
                part.refit_pp, [cold_change_pp(small_study, name, rows) for rows in chosen], rtol=1e-6, atol=1e-8
            )
            for method, formula in formulas.items():
                theta = [small_study.model.theta + formula(small_study.train, rows) for rows in chosen]
                after = [risk(small_study, name, one) for one in theta]
                np.testing.assert_allclose(part.estimates_pp[method], np.array(after) - before, rtol=1e-8, atol=1e-9)


def test_groups_are_of_every_sort_and_leave_a_model_behind(small_study, found):
    influences = [influence_on(small_study, one.encounter_id) for one in found.checked]
    groups = removal_groups(small_study, influences, Plan(groups=20))
    train = small_study.train
    assert {group.kind for group in groups} == set(SORTS)
    for group in groups:
        assert len(set(group.rows.tolist())) == len(group.rows) <= len(train.x) / 2
        left = np.delete(train.y, group.rows)
        assert {0.0, 1.0} == set(left)
        patients = np.unique(train.patients[group.rows])
        if group.kind == "patient":
            assert len(patients) == 1
            assert len(group.rows) == (train.patients == patients[0]).sum() > 1
        if group.kind == "together":
            assert (influences[group.place].toward_error[group.rows] > 0).all()
    strongest = [group for group in groups if group.kind == "together" and group.place == 2]
    toward = influences[2].rows_toward_error(300)
    for group in strongest:
        assert set(group.rows) == set(toward[: len(group.rows)])


def test_each_prediction_has_its_own_strongest_and_as_many_others(small_study, found):
    for place, one in enumerate(found.checked):
        estimates = of(found.points, place, "single").estimates_pp["one_step"]
        assert len(set(estimates)) == len(estimates) == 24
        influence = influence_on(small_study, one.encounter_id)
        strongest = influence.risk_change_pp(influence.margin_change[influence.strongest_rows(12)])
        assert set(strongest.round(12)) <= set(estimates.round(12))


def test_the_random_ones_are_never_among_the_strongest(small_study, found):
    part = check(small_study, encounters=[found.checked[0].encounter_id], plan=Plan(150, 150, 0)).points[0]
    assert len(set(part.estimates_pp["one_step"])) == len(part.refit_pp) == 300


def test_each_refit_stands_beside_the_estimate_of_the_same_row(found, every_row):
    for place in range(len(found.checked)):
        part, whole = of(found.points, place, "single"), of(every_row.points, place, "single")
        rows = [int(np.argmin(np.abs(whole.estimates_pp["one_step"] - one))) for one in part.estimates_pp["one_step"]]
        assert len(set(rows)) == 24
        np.testing.assert_allclose(part.refit_pp, whole.refit_pp[rows], rtol=1e-6, atol=1e-10)


def test_half_of_the_patients_are_the_strongest_of_each_prediction(small_study, found):
    influences = [influence_on(small_study, one.encounter_id) for one in found.checked]
    patients = small_study.train.patients
    for place, influence in enumerate(influences):
        groups = removal_groups(small_study, influences, PLAN)
        own = [group.rows for group in groups if group.kind == "patient" and group.place == place]
        totals = {k: abs(influence.margin_change[patients == k].sum()) for k in set(patients[np.concatenate(own)])}
        several = [k for k in range(patients.max() + 1) if (patients == k).sum() > 1]
        others = [abs(influence.margin_change[patients == k].sum()) for k in several if k not in totals]
        assert len(own) == len(totals) == 4
        assert min(totals.values()) >= max(others)


def test_no_group_is_more_than_the_largest_share(small_study, found, monkeypatch):
    influences = [influence_on(small_study, one.encounter_id) for one in found.checked]
    largest = max(len(group.rows) for group in removal_groups(small_study, influences, PLAN))
    monkeypatch.setattr("clinflu.analysis.check.groups.LARGEST_SHARE", 0.1)
    limited = [len(group.rows) for group in removal_groups(small_study, influences, PLAN)]
    assert max(limited) <= 0.1 * len(small_study.train.x) < largest


def test_a_model_is_refitted_once_for_all_predictions(found):
    pairs = sum(len(part.refit_pp) for part in found.points)
    singles = 12 * len(found.checked) + 12
    shared_groups = 8 + 4 + 8
    own_groups = len(found.checked) * (4 + 5)
    assert found.refits <= singles + 12 + shared_groups + own_groups < pairs


def test_predictions_are_the_worst_of_each_kind_and_some_at_random(small_study, found):
    wrong = mistakes(small_study)
    names = [one.encounter_id for one in found.checked]
    assert [one.why for one in found.checked] == ["worst miss", "worst false alarm", *["at random"] * 3]
    assert names[0] == wrong.index[wrong["kind"] == "missed"][0]
    assert names[1] == wrong.index[wrong["kind"] == "false alarm"][0]
    assert len(set(names)) == 5
    audited = set(small_study.design.encounter_ids[small_study.split.audited])
    assert set(names) <= audited
    assert names != [one.encounter_id for one in check(replace(small_study, seed=1), plan=Plan(1, 1, 0)).checked]


def test_the_same_seed_gives_the_same_check_and_another_one_another(small_study, found):
    def random_part(one):
        return [one.to_dict()["points"][place]["refit_pp"] for place in range(3)]

    assert check(small_study, plan=PLAN).to_dict() == found.to_dict()
    assert random_part(check(small_study, plan=replace(PLAN, seed=1))) != random_part(found)


def test_the_grade_pools_errors_and_keeps_the_lowest_r(found):
    parts = [part for part in found.points if part.kind == "single"]
    errors = np.concatenate([np.abs(part.estimates_pp["one_step"] / part.refit_pp - 1) for part in parts])
    correlations = [np.corrcoef(part.estimates_pp["one_step"], part.refit_pp)[0, 1] for part in parts]
    grade = found.grade("single", "one_step")
    assert grade.median_relative_error == pytest.approx(np.median(errors), rel=1e-9)
    assert grade.pearson_r == pytest.approx(min(correlations), abs=1e-12)
    assert grade.removals == 5 * 24


def test_a_grade_of_all_groups_holds_every_sort(found):
    by_sort = [found.grade(kind, "newton") for kind in SORTS]
    whole = found.grade("group", "newton")
    assert whole.removals == sum(grade.removals for grade in by_sort)
    assert whole.largest_relative_error == max(grade.largest_relative_error for grade in by_sort)
    assert min(grade.removals for grade in by_sort) > 0


def test_the_frame_holds_a_row_for_each_prediction_kind_and_method(found):
    frame = found.to_frame()
    assert len(frame) == len(KINDS) * 3 * (len(found.checked) + 1)
    row = frame.set_index(["place", "kind", "method"]).loc[(1, "group", "newton")]
    grade = found.grade_of(1, "group", "newton")
    assert row["pearson_r"] == grade.pearson_r
    assert row["median_error_percent"] == pytest.approx(100 * grade.median_relative_error)


@pytest.mark.parametrize(("kind", "method"), [("single", "newton"), ("group", "one_step"), ("pairs", "newton")])
def test_what_is_not_graded_is_refused(found, kind, method):
    with pytest.raises(DataError, match="estimates of"):
        found.grade(kind, method)


def test_a_removal_without_a_finite_fit_is_counted(small_cohort, small_study):
    """Without a penalty, removing the only event of a level leaves its odds ratio infinite."""
    frame = small_cohort.frame.copy()
    taught = small_study.train_frame[small_study.train_frame["ward"] == "medical"]
    chosen = [*taught.index[taught["readmitted"] == 1][:1], *taught.index[taught["readmitted"] == 0][:4]]
    frame.loc[chosen, "ward"] = "burns"
    study = Study.fit(replace(small_cohort, frame=frame), penalty=0)
    encounters = [str(study.design.encounter_ids[study.split.audited[0]])]

    found = check(study, encounters=encounters, plan=Plan(0, 10_000, 0))

    grade = found.grade("single", "one_step")
    part = found.points[0]
    without_fit = np.flatnonzero(np.isnan(part.refit_pp)).tolist()
    assert study.training_positions(chosen[:1])[0] in without_fit
    assert len(without_fit) < 5
    for row in without_fit:
        with pytest.raises(FitError):
            cold_change_pp(study, encounters[0], [row])
    assert (grade.no_finite_fit, grade.removals) == (len(without_fit), len(study.train.x))
    assert f"{len(without_fit)} more without a finite fit" in grade.words
    assert np.isfinite(grade.median_relative_error)
    kept = Check.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False)), study)
    assert kept.grade("single", "one_step") == grade


def test_a_group_that_alone_determines_a_column_has_neither_refit_nor_newton_step(small_cohort):
    study = Study.fit(small_cohort, penalty=0)
    found = check(study, plan=Plan(0, 0, 40))
    newton, second = found.grade("subgroup", "newton"), found.grade("subgroup", "second_order")
    assert newton.no_finite_fit > 0
    assert newton.no_finite_fit == second.no_finite_fit
    assert newton.no_estimate == 0


def test_progress_is_told_between_batches_and_may_stop(small_study):
    told = []
    check(small_study, plan=PLAN, progress=lambda done, total: told.append((done, total)))
    done, totals = zip(*told, strict=True)
    assert list(done) == sorted(set(done))
    assert len(done) >= 3
    assert set(totals) == {done[-1]}

    def stop(done, total):  # noqa: ARG001
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        check(small_study, plan=PLAN, progress=stop)


def test_words_stand_beside_an_estimate_or_say_that_it_is_not_graded(found, every_row):
    assert grade_words(None, "single", "one_step") == NOT_GRADED == "not graded yet: run clinflu check"
    assert grade_words(every_row, "group", "newton") == NOT_GRADED
    words = grade_words(found, "group", "newton")
    assert words == found.grade("group", "newton").words
    assert words.startswith("Newton estimate: median error ")


def test_grades_are_kept_and_read_back_without_any_id(small_study, found):
    saved = json.dumps(found.to_dict(), allow_nan=False)
    ids = {*small_study.cohort.frame.index, *small_study.cohort.patients}
    assert not [name for name in ids if f'"{name}"' in saved]
    kept = Check.from_dict(json.loads(saved), small_study)
    pd.testing.assert_frame_equal(kept.to_frame(), found.to_frame(), check_exact=True)
    assert kept.grade("group", "newton").words == found.grade("group", "newton").words
    assert {one.encounter_id for one in kept.checked} == {None}
    assert kept.to_dict() == found.to_dict()


def test_grades_of_another_model_are_refused(small_cohort, small_study, found):
    fewer = replace(small_study, split=replace(small_study.split, train=small_study.split.train[:-1]))
    for other in (Study.fit(small_cohort, penalty=2.0), Study.fit(small_cohort, seed=1), fewer):
        assert not found.belongs_to(other)
        with pytest.raises(StoreError, match="of another model"):
            Check.from_dict(found.to_dict(), other)
    assert found.belongs_to(Study.fit(small_cohort))


DAMAGE = {
    "no points": lambda saved: saved.pop("points"),
    "another format": lambda saved: saved.update(format="other"),
    "text for a number": lambda saved: saved["checked"][0].update(risk="much"),
    "a refit lost": lambda saved: saved["points"][0]["refit_pp"].pop(),
    "a count lost": lambda saved: saved["points"][0]["encounters"].pop(),
    "a method lost": lambda saved: saved["points"][0]["estimates_pp"].pop("one_step"),
    "an unknown kind": lambda saved: saved["points"][0].update(kind="group"),
    "a prediction that is not there": lambda saved: saved["points"][0].update(place=9),
    "points that are none": lambda saved: saved.update(points=[3]),
    "an impossible plan": lambda saved: saved["plan"].update(groups=-1),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damaged_grades_are_refused(small_study, found, damage):
    saved = copy.deepcopy(found.to_dict())
    damage(saved)
    with pytest.raises(StoreError, match="damaged"):
        Check.from_dict(saved, small_study)


def test_encounters_can_be_chosen(small_study):
    names = [str(name) for name in small_study.design.encounter_ids[small_study.split.audited[:2]]]
    found = check(small_study, encounters=[*names, names[0]], plan=Plan(2, 2, 0))
    assert [(one.encounter_id, one.why) for one in found.checked] == [(name, "chosen") for name in names]


@pytest.mark.parametrize(
    ("encounters", "words"), [("e0001", "list of"), ([], "one or more"), (["nobody"], "encounter")]
)
def test_encounters_that_make_no_sense_are_refused(small_study, encounters, words):
    with pytest.raises(DataError, match=words):
        check(small_study, encounters=encounters, plan=PLAN)


@pytest.mark.parametrize("counts", [(0, 0, 0), (-1, 5, 5), (5, 5, -1)])
def test_a_plan_that_refits_nothing_is_refused(counts):
    with pytest.raises(DataError, match="something to refit"):
        Plan(*counts)


def test_nothing_is_checked_on_a_fit_that_is_not_to_be_trusted(small_study):
    moved = replace(small_study.model, theta=small_study.model.theta + 0.1)
    with pytest.raises(TrustError):
        check(replace(small_study, model=moved), plan=PLAN)
