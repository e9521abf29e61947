"""The attack finds nothing where there is nothing to find, finds a planted record first, and follows influence."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest, mannwhitneyu, norm, spearmanr
from sklearn.metrics import roc_auc_score

from clinflu.analysis.outlook import Membership, membership
from clinflu.analysis.outlook.rank_interval import patients_drawn, rank_correlation
from clinflu.analysis.outlook.shadows import Shadows, evidence, fit_shadows, p_values, pairs_in_order
from clinflu.errors import DataError
from clinflu.influence.training import TrainingRows
from clinflu.model.newton import fit_logistic

N, SILENT, PLANTED = 160, 60, 0


@pytest.fixture(scope="module")
def train():
    """The last 60 rows have weight 0; the first one is far out and has a surprising outcome."""
    rng = np.random.default_rng(8)
    x = np.column_stack([np.ones(N), rng.normal(size=(N, 3))])
    y = (rng.random(N) < 1 / (1 + np.exp(-x @ [-0.3, 1.0, -0.7, 0.4]))).astype(float)
    x[PLANTED, 1:], y[PLANTED] = [3.0, -3.0, 3.0], 0.0
    return TrainingRows.fit(x, y, np.append(np.ones(N - SILENT), np.zeros(SILENT)), np.array([0.0, 1.0, 1.0, 1.0]))


@pytest.fixture(scope="module")
def shadows(train):
    return fit_shadows(train, 128, seed=0)


@pytest.fixture(scope="module", params=["online", "offline"])
def attack(request, train, shadows):
    return Membership(train, pd.Index([f"e{k}" for k in range(N)]), shadows, request.param)


def test_each_row_is_in_half_of_the_models_of_each_fold(shadows):
    assert [int(count) for fold in shadows.folds for count in np.unique(shadows.inside[fold].sum(axis=0))] == [32, 32]
    assert shadows.inside.mean() == 0.5
    together = np.corrcoef(shadows.inside.T.astype(float))[~np.eye(N, dtype=bool)]
    assert abs(together.mean()) < 0.01  # one row's models say nothing of another's


def test_a_shadow_is_the_fit_to_its_half_with_half_of_the_penalty(train, shadows):
    kept = np.flatnonzero(shadows.inside[5])
    model = fit_logistic(train.x[kept], train.y[kept], train.weights[kept], train.model.penalty / 2)
    p = 1 / (1 + np.exp(-train.x @ model.theta))
    own = np.where(train.y == 1, p, 1 - p)
    np.testing.assert_allclose(shadows.confidence[5], np.log(own / (1 - own)), atol=1e-7)


def test_records_without_weight_cannot_be_told(attack):
    """Sixty of them: the mean is chance, the p-values are uniform, and few of those told are among them."""
    silent = attack.auroc[-SILENT:]
    assert abs(silent.mean() - 0.5) < 3 * silent.std() / np.sqrt(SILENT) + 0.005
    assert np.abs(silent - 0.5).max() < 0.25
    assert kstest(attack.p_values[-SILENT:], "uniform").pvalue > 0.01
    assert attack.told[-SILENT:].sum() <= 0.1 * attack.told.sum()
    assert attack.told.sum() > 20
    assert abs(attack.advantage[-SILENT:].mean()) < 0.05


def test_the_planted_record_is_told_best(attack):
    assert attack.auroc.argmax() == PLANTED
    assert attack.separation.argmax() == PLANTED
    assert attack.forecast.argmax() == PLANTED
    assert attack.told[PLANTED]
    assert attack.auroc[PLANTED] > 0.9
    assert attack.to_frame().index[0] == "e0"


def test_evidence_online_is_the_log_ratio_of_two_gaussians(shadows):
    known, judged = shadows.folds
    found = evidence(shadows, known, judged, "online")
    for row in (PLANTED, 70):
        c, inside = shadows.confidence[:, row], shadows.inside[:, row]
        with_row, without = c[known][inside[known]], c[known][~inside[known]]
        left = np.concatenate([with_row - with_row.mean(), without - without.mean()])
        spread = np.sqrt((left**2).sum() / (len(known) - 2))
        expected = norm.logpdf(c[judged], with_row.mean(), spread) - norm.logpdf(c[judged], without.mean(), spread)
        np.testing.assert_allclose(found[:, row], expected, rtol=1e-9)


def test_evidence_offline_is_the_deviation_from_models_without_the_record(shadows):
    known, judged = shadows.folds
    found = evidence(shadows, known, judged, "offline")
    without = shadows.confidence[known, PLANTED][~shadows.inside[known, PLANTED]]
    expected = (shadows.confidence[judged, PLANTED] - without.mean()) / without.std(ddof=1)
    np.testing.assert_allclose(found[:, PLANTED], expected)


def test_auroc_and_p_values_are_those_of_the_libraries(shadows):
    values, inside = np.round(shadows.confidence, 1), shadows.inside  # rounded: ties
    found = pairs_in_order(values, inside)
    expected = [roc_auc_score(inside[:, row], values[:, row]) for row in range(20)]
    np.testing.assert_allclose(found[:20], expected)
    exact = pairs_in_order(shadows.confidence, inside)
    tested = [
        mannwhitneyu(shadows.confidence[inside[:, row], row], shadows.confidence[~inside[:, row], row],
                     alternative="greater", method="asymptotic", use_continuity=False).pvalue
        for row in range(5)
    ]  # fmt: skip
    np.testing.assert_allclose(p_values(exact, inside)[:5], tested, rtol=1e-9)


def test_pooled_figures_are_those_of_all_records_and_models(attack):
    scores, inside = attack.scores.ravel(), attack.shadows.inside.ravel()
    assert attack.pooled_auroc == pytest.approx(roc_auc_score(inside, scores))
    threshold = np.quantile(scores[~inside], 0.99, method="inverted_cdf")
    assert (scores[~inside] > threshold).mean() <= 0.01
    assert attack.found_at_low_fpr == pytest.approx((scores[inside] > threshold).mean())


def test_separation_is_near_twice_the_dffits(small_study):
    """What influence foresees without a shadow model; 256 models, so that chance does not hide it."""
    found = membership(small_study, shadows=256)
    foreseen = 2 * found.measures["dffits"]
    slope = float(foreseen @ found.separation / (foreseen @ foreseen))
    assert 0.85 < slope < 1.2
    assert rank_correlation(found.measures["self_influence"], found.separation) > 0.5
    table = found.correlations(resamples=50)
    assert (table["with_separation_low"] < table["with_separation"]).all()
    assert (table["with_separation"] < table["with_separation_high"]).all()
    assert table.loc["self_influence", "with_auroc_low"] > 0.3
    assert table.loc["self_influence", "with_separation"] > table.loc["hat_matrix_diag", "with_separation"]


def test_more_models_hold_less_chance(shadows):
    few = Shadows(shadows.inside[::4], shadows.confidence[::4])
    every = np.arange(128)
    planted = [np.abs(one.separation(np.arange(len(one.inside)))[-SILENT:]).mean() for one in (few, shadows)]
    assert planted[0] > 1.5 * planted[1]
    assert shadows.separation(every)[PLANTED] > 2


def test_words_for_a_privacy_officer(attack):
    told = int(attack.told.sum())
    assert attack.words.startswith(f"{told} of {N} records can be told to be in the training data")
    assert f"{100 * attack.auroc[PLANTED]:.0f} times in 100" in attack.words


def test_resamples_take_patients_with_all_their_rows():
    patients = np.array([0, 1, 1, 2, 2, 2])
    drawn = patients_drawn(patients, np.random.default_rng(1))
    for patient, rows in {0: [0], 1: [1, 2], 2: [3, 4, 5]}.items():
        counts = [int((drawn == row).sum()) for row in rows]
        assert len(set(counts)) == 1, patient


def test_rank_correlation_is_that_of_scipy_with_ties():
    rng = np.random.default_rng(3)
    one, other = rng.integers(0, 6, 50).astype(float), rng.normal(size=50)
    assert rank_correlation(one, other) == pytest.approx(spearmanr(one, other).statistic)
    assert np.isnan(rank_correlation(np.ones(5), other[:5]))


@pytest.mark.parametrize("wrong", [{"mode": "on"}, {"shadows": 8}, {"shadows": 66}, {"seed": -1}])
def test_what_makes_no_sense_is_refused(small_study, wrong):
    with pytest.raises(DataError):
        membership(small_study, **wrong)


def test_the_same_seed_gives_the_same_attack(train, shadows):
    again = fit_shadows(train, 128, seed=0)
    np.testing.assert_array_equal(again.confidence, shadows.confidence)
    assert (again.inside == shadows.inside).all()
    assert (fit_shadows(train, 16, seed=1).inside != shadows.inside[:16]).any()
