"""The figures of the outlook draw the values of their results, say what was found, and name nobody."""

import numpy as np
import pandas as pd
import pytest

from clinflu.analysis.outlook import PenaltyPath, SgdComparison, SgdPlan, membership, shift_effects
from clinflu.figures.outlook_figure import METRICS, membership_figure, penalty_figure, sgd_figure, shift_figure


@pytest.fixture(scope="module")
def effects(small_study):
    return shift_effects(small_study, "ward")


@pytest.mark.parametrize("metric", METRICS)
def test_shifts_are_drawn_with_both_estimates_largest_first(effects, metric):
    figure = shift_figure(effects, metric)
    bars, newton, first = figure.data
    frame = effects.to_frame().xs(metric, level="metric")
    frame = frame.iloc[np.argsort(-np.abs(frame["refit"]))]
    for part, column in ((bars, "refit"), (newton, "newton"), (first, "first_order")):
        np.testing.assert_allclose(part.x, frame[column])
        assert part.showlegend is not False
    assert [text.split(" (")[0] for text in figure.layout.yaxis.ticktext] == list(frame.index)
    assert figure.layout.title.text.startswith(f"{frame.index[0]} matters most to")
    assert "SIMULATED" in figure.layout.title.subtitle.text


def comparison():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=30)
    plans, changes = [], []
    for epochs, noise in ((1, 2.0), (10, 0.1)):
        plans.append(SgdPlan(epochs, 8, 0.1))
        found = {"sgd": truth, "optimum": truth + noise * rng.normal(size=30), "tracin": rng.normal(size=30)}
        changes.append(pd.DataFrame({**found, "without_run": truth + 1e-3}))
    return SgdComparison(tuple(plans), np.arange(30), tuple(changes), np.array([1.0, 0.1]))


def test_runs_are_drawn_over_their_epochs():
    result = comparison()
    figure = sgd_figure(result, simulated=True)
    frame = result.to_frame()
    for part, method in zip(figure.data, ("sgd", "optimum", "tracin"), strict=True):
        assert list(part.x) == [1, 10]
        np.testing.assert_allclose(part.y, frame[f"{method}_pearson"])
    assert f"the optimum's {frame['optimum_pearson'].iloc[0]:.3f}" in figure.layout.title.text
    assert figure.layout.title.text.startswith("After 1 epoch only")


def path(ridge=2.5):
    lines = [
        {"method": method, "mu": mu, "log_loss": loss, "largest_removal_pp": change}
        for method, mu, loss, change in (
            ("price on self-influence", 0.0, 0.50, 7.0),
            ("price on self-influence", 10.0, 0.51, 1.5),
            ("ridge as robust", 0.0, 0.50, 7.0),
            ("ridge as robust", 10.0, 0.52 if ridge > 0 else np.nan, ridge),
        )
    ]
    return PenaltyPath(pd.DataFrame(lines).set_index(["method", "mu"]), 600, 11)


def test_the_price_and_ridge_are_drawn_with_their_prices():
    figure = penalty_figure(path())
    assert [tuple(part.x) for part in figure.data] == [(0.50, 0.51), (0.50, 0.52)]
    assert [tuple(part.y) for part in figure.data] == [(7.0, 1.5), (7.0, 2.5)]
    assert figure.data[0].text == ("price 0", "price 10")
    assert "by up to 7.0 points; at the highest price by 1.5" in figure.layout.title.text


def test_a_ridge_that_does_not_exist_is_not_drawn():
    figure = penalty_figure(path(ridge=np.nan))
    assert tuple(figure.data[1].y) == (7.0, None)


def test_every_record_is_drawn_once_and_none_is_named(small_study):
    found = membership(small_study, shadows=32)
    figure = membership_figure(found, simulated=True)
    clouds = figure.data[1:]
    drawn = {pair for part in clouds for pair in zip(part.x, part.y, strict=True)}
    assert drawn == set(zip(2 * found.measures["dffits"], found.separation, strict=True))
    assert len(clouds[1].x) == found.told.sum()
    assert clouds[0].marker.symbol != clouds[1].marker.symbol
    assert f"{int(found.told.sum())} of {len(found.told)} records" in figure.layout.title.text
    assert not any(str(one) in figure.to_json() for one in small_study.train_ids)
