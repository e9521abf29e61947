"""Ways to rank past encounters: each against what it stands for, and all against the planted truth."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from clinflu.analysis import ranking, ranking_methods
from clinflu.analysis.planted import planted_mistakes
from clinflu.analysis.ranking import MEASURES, RANKINGS, PlantedRanking, planted_ranking
from clinflu.errors import Cancelled, DataError
from clinflu.influence.diagnostics import Diagnostics
from clinflu.model.newton import fit_logistic
from clinflu.study import Study
from data_loaders.simulated import load_simulated

QUICK = ("removal effect", "training loss")
EPSILON = 1e-6


@pytest.fixture(scope="module")
def study():
    return Study.fit(load_simulated(3_000))


@pytest.fixture(scope="module")
def audited(study):
    return planted_mistakes(study).groupby("outcome").head(1).index


@pytest.fixture(scope="module")
def thetas(study):
    return ranking_methods.thetas_without_each(study)


@pytest.fixture(scope="module")
def judged(study, thetas):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "thetas_without_each", lambda *_: thetas)  # refitted once for all tests
        return planted_ranking(study)


def residual(study, encounter_id):
    row = study.row(encounter_id)
    return study.design.y[row] - 1 / (1 + np.exp(-study.design.x[row] @ study.model.theta))


def other_outcome(study, encounter_id):
    return study.train.y != study.design.y[study.row(encounter_id)]


def test_the_audited_ones_had_either_outcome(study, audited):
    assert set(study.design.y[study.design.encounter_ids.get_indexer(audited)]) == {0.0, 1.0}


def test_refit_is_the_margin_of_models_fitted_from_cold(study, audited, thetas):
    train = study.train
    for encounter_id in audited:
        scores = ranking_methods.toward_error(study, encounter_id, thetas)
        for row in (*np.argsort(scores)[[0, -1]], 17):
            kept = np.delete(np.arange(len(train.x)), row)
            cold = fit_logistic(train.x[kept], train.y[kept], train.weights[kept], train.model.penalty).theta
            toward = (cold - study.model.theta) @ study.x(encounter_id) * np.sign(residual(study, encounter_id))
            assert scores[row] == pytest.approx(toward, abs=1e-8)


def test_refit_in_the_table_is_refit_alone(study, audited, thetas, monkeypatch):
    monkeypatch.setattr(ranking_methods, "thetas_without_each", lambda _: thetas)
    alone = RANKINGS["refit"](study, audited[0])
    np.testing.assert_array_equal(alone, ranking_methods.toward_error(study, audited[0], thetas))
    one_step = RANKINGS["removal effect"](study, audited[0])
    assert spearmanr(alone, one_step).statistic > 0.999


def gradient(study, x, y):
    """Loss gradient by central differences."""
    theta = study.model.theta
    steps = EPSILON * np.eye(len(theta))
    up, down = ((theta + sign * steps) @ x for sign in (1, -1))
    losses = [np.logaddexp(0, margins) - y * margins for margins in (up, down)]
    return (losses[0] - losses[1]) / (2 * EPSILON)


def test_gradient_products_are_those_of_the_loss_gradients(study, audited):
    for encounter_id in audited:
        mine = gradient(study, study.x(encounter_id), study.design.y[study.row(encounter_id)])
        product, cosine = (RANKINGS[f"gradient {kind}"](study, encounter_id) for kind in ("dot product", "cosine"))
        for row in (0, 5, 400):
            theirs = gradient(study, study.train.x[row], study.train.y[row])
            assert product[row] == pytest.approx(-mine @ theirs, rel=1e-5, abs=1e-8)
            lengths = np.linalg.norm(mine) * np.linalg.norm(theirs)
            assert cosine[row] == pytest.approx(-mine @ theirs / lengths, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("name", ["removal effect", "RelatIF", "gradient dot product", "gradient cosine"])
def test_a_record_with_the_outcome_of_the_audited_one_and_its_features_never_pushed_toward_the_error(study, name):
    for row in (3, 77, int(study.train.y.argmax())):
        encounter_id = study.train_ids[row]
        assert RANKINGS[name](study, encounter_id)[row] < 0


@pytest.mark.parametrize("name", ["Cook's distance", "training loss", "nearest neighbours", "SHAP-space neighbours"])
def test_what_has_no_direction_looks_at_the_other_outcome_first(study, audited, name):
    for encounter_id in audited:
        score, other = RANKINGS[name](study, encounter_id), other_outcome(study, encounter_id)
        assert score[other].min() > score[~other].max()


def test_training_loss_and_cooks_distance_keep_their_order(study, audited):
    train = study.train
    probability = np.where(train.y == 1, train.risk, 1 - train.risk)
    for name, values in (
        ("training loss", -np.log(probability)),
        ("Cook's distance", Diagnostics(train).cooks_distance),
    ):
        score, other = RANKINGS[name](study, audited[0]), other_outcome(study, audited[0])
        for group in (other, ~other):
            assert spearmanr(score[group], values[group]).statistic > 1 - 1e-9


def nearest(rows, point, other, k):
    found = NearestNeighbors(n_neighbors=k).fit(rows[other]).kneighbors(point[None])
    return found[0][0]


def test_neighbours_are_those_of_scikit_learn(study, audited):
    x, theta = study.train.x, study.model.theta
    scaled = StandardScaler().fit(x)
    explained = theta * (x - x.mean(axis=0))
    for encounter_id in audited:
        point, other = study.x(encounter_id), other_outcome(study, encounter_id)
        for name, rows, place in (
            ("nearest neighbours", scaled.transform(x), scaled.transform(point[None])[0]),
            ("SHAP-space neighbours", explained, theta * (point - x.mean(axis=0))),
        ):
            first = np.sort(-RANKINGS[name](study, encounter_id)[other])[:20]
            np.testing.assert_allclose(first, nearest(rows, place, other, 20), rtol=1e-9)


def test_measures_by_hand():
    responsible = np.zeros(60, dtype=bool)
    responsible[[0, 2, 3, 55]] = True
    found = ranking._measures(responsible, -np.arange(60.0))
    precision = (1 / 1 + 2 / 3 + 3 / 4 + 4 / 56) / 4
    assert list(found) == list(MEASURES)
    assert list(found.values()) == pytest.approx([precision, 3 / 4, 3 / 4, 3 / 4])
    reversed_ = ranking._measures(responsible, np.arange(60.0))
    assert list(reversed_.values())[1:] == pytest.approx([1 / 4, 1 / 4, 0])
    assert ranking._measures(responsible, responsible.astype(float))["average_precision"] == 1.0


def test_chance_is_what_random_orders_find():
    responsible = np.zeros(600, dtype=bool)
    responsible[:30] = True
    rng = np.random.default_rng(0)
    random = pd.DataFrame([ranking._measures(responsible, rng.random(600)) for _ in range(400)]).mean()
    for name, expected in ranking._chance(responsible).items():
        assert random[name] == pytest.approx(expected, abs=0.012)


def test_the_frame_holds_every_method_for_every_audited_encounter(study, judged):
    frame = judged.frame
    assert set(frame["method"]) == {"chance", *RANKINGS}
    counts = frame.groupby("encounter_id")["method"].agg(["size", "nunique"])
    assert counts.eq(1 + len(RANKINGS)).all(axis=None)
    one = frame[frame["method"] == "SHAP-space neighbours"].iloc[-1]
    cause = next(cause for cause in study.cohort.planted if cause.name == one["cause"])
    responsible = study.train_ids.isin(cause.responsible)
    assert (one["training"], one["responsible"]) == (len(study.train.x), responsible.sum())
    score = RANKINGS["SHAP-space neighbours"](study, one["encounter_id"])
    assert one["average_precision"] == average_precision_score(responsible, score)


def test_audited_are_mistakes_that_refits_without_the_cause_make_smaller(study, judged):
    train, wrong = study.train, planted_mistakes(study)
    for cause in study.cohort.planted:
        kept = ~study.train_ids.isin(cause.responsible)
        theta = fit_logistic(train.x[kept], train.y[kept], train.weights[kept], train.model.penalty).theta
        names = wrong.index[wrong["cause"] == cause.name]
        smaller = [np.abs(study.x(name) @ (theta - study.model.theta)) for name in names]
        push = [np.sign(residual(study, name)) * (study.x(name) @ (theta - study.model.theta)) for name in names]
        expected = {name for name, size, toward in zip(names, smaller, push, strict=True) if toward > 0 and size > 0}
        assert set(judged.frame.loc[judged.frame["cause"] == cause.name, "encounter_id"]) == expected


def test_refit_and_one_step_find_the_same(judged):
    table = judged.summary["average_precision"].unstack("method")
    assert (table["refit"] - table["removal effect"]).abs().max() < 0.02


def test_every_planted_cause_is_found_by_its_removal_effect(simulated_audit):
    table = planted_ranking(simulated_audit.study, methods=["removal effect"], audited_per_cause=6).summary
    found = table["average_precision"].unstack("method")
    assert list(found.index) == [cause.name for cause in simulated_audit.cohort.planted]
    assert (found["removal effect"] > 40 * found["chance"]).all()
    assert found.loc["copied records", "removal effect"] == pytest.approx(1.0)
    assert found.loc["unit error at one destination", "removal effect"] > 0.4


def test_the_same_seed_draws_the_same_and_at_most_so_many(simulated_audit):
    study = simulated_audit.study
    first, again, other = (
        planted_ranking(study, methods=["training loss"], audited_per_cause=3, seed=seed).frame for seed in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(first, again, check_exact=True)
    assert set(first["encounter_id"]) != set(other["encounter_id"])
    assert first.groupby(["cause", "method"]).size().max() == 3


def test_progress_counts_refits_and_audited_encounters():
    study, seen = Study.fit(load_simulated(1_000, seed=2)), []
    planted_ranking(study, methods=["refit"], audited_per_cause=1, progress=lambda *at: seen.append(at))
    done, total = (list(values) for values in zip(*seen, strict=True))
    assert len(set(total)) == 1
    assert len(study.train.x) < total[0] <= len(study.train.x) + len(study.cohort.planted)
    assert done == sorted(done)
    assert len(done) > 5
    assert done[-1] == total[-1]


def test_it_can_be_stopped(study):
    def stop(done, total):  # noqa: ARG001
        raise Cancelled

    for methods in (["refit"], QUICK):
        with pytest.raises(Cancelled):
            planted_ranking(study, methods=methods, progress=stop)


def test_what_cannot_be_judged_is_refused(study, small_study):
    with pytest.raises(DataError, match="no ranking is called lottery; there are: refit, removal effect"):
        planted_ranking(study, methods=["lottery"])
    with pytest.raises(DataError, match="simulated cohort"):
        planted_ranking(small_study, methods=QUICK)


def test_the_table_reads_as_the_frame(judged):
    lines = [line.strip("| ").split(" | ") for line in judged.to_markdown().splitlines()]
    causes = list(judged.frame["cause"].unique())
    assert lines[0] == ["method", *causes]
    assert [line[0] for line in lines[2:]] == ["audited encounters", "chance", *RANKINGS]
    values = judged.frame.query("method == 'RelatIF' and cause == @causes[-1]")["average_precision"]
    row = next(line for line in lines if line[0] == "RelatIF")
    assert row[-1] == f"{values.mean():.2f} ± {values.std(ddof=0):.2f}"
    assert lines[2][1:] == [str(n) for n in judged.frame.groupby("cause", sort=False)["encounter_id"].nunique()]
    with pytest.raises(DataError, match="recall_at_10"):
        judged.to_markdown("accuracy")


def test_frames_of_several_studies_can_be_put_together(judged):
    both = PlantedRanking(pd.concat([judged.frame, judged.frame]))
    pd.testing.assert_frame_equal(
        both.summary.drop(columns="audited"), judged.summary.drop(columns="audited"), check_exact=False
    )
    assert (both.summary["audited"] == 2 * judged.summary["audited"]).all()
