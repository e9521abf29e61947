"""Between neighbouring cuts nobody can be told apart: every band holds enough of both outcomes."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinflu.analysis.curves import risk_cuts, shared_cuts
from clinflu.errors import DataError


def bands(y, values, cuts):
    """Count (events, others) by band, by brute force."""
    edges = [-np.inf, *cuts, np.inf]
    inside = [(values >= low) & (values < high) for low, high in pairwise(edges)]
    return np.array([[int((y[one] == outcome).sum()) for outcome in (1, 0)] for one in inside])


@st.composite
def samples(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(1, 600))
    if draw(st.booleans()):
        values = rng.integers(0, draw(st.integers(1, 19)), n).astype(float)
    else:
        values = rng.beta(1.2, 6.0, n)
    rate = draw(st.sampled_from([0.02, 0.1, 0.5]))
    y = (rng.random(n) < np.clip(rate * (0.5 + values / max(values.mean(), 1e-9)), 0, 1)).astype(float)
    return y, values, rng


@settings(max_examples=150, deadline=None)
@given(samples(), st.integers(1, 15), st.integers(1, 45), st.integers(0, 3))
def test_every_band_holds_enough_and_those_asked_for_are_kept_or_refused(sample, least, most, asked):
    y, values, rng = sample
    through = tuple(rng.choice(values, asked)) if most >= asked else ()
    cuts = risk_cuts(y, values, least, most, through)
    assert np.all(np.diff(cuts.values) > 0)
    assert len(cuts.values) <= most
    if len(cuts.values):
        assert bands(y, values, cuts.values).min() >= least
    assert set(through) == (set(through) & set(cuts.values)) | set(cuts.refused)
    if through and through[0] in cuts.refused:
        assert bands(y, values, [through[0]]).min() < least


@settings(max_examples=100, deadline=None)
@given(samples(), st.integers(1, 15))
def test_bands_of_shared_cuts_hold_enough_or_nobody_beside_those_shown_elsewhere(sample, least):
    y, values, rng = sample
    other = np.round(values + 0.1 * rng.random(len(y)), 1)
    shown = [risk_cuts(y, values, least).values, risk_cuts(y, other, least).values]
    cuts = shared_cuts(y, (values, other), np.linspace(0, 1, 21), least, (float(values[0]),), shown)
    for one, elsewhere in zip((values, other), shown, strict=True):
        together = np.union1d(cuts.values, elsewhere)
        counted = bands(y, one, together)
        assert not len(together) or np.all((counted >= least).all(axis=1) | (counted == 0).all(axis=1))


def test_many_patients_give_as_many_cuts_as_asked_for_through_the_threshold():
    rng = np.random.default_rng(0)
    risk = rng.beta(1.5, 9.0, 20_000)
    y = (rng.random(20_000) < risk).astype(float)
    threshold = float(np.percentile(risk, 90))
    cuts = risk_cuts(y, risk, through=(threshold,))
    assert threshold in cuts.values
    assert cuts.refused == ()
    assert 36 <= len(cuts.values) <= 40
    widths = (bands(y, risk, cuts.values) / [y.sum(), (1 - y).sum()]).mean(axis=1)
    assert widths.max() < 3 / 40


def test_other_cuts_are_round_and_those_of_scores_whole():
    rng = np.random.default_rng(1)
    risk, score = rng.random(5_000), rng.integers(0, 12, 5_000).astype(float)
    y = (rng.random(5_000) < 0.3).astype(float)
    found = risk_cuts(y, risk, digits=2).values
    np.testing.assert_allclose(found * 100, np.round(found * 100), atol=1e-9)
    assert set(risk_cuts(y, score).values) <= set(range(1, 12))
    assert len(risk_cuts(y, score).values) == 11


def test_with_too_few_events_there_is_no_cut_and_the_threshold_is_refused():
    y, risk = np.repeat([1.0, 0.0], [21, 500]), np.linspace(0, 1, 521)
    cuts = risk_cuts(y, risk, through=(0.02,))
    assert len(cuts.values) == 0
    assert cuts.refused == (0.02,)
    assert cuts.to_frame().to_dict("records") == [{"cut": 0.02, "kept": False}]
    assert len(risk_cuts(np.zeros(500), np.linspace(0, 1, 500)).values) == 0


def test_the_first_asked_for_goes_before_the_others():
    y, risk = np.tile([1.0, 0.0], 40), np.arange(80) / 80
    assert risk_cuts(y, risk, through=(0.5, 0.55)).refused == (0.55,)
    assert risk_cuts(y, risk, through=(0.55, 0.5)).refused == (0.5,)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"least": 0}, "1 or more"),
        ({"most": 1, "through": (0.1, 0.2)}, "2 cuts must be there"),
        ({"risk": np.array([0.1, np.nan])}, "one value for each outcome"),
        ({"risk": np.array([0.1])}, "one value for each outcome"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, said):
    with pytest.raises(DataError, match=said):
        risk_cuts(**{"y": np.array([1.0, 0.0]), "risk": np.array([0.1, 0.2])} | arguments)


def test_cuts_shown_elsewhere_are_given_for_each_predictor():
    with pytest.raises(DataError, match="for each"):
        shared_cuts(np.array([1.0, 0.0]), [np.array([0.1, 0.2])], np.array([0.1]), shown=[np.empty(0), np.empty(0)])
