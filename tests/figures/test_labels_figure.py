"""The figures of wrong labels draw what was found, say it in their title, and mark invented patients."""

import json
import re
from dataclasses import replace

import pytest

from clinflu.analysis.labels import BinarySetting, Plan, fix_labels
from clinflu.data.digits import Digits
from clinflu.errors import DataError
from clinflu.figures.config import as_json
from clinflu.figures.labels_figure import found_figure, mended_figure, paired_figure

ORDERS = ("self-influence", "training loss", "random")


@pytest.fixture(scope="module")
def fixing():
    plan = Plan(repeats=3, checked=(0.05, 0.1, 0.3), refitted_at=(0.1, 0.3), orders=ORDERS)
    return fix_labels(BinarySetting.of_digits(Digits.load(3, 8)), plan)


@pytest.fixture(params=[found_figure, paired_figure, mended_figure], ids=lambda draw: draw.__name__)
def draw(request):
    return request.param


def lines(figure):
    return {trace.name: trace for trace in figure.data if trace.fill is None}


def test_the_found_shares_are_drawn_with_where_the_repeats_lie(fixing):
    figure = found_figure(fixing)
    assert list(lines(figure)) == list(ORDERS)
    frame = fixing.to_frame()
    for order, trace in lines(figure).items():
        assert list(trace.x) == list(fixing.checked)
        assert list(trace.y) == pytest.approx(list(frame.loc[order, "found"]))
    bands = [trace for trace in figure.data if trace.fill == "toself"]
    assert len(bands) == len(ORDERS)
    assert list(bands[0].y[:3]) == pytest.approx(list(frame.loc[ORDERS[0], "high"]))
    found = round(100 * frame["found"]["self-influence", 0.1])
    assert f"checking 10 % finds {found} % of wrong labels by self-influence" in figure.layout.title.text


def test_orders_are_told_apart_whichever_are_asked_for(fixing):
    renamed = replace(fixing, orders=("self-influence", "self-influence, one step", "random"))
    looks = [
        (trace.line.color, trace.line.dash) for trace in lines(found_figure(renamed, list(renamed.orders))).values()
    ]
    assert len(set(looks)) == 3


def test_the_difference_is_drawn_in_percentage_points_with_its_interval(fixing):
    figure = paired_figure(fixing, "self-influence", "random")
    paired = fixing.against("self-influence", "random")
    assert list(lines(figure)["found by self-influence less found by random"].y) == pytest.approx(
        list(100 * paired["difference"])
    )
    (interval,) = (trace for trace in figure.data if trace.fill == "toself")
    assert list(interval.y) == pytest.approx([*(100 * paired["high"]), *(100 * paired["low"][::-1])])
    assert "self-influence is ahead at 3 of 3 shares checked" in figure.layout.title.text


def test_without_a_second_repeat_there_is_no_interval(fixing):
    one = replace(fixing, found=fixing.found[:1])
    assert not [trace for trace in paired_figure(one).data if trace.fill]


def test_the_mended_model_starts_at_the_unmended_and_is_held_against_the_clean_one(fixing):
    figure = mended_figure(fixing, "log_loss")
    place = fixing.measures.index("log_loss")
    drawn = lines(figure)
    assert set(drawn["no label wrong"].y) == {fixing.clean[place]}
    assert {drawn[order].y[0] for order in ORDERS} == {fixing.unmended[:, place].mean()}
    assert drawn["self-influence"].y[1] == pytest.approx(fixing.mended[:, 0, 0, place].mean())
    assert re.search(r"log loss 0\.\d{3} → 0\.\d{3}, 10 % checked", figure.layout.title.text)


def test_both_axes_say_what_they_measure(fixing, draw):
    layout = draw(fixing).layout
    assert layout.xaxis.title.text == "training rows checked, %"
    assert layout.yaxis.title.text


def test_only_invented_patients_are_marked(fixing, draw):
    assert draw(fixing).layout.title.subtitle.text is None
    assert "SIMULATED" in draw(replace(fixing, simulated=True)).layout.title.subtitle.text


def test_a_figure_is_plain_values(fixing, draw):
    json.loads(as_json(draw(fixing).to_plotly_json()))


def test_names_are_shown_as_text(fixing, draw):
    assert "&lt;b&gt;" in draw(replace(fixing, name="<b>")).layout.title.text


@pytest.mark.parametrize(
    ("draw_it", "told"),
    [
        (lambda fixing: found_figure(fixing, ["confident learning"]), "not in the plan: confident learning; take some"),
        (lambda fixing: found_figure(fixing, []), "not in the plan: nothing; take some"),
        (lambda fixing: paired_figure(fixing, "random", "loss"), "'loss' was not in the plan"),
        (lambda fixing: mended_figure(replace(fixing, refitted_at=())), "give the plan shares to refit at"),
        (lambda fixing: mended_figure(fixing, "f1"), "'f1' was not measured; take one of accuracy, auroc"),
    ],
)
def test_what_was_not_measured_is_not_drawn(fixing, draw_it, told):
    with pytest.raises(DataError, match=told):
        draw_it(fixing)
