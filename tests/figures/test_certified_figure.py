"""The figure of the certified bound draws both lines of each loss in the panel of its data, and says what it shows."""

import json

import pytest

from clinflu.analysis.certified import HINGE, LOGISTIC_LOSS, BoundPlan, Target, certified_curve
from clinflu.data.digits import Digits
from clinflu.errors import DataError
from clinflu.figures.certified_figure import CERTAIN, certified_figure, certified_spec
from clinflu.figures.config import as_json

PLAN = BoundPlan(1.0, 0.9, (0.0, 0.05, 0.2), 30, (1.0,), ("labels flipped",))


@pytest.fixture(scope="module")
def curves():
    targets = [Target.of_digits(Digits.load(*pair)) for pair in ((1, 7), (4, 9))]
    return [certified_curve(target, loss, PLAN) for target in targets for loss in (HINGE, LOGISTIC_LOSS)]


def test_each_loss_has_its_bound_and_its_attack_in_the_panel_of_its_data(curves):
    figure = certified_figure(curves)

    assert len(figure.data) == 2 * len(curves)
    for place, curve in enumerate(curves):
        bound, attack = figure.data[2 * place : 2 * place + 2]
        frame = curve.to_frame()
        assert list(bound.x) == list(attack.x) == [0.0, 0.05, 0.2]
        assert list(bound.y) == list(frame["certified_bound"])
        assert list(attack.y) == list(frame["strongest_attack"])
        assert bound.xaxis == attack.xaxis == ("x" if place < 2 else "x2")
        unit = "nats" if place % 2 else "units of the margin"
        assert bound.name == f"{curve.game.loss.name} loss, {unit}: certified bound"
    assert [note.text.split("<br>")[0] for note in figure.layout.annotations] == [
        "<b>Digits 1 against 7</b>",
        "<b>Digits 4 against 9</b>",
    ]


def test_the_legend_names_each_line_once_and_grey_tells_them_apart(curves):
    figure = certified_figure(curves)

    shown = [trace.name for trace in figure.data if trace.showlegend]
    assert len(shown) == len(set(shown)) == 4
    assert len({(trace.line.dash, trace.marker.symbol) for trace in figure.data if trace.showlegend}) == 4


def test_the_title_says_how_loose_the_bound_is(curves):
    loosest = max(one.looseness for curve in curves for one in curve.points)

    assert certified_figure(curves).layout.title.text == f"{CERTAIN}, at most {loosest:.1f} × attacks"


def test_a_loss_that_no_attack_lifts_from_zero_has_no_ratio():
    separable = certified_curve(Target.of_digits(Digits.load(1, 7)), HINGE, BoundPlan(20.0, 0.7, (0.0,), 5, (1.0,)))

    assert separable.clean.clean_loss == 0
    assert certified_figure([separable]).layout.title.text == CERTAIN


def test_hovering_gives_rows_bound_and_attack(curves):
    point = curves[0].at(0.2)

    text = certified_figure(curves).data[0].hovertext[2]

    assert f"20% poison, {point.poisoned_rows} rows beside {curves[0].game.n} clean ones" in text
    assert f"above {point.bound:.3f}" in text
    assert f"strongest attack ({point.strongest[0]}): {point.strongest[1].clean_loss:.3f}" in text


def test_it_is_plain_json_and_marks_invented_patients(curves):
    spec = json.loads(as_json(certified_spec(curves[:1], simulated=True)))

    assert "SIMULATED" in spec["layout"]["title"]["subtitle"]["text"]
    assert "subtitle" not in certified_spec(curves[:1])["layout"]["title"]


def test_no_curve_is_an_error():
    with pytest.raises(DataError, match="at least one curve"):
        certified_figure([])
