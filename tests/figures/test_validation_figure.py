"""The figures of validation draw every pair on equal axes, say the correlation, and hide nothing that is missing."""

import numpy as np
import pytest

from clinflu.analysis.validation import INFLUENCE, ONE_STEP, RIVALS, LeaveOneOutAgreement
from clinflu.figures.validation_figure import leave_one_out_figure, rivals_figure


def planted(name, noise=0.0, seed=0, approximate=""):
    """Refits that are the estimates plus noise; rivals that know nothing."""
    rng = np.random.default_rng(seed)
    predicted = rng.normal(size=12)
    rivals = {rival: rng.normal(size=12) for rival in RIVALS}
    return LeaveOneOutAgreement(
        name=name,
        rows=np.arange(12),
        is_strongest=np.arange(12) < 5,
        predicted={INFLUENCE: predicted, ONE_STEP: predicted, **rivals},
        actual=predicted + noise * rng.normal(size=12),
        precision=np.zeros(12),
        solver_words="cholesky: converged",
        truth_words="from the fitted model",
        approximate_words=approximate,
    )


@pytest.fixture(scope="module")
def found():
    return [planted("first"), planted("second", 0.1, 1), planted("third", 2.0, 2, "a local minimum"), planted("4th")]


@pytest.fixture(scope="module")
def figure(found):
    return leave_one_out_figure(found)


def drawn(figure, axis):
    return [part for part in figure.data if part.mode == "markers" and part.xaxis == f"x{axis}"]


def test_every_pair_is_drawn_once_estimate_across_and_refit_upward(figure, found):
    for place, one in enumerate(found):
        parts = drawn(figure, "" if place == 0 else place + 1)
        assert [len(part.x) for part in parts] == [7, 5]
        pairs = {pair for part in parts for pair in zip(part.x, part.y, strict=True)}
        assert pairs == set(zip(one.predicted[INFLUENCE], one.actual, strict=True))


def test_the_axes_of_a_panel_are_equal_and_its_diagonal_is_where_both_are(figure):
    for line in (part for part in figure.data if part.mode == "lines"):
        axis = line.xaxis[1:]
        across, upward = figure.layout[f"xaxis{axis}"], figure.layout[f"yaxis{axis}"]
        assert across.range == upward.range == tuple(line.x) == tuple(line.y)
        assert upward.scaleanchor == f"x{axis}"
        for part in drawn(figure, axis):
            assert across.range[0] < min(*part.x, *part.y)
            assert max(*part.x, *part.y) < across.range[1]


def test_panels_do_not_overlap(figure):
    boxes = [
        (*figure.layout[f"xaxis{axis}"].domain, *figure.layout[f"yaxis{axis}"].domain) for axis in ("", "2", "3", "4")
    ]
    for place, (left, right, low, high) in enumerate(boxes):
        assert 0 <= left < right <= 1
        assert 0 <= low < high <= 1
        for other in boxes[place + 1 :]:
            assert right <= other[0] or other[1] <= left or high <= other[2] or other[3] <= low


def test_titles_state_the_correlation_and_what_is_approximate(figure, found):
    titles = [one.text for one in figure.layout.annotations]
    for title, one in zip(titles, found, strict=True):
        r = np.corrcoef(one.predicted[INFLUENCE], one.actual)[0, 1]
        assert one.name in title
        assert f"r {r:.2f}"[:6] in title
        assert ("approximate" in title) == (one.name == "third")
    assert "lowest for third" in figure.layout.title.text


def test_each_legend_entry_is_shown_once(figure):
    shown = [part.name for part in figure.data if part.showlegend]
    assert sorted(shown) == sorted({part.name for part in figure.data})


def test_a_row_without_a_refit_is_not_drawn_and_not_counted():
    one = planted("gap")
    one.actual[3] = np.nan
    figure = leave_one_out_figure([one])
    assert sum(len(part.x) for part in drawn(figure, "")) == 11
    assert "n = 11" in figure.layout.annotations[0].text


def test_a_name_is_shown_as_it_is():
    for figure in (leave_one_out_figure([planted("<b>x")]), rivals_figure([planted("<b>x")])):
        assert "<b>x" not in figure.to_json().replace("<b>&lt;b&gt;x", "")
        assert "&lt;b&gt;x" in figure.to_json()


def test_bars_are_the_correlations_of_each_estimate(found):
    figure = rivals_figure(found)
    assert [bar.name for bar in figure.data] == [INFLUENCE, *RIVALS]
    for bar in figure.data:
        assert list(bar.y) == [one.name for one in found]
        np.testing.assert_allclose(bar.x, [one.pearson(bar.name) for one in found])
        assert figure.layout.xaxis.range[0] <= min(bar.x)
    best = sum(one.pearson() >= max(one.pearson(rival) for rival in RIVALS) for one in found)
    assert f"{best} of 4 models" in figure.layout.title.text
    assert len({bar.marker.pattern.shape for bar in figure.data}) == 4
