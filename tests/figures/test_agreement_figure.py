"""The figure of a check shows its pairs on equal linear axes, names nobody, and counts what it cannot draw."""

import re
from dataclasses import replace

import numpy as np
import pytest

from clinflu.analysis.check import Plan, check
from clinflu.figures.agreement import agreement_figure
from clinflu.influence.agreement import points_text

SINGLE = ("first_order", "second_order", "one_step")
GROUP = ("first_order", "second_order", "newton")
SORTS = ("random", "patient", "subgroup", "together")


@pytest.fixture(scope="module")
def found(small_study):
    return check(small_study, plan=Plan(10, 10, 6))


@pytest.fixture(scope="module")
def figure(found):
    return agreement_figure(found)


def markers(figure, axis):
    return [part for part in figure.data if part.mode == "markers" and part.xaxis == axis]


def pairs_of(found, kinds, method):
    parts = [part for part in found.points if part.kind in kinds]
    estimate = np.concatenate([part.estimates_pp[method] for part in parts])
    return estimate, np.concatenate([part.refit_pp for part in parts])


@pytest.mark.parametrize(
    ("axis", "kinds", "methods"),
    [("x", ("single",), SINGLE), ("x2", ("random", "patient", "subgroup", "together"), GROUP)],
)
def test_every_pair_is_drawn_estimate_across_and_refit_upward(figure, found, axis, kinds, methods):
    drawn = markers(figure, axis)
    assert len(drawn) == 3
    for part, method in zip(drawn, methods, strict=True):
        estimate, refit = pairs_of(found, kinds, method)
        np.testing.assert_array_equal(np.sort(part.x), np.sort(estimate))
        assert set(zip(part.x, part.y, strict=True)) == set(zip(estimate, refit, strict=True))


@pytest.mark.parametrize("axis", ["", "2", "3", "4"])
def test_both_axes_of_a_panel_are_the_same_linear_and_hold_every_point(figure, axis):
    across, upward = figure.layout[f"xaxis{axis}"], figure.layout[f"yaxis{axis}"]
    assert across.range == upward.range
    assert upward.scaleanchor == f"x{axis}"
    assert {across.type, upward.type} <= {None, "linear"}
    values = np.concatenate([values for part in markers(figure, f"x{axis}") for values in (part.x, part.y)])
    assert across.range[0] < min(0, values.min())
    assert max(0, values.max()) < across.range[1]


@pytest.mark.parametrize(("axis", "kinds", "methods"), [("x3", ("single",), SINGLE), ("x4", SORTS, GROUP)])
def test_the_zoom_shows_the_same_95_per_cent_by_every_method(figure, found, axis, kinds, methods):
    """Those that by the refit and by all estimates move the risk least."""
    columns = [pairs_of(found, kinds, method) for method in methods]
    reach = np.max(np.abs([columns[0][1], *(estimate for estimate, _ in columns)]), axis=0)
    kept = np.argsort(reach, kind="stable")[: int(np.ceil(0.95 * len(reach)))]
    assert 0 < len(reach) - len(kept) < 0.06 * len(reach)
    for part, (estimate, refit) in zip(markers(figure, axis), columns, strict=True):
        assert set(zip(part.x, part.y, strict=True)) == set(zip(estimate[kept], refit[kept], strict=True))
    assert f"the 95 % that move the risk least, n = {len(kept)}" in text_of(figure)


def test_a_few_that_move_the_risk_much_do_not_widen_the_zoom(found):
    part = found.points[0]
    refit = np.where(np.arange(20) < 3, 50.0, part.refit_pp)
    wide = agreement_figure(replace(found, points=(replace(part, refit_pp=refit), *found.points[1:]))).layout
    assert wide.xaxis.range[1] > 50
    assert wide.xaxis3.range[1] < 10


def test_titles_say_by_how_much_the_printed_estimate_is_off(figure, found):
    titles = [one.text for one in figure.layout.annotations]
    for title, kind, method in ((titles[0], "single", "one_step"), (titles[1], "group", "newton")):
        assert f"off by at most {points_text(found.grade(kind, method).largest_error)} pp" in title
        assert "one Newton step; all, n =" in title


def test_the_diagonal_is_where_estimate_and_refit_are_equal(figure):
    lines = [part for part in figure.data if part.mode == "lines"]
    assert {line.xaxis for line in lines} == {"x", "x2", "x3", "x4"}
    for line in lines:
        assert tuple(line.x) == tuple(line.y)
        assert tuple(line.x) == figure.layout[f"xaxis{line.xaxis[1:]}"].range


def test_estimates_are_told_apart_without_colour(figure):
    for axis in ("x", "x2", "x3", "x4"):
        parts = markers(figure, axis)
        assert len({part.marker.symbol for part in parts}) == len({part.name for part in parts}) == 3
    shown = [part.name for part in figure.data if part.showlegend]
    assert len(shown) == len(set(shown)) == 4


def text_of(figure):
    return " ".join(one.text for one in figure.layout.annotations)


def test_it_says_how_many_there_are(figure, found):
    text = text_of(figure)
    assert f"n = {5 * 20}" in text
    assert f"n = {found.grade('group', 'newton').removals}" in text
    assert f"{found.refits} different refits" in text
    assert "each of 5 predictions" in text


def test_what_cannot_be_drawn_is_counted(found):
    part = found.points[0]
    refit = np.where(np.arange(20) < 3, np.nan, part.refit_pp)
    one_step = np.where(np.arange(20) == 7, np.nan, part.estimates_pp["one_step"])
    spoilt = replace(part, refit_pp=refit, estimates_pp={**part.estimates_pp, "one_step": one_step})
    figure = agreement_figure(replace(found, points=(spoilt, *found.points[1:])))
    text = text_of(figure)
    assert "3 without a finite fit, 1 without an estimate" in text
    assert "n = 97" in text
    assert [len(part.x) for part in markers(figure, "x")] == [97, 97, 96]
    assert all(np.isfinite(part.x).all() for part in figure.data)


def test_without_groups_their_panel_is_empty_and_says_so(small_study):
    figure = agreement_figure(check(small_study, plan=Plan(5, 5, 0)))
    assert "n = 0" in text_of(figure)
    assert all(len(part.x) == 0 for axis in ("x2", "x4") for part in markers(figure, axis))
    assert text_of(figure).count("off by at most") == 2


def test_without_single_removals_the_legend_is_still_whole(small_study):
    figure = agreement_figure(check(small_study, plan=Plan(0, 0, 6)))
    assert {part.name for part in figure.data if part.showlegend and len(part.x)} >= {
        "first order",
        "second order",
        "one Newton step",
    }


def test_it_holds_no_id_of_the_source(figure, small_study):
    ids = {*small_study.cohort.frame.index, *small_study.cohort.patients}
    assert not ids & set(re.findall(r"\w+", figure.to_json()))


@pytest.mark.parametrize("simulated", [True, False])
def test_of_invented_patients_it_says_so(found, simulated):
    of = replace(found, provenance=replace(found.provenance, simulated=simulated))
    assert ("SIMULATED" in str(agreement_figure(of).layout.title.subtitle.text)) == simulated
