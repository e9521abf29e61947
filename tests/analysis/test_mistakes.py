"""Mistakes are those that counting one by one finds, in the order of their loss."""

import math
from dataclasses import replace

import numpy as np
import pytest

from clinflu.analysis.mistakes import EXPECTED, FALSE_ALARM, MISSED, RIGHT, SURPRISING, kinds, mistakes
from clinflu.analysis.similar import similar_encounters
from clinflu.errors import DataError


@pytest.fixture(scope="module")
def sharp_study(small_study):
    """The same model with outcomes that follow the risk, but for one in twenty-five: those are surprising."""
    rng = np.random.default_rng(0)
    y = (small_study.margins > -0.8) ^ (rng.random(len(small_study.margins)) < 0.04)
    design = replace(small_study.design, y=y.astype(float))
    cohort = replace(small_study.cohort, frame=small_study.cohort.frame.assign(readmitted=y.astype("int8")))
    return replace(small_study, design=design, cohort=cohort)


@pytest.fixture(params=["as recorded", "sharp"])
def study(request, small_study, sharp_study):
    return small_study if request.param == "as recorded" else sharp_study


def similar_by_hand(row, margins):
    """Audited encounters within 0.25 in log-odds, at most the nearest 500 and at least the nearest 30."""
    others = sorted((one for one in margins if one != row), key=lambda one: abs(margins[one] - margins[row]))
    near = [one for one in others if abs(margins[one] - margins[row]) <= 0.25][:500]
    return near if len(near) >= 30 else others[:30]


def by_hand(study, threshold):
    """Every audited mistake from the definitions, one encounter at a time."""
    rows = [int(row) for row in study.split.audited]
    risks = {row: 1 / (1 + math.exp(-float(study.design.x[row] @ study.model.theta))) for row in rows}
    margins = {row: float(study.design.x[row] @ study.model.theta) for row in rows}
    found = {}
    for row in rows:
        happened = int(study.cohort.outcome.iloc[row])
        alert = risks[row] >= threshold
        if alert == bool(happened):
            continue
        others = similar_by_hand(row, margins)
        rate = sum(int(study.cohort.outcome.iloc[one]) for one in others) / len(others)
        same = rate if happened else 1 - rate
        found[study.cohort.frame.index[row]] = {
            "kind": "false alarm" if alert else "missed",
            "risk": risks[row],
            "outcome": happened,
            "loss": -math.log(risks[row] if happened else 1 - risks[row]),
            "similar_encounters": len(others),
            "similar_event_rate": rate,
            "verdict": "surprising" if same < 0.05 else "expected at this risk",
        }
    return found


@pytest.mark.parametrize("threshold", [None, 0.05, 0.3, 0.6])
def test_mistakes_are_those_found_by_hand(study, threshold):
    default = np.percentile(study.risks[study.split.train], 90)
    limit = default if threshold is None else threshold
    expected = by_hand(study, limit)
    found = mistakes(study, threshold)

    assert set(found.index) == set(expected)
    assert len(found) == len(expected) >= 5
    assert (found["threshold"] == limit).all()
    for name, row in expected.items():
        for column, value in row.items():
            assert found.loc[name, column] == (value if isinstance(value, str) else pytest.approx(value, abs=1e-12))


def test_the_worst_stands_first(small_study):
    losses = mistakes(small_study)["loss"].to_numpy()
    assert (np.diff(losses) <= 0).all()
    assert losses[0] > losses[-1]


def test_both_kinds_both_verdicts_and_both_counts_occur(small_study, sharp_study):
    """Otherwise the comparison by hand would show less than it seems to."""
    found = mistakes(sharp_study, 0.3)
    assert set(found["kind"]) == {MISSED, FALSE_ALARM}
    assert set(found["verdict"]) == {SURPRISING, EXPECTED}
    counts = mistakes(small_study, 0.3)["similar_encounters"]
    assert counts.min() == 30
    assert counts.max() > 40


def test_a_risk_at_the_threshold_alerts():
    risks, outcomes = np.array([0.2, 0.2, 0.1, 0.1]), np.array([1.0, 0.0, 1.0, 0.0])
    assert list(kinds(risks, outcomes, 0.2)) == [RIGHT, FALSE_ALARM, MISSED, RIGHT]


@pytest.mark.parametrize("threshold", [0.0, 1.0, -0.1, 15.0, float("nan")])
def test_a_threshold_that_is_no_risk_is_refused(small_study, threshold):
    with pytest.raises(DataError, match="between 0 and 1"):
        mistakes(small_study, threshold)


def test_similar_encounters_of_a_training_row_are_audited_ones(small_study):
    row = int(small_study.split.train[0])
    audited = small_study.split.audited
    nearest = similar_by_hand(row, {int(one): small_study.margins[one] for one in [*audited, row]})
    found = similar_encounters(small_study, np.array([row]))
    assert found.count[0] == len(nearest)
    assert found.event_rate[0] == pytest.approx(small_study.design.y[nearest].mean())
