"""The flowchart: every step is drawn, and its words stay inside their box."""

import re

import pytest

from clinflu.figures.flowchart import BOTTOM_PX, BOX_HEIGHT, MAIN, TOP_PX, flowchart_spec

LINE_PX, LETTER_PX, MARGINS_PX = 13 * 1.3, 7.2, 20  # of 13 px text; the widest common letters are wider, most are not
NARROW_PX = 690  # what a panel leaves a chart in a window of 800
STEPS = [
    {"step": "encounters read", "encounters": 20_000},
    {"step": "excluded: not followed for the whole window of 30 days after the discharge", "encounters": 320},
    {"step": "excluded: " + "x" * 200, "encounters": 1},
    {"step": "encounters at risk", "encounters": 19_679},
    {"step": "training encounters", "encounters": 12_000},
]


def texts(spec):
    return [one["text"] for one in spec["layout"]["annotations"]]


def test_every_step_is_there_with_its_number():
    told = texts(flowchart_spec(STEPS, simulated=False))
    assert [re.search(r"<b>([\d,]+)</b>", one)[1] for one in told] == ["20,000", "320", "1", "19,679", "12,000"]
    assert told[1].replace("<br>", " ").startswith("excluded: not followed for the whole window of 30 days")


@pytest.mark.parametrize("steps", [STEPS, STEPS[:1] + STEPS[3:]])
def test_the_words_of_a_step_stay_inside_its_box(steps):
    spec = flowchart_spec(steps, simulated=True)
    width = (MAIN[1] - MAIN[0]) * (NARROW_PX - MARGINS_PX)
    height = BOX_HEIGHT * (spec["layout"]["height"] - TOP_PX - BOTTOM_PX) / len(steps)
    for text in texts(spec):
        lines = [re.sub(r"</?b>", "", one) for one in text.split("<br>")]
        assert max(map(len, lines)) * LETTER_PX < width
        assert len(lines) * LINE_PX < height


def test_a_cohort_of_short_steps_is_no_taller_than_it_was():
    assert flowchart_spec(STEPS[:1], simulated=False)["layout"]["height"] == TOP_PX + BOTTOM_PX + 64


def test_what_a_hospital_calls_its_exclusions_is_text():
    spec = flowchart_spec([{"step": "excluded: <img src=x>", "encounters": 1}], simulated=False)
    assert "&lt;img src=x&gt;" in texts(spec)[0]
    assert "<img" not in str(spec)
