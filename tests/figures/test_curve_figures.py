"""The figures of curves hold the published rows and nothing else, and are read without colour."""

import json

import numpy as np
import pandas as pd
import pytest

from clinflu.figures.calibration_figure import calibration_spec
from clinflu.figures.config import SafeFigure, as_json
from clinflu.figures.curve_lines import SERIES
from clinflu.figures.decision_figure import decision_difference_spec, decision_spec
from clinflu.figures.roc_figure import precision_recall_spec, roc_spec
from clinflu.figures.theme import CONNECTOR, DARK_FOR_LIGHT, GRID, PAPER
from clinflu.figures.thresholds_figure import thresholds_spec

HOSTILE = "<img src=x onerror=alert(1)>"
RATES = ("sensitivity", "specificity", "false_positive_rate", "ppv", "alert_rate")


def points(label, count=5, shift=0.0):
    """Return the rates of some thresholds, highest threshold first."""
    found = []
    for at in np.linspace(0.5, 0.1, count):
        sensitivity, fpr = (1 - at) ** (1.2 - shift), (1 - at) ** 3
        rate = 0.1
        alerts = rate * sensitivity + (1 - rate) * fpr
        found.append(
            {"label": label, "threshold": at, "sensitivity": sensitivity, "false_positive_rate": fpr}
            | {"specificity": 1 - fpr, "ppv": rate * sensitivity / alerts, "alert_rate": alerts}
        )
    return found


@pytest.fixture
def rates():
    return points("Model", shift=0.3) + points("LACE~ (approximate)", 3) + points("HOSPITAL~ (approximate)", 4)


@pytest.fixture
def worth():
    frame = pd.DataFrame({"threshold": np.tile([0.1, 0.2, 0.3], 4), "net_benefit_per_1000": np.arange(12.0)})
    frame["label"] = np.repeat(["Model", "LACE~", "Treat all", "Treat none"], 3)
    frame.loc[frame["label"] == "Treat all", "net_benefit_per_1000"] = [5.0, -90.0, -400.0]
    frame.loc[frame["label"] == "Treat none", "net_benefit_per_1000"] = 0.0
    return frame.to_dict("records")


BANDS = [
    {"mean_risk": 0.05, "event_rate": 0.04, "event_rate_low": 0.02, "event_rate_high": 0.08, "encounters": 1200},
    {"mean_risk": 0.3, "event_rate": 0.25, "event_rate_low": 0.2, "event_rate_high": 0.31},
    {"mean_risk": 0.7, "event_rate": "withheld", "event_rate_low": None, "event_rate_high": None},
]
CURVE = [{"risk": at, "observed": 0.9 * at, "low": 0.8 * at, "high": at} for at in (0.02, 0.1, 0.35)]
GAINS = [{"threshold": at, "per_1000": 3.0, "per_1000_low": 1.0, "per_1000_high": 5.0} for at in (0.1, 0.2)]


def every(rates, worth, **options):
    """Return every figure of curves."""
    return [
        roc_spec(rates, title="ROC", **options),
        precision_recall_spec(rates, event_rate=0.1, title="PR", **options),
        calibration_spec(BANDS, CURVE, title="Calibration", **options),
        decision_spec(worth, title="Decision", **options),
        decision_difference_spec(GAINS, title="Gain", **options),
        thresholds_spec(rates[:5], title="Thresholds", **options),
    ]


def trace(spec, name):
    (found,) = [one for one in spec["data"] if one["name"] == name]
    return found


def test_the_roc_runs_through_the_cuts_from_everybody_to_nobody(rates):
    spec = roc_spec(rates, title="ROC", threshold=0.5)
    for label in ("Model", "LACE~ (approximate)", "HOSPITAL~ (approximate)"):
        mine = sorted((one for one in rates if one["label"] == label), key=lambda one: one["threshold"])
        drawn = trace(spec, label)
        assert drawn["x"] == [1.0, *(one["false_positive_rate"] for one in mine), 0.0]
        assert drawn["y"] == [1.0, *(one["sensitivity"] for one in mine), 0.0]
        assert drawn["hovertext"][0] == "everybody"
        assert f"sensitivity {100 * mine[0]['sensitivity']:.1f} %" in drawn["hovertext"][1]
    star = trace(spec, "alert threshold")
    assert (star["x"], star["y"]) == ([rates[0]["false_positive_rate"]], [rates[0]["sensitivity"]])
    assert all(one["name"] != "alert threshold" for one in roc_spec(rates, title="ROC", threshold=0.42)["data"])


def test_between_two_cuts_precision_is_that_of_alerting_from_either_by_chance(rates):
    spec = precision_recall_spec(rates, event_rate=0.1, title="PR")
    along, dots = (one for one in spec["data"] if one["name"] == "Model")
    assert (along["x"][0], along["y"][0]) == pytest.approx((1.0, 0.1))
    ordered = sorted(rates[:5], key=lambda one: one["threshold"])
    assert dots["y"] == [one["ppv"] for one in ordered]
    low, high = ordered[0], ordered[1]
    between = along["x"].index(pytest.approx((low["sensitivity"] + high["sensitivity"]) / 2))
    events = 0.1 * (low["sensitivity"] + high["sensitivity"]) / 2
    false = 0.9 * (low["false_positive_rate"] + high["false_positive_rate"]) / 2
    assert along["y"][between] == pytest.approx(events / (events + false))


def test_a_rate_that_is_withheld_is_not_drawn(rates):
    rates[1]["ppv"], rates[2]["sensitivity"] = "withheld", None
    spec = precision_recall_spec(rates, event_rate=0.1, title="PR")
    dots = [one for one in spec["data"] if one["name"] == "Model"][1]
    assert len(dots["x"]) == 3
    assert len(trace(roc_spec(rates, title="ROC"), "Model")["x"]) == 4 + 2


def test_calibration_draws_bands_with_intervals_the_curve_and_the_diagonal():
    spec = calibration_spec(BANDS, CURVE, title="Calibration")
    dots = trace(spec, "bands of risk, 95 % interval")
    assert dots["x"] == [0.05, 0.3]
    assert dots["error_y"]["array"] == pytest.approx([0.04, 0.06])
    assert dots["error_y"]["arrayminus"] == pytest.approx([0.02, 0.05])
    assert "1,200 encounters" in dots["hovertext"][0]
    assert "encounters" not in dots["hovertext"][1]
    assert trace(spec, "smoothed")["y"] == [one["observed"] for one in CURVE]
    area = trace(spec, "95 % interval, by point")
    assert area["y"] == [*(one["high"] for one in CURVE), *(one["low"] for one in reversed(CURVE))]
    diagonal = trace(spec, "risk = share with the event")
    assert diagonal["x"] == diagonal["y"]
    assert spec["layout"]["xaxis"]["range"] == spec["layout"]["yaxis"]["range"]
    alone = calibration_spec(BANDS, [], title="Calibration")
    assert {one["name"] for one in alone["data"]} == {dots["name"], diagonal["name"]}


def test_decision_draws_every_line_and_lets_treating_all_fall_out_of_it(worth):
    spec = decision_spec(worth, title="Decision", threshold=0.2)
    for label in ("Model", "LACE~", "Treat all", "Treat none"):
        mine = [one for one in worth if one["label"] == label]
        assert trace(spec, label)["x"] == [one["threshold"] for one in mine]
        assert trace(spec, label)["y"] == [one["net_benefit_per_1000"] for one in mine]
    low, high = spec["layout"]["yaxis"]["range"]
    assert -10 < low < 0
    assert high > 5
    assert spec["layout"]["shapes"][0]["x0"] == 0.2
    gains = decision_difference_spec(GAINS, title="Gain")
    assert trace(gains, "95 % interval, by threshold")["y"] == [5.0, 5.0, 1.0, 1.0]
    assert trace(gains, "model, over the better default")["y"] == [3.0, 3.0]


def test_thresholds_draw_each_measure(rates):
    spec = thresholds_spec(rates[:5], title="Thresholds", threshold=0.3)
    ordered = sorted(rates[:5], key=lambda one: one["threshold"])
    for drawn in spec["data"]:
        key = {"sensitivity": "sensitivity", "alert rate": "alert_rate"}.get(drawn["name"].split(":")[0])
        if key:
            assert drawn["y"] == [one[key] for one in ordered]
        assert drawn["x"] == [one["threshold"] for one in ordered]
    assert len(spec["data"]) == 4
    assert spec["layout"]["annotations"][0]["text"] == "alert threshold"


def test_series_are_told_apart_without_colour_and_every_colour_has_a_dark_one(rates, worth):
    assert len({dash for _, dash, _ in SERIES}) == len({mark for _, _, mark in SERIES}) == len(SERIES)
    for spec in every(rates, worth):
        lines = [one["line"]["dash"] for one in spec["data"] if one["mode"] != "markers" and "fill" not in one]
        assert len(lines) == len(set(lines)) or spec["data"][0]["name"] == "Model"
        told = as_json(spec["data"])
        colours = {part.split('"')[0] for part in told.split('": "#')[1:]}
        assert {f"#{one}" for one in colours} <= set(DARK_FOR_LIGHT) - {GRID, PAPER}
        assert all(one.get("fillcolor", CONNECTOR) == CONNECTOR for one in spec["data"])


def luminance(colour):
    parts = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("dark", [False, True])
def test_every_line_stands_out_from_the_paper(dark):
    """WCAG 1.4.11: 3 to 1 for what is drawn."""
    shade = DARK_FOR_LIGHT if dark else {one: one for one in DARK_FOR_LIGHT}
    paper = luminance(shade[PAPER])
    for colour, _, _ in SERIES:
        low, high = sorted((luminance(shade[colour]), paper))
        assert (high + 0.05) / (low + 0.05) >= 3


def test_plotly_takes_every_figure_and_invented_patients_are_said_to_be(rates, worth):
    for spec in every(rates, worth):
        assert "SIMULATED" not in as_json(spec)
        assert SafeFigure(spec).layout.title.text == spec["layout"]["title"]["text"]
    for spec in every(rates, worth, simulated=True):
        assert "SIMULATED" in as_json(spec)


def test_values_and_titles_are_no_markup(rates, worth):
    hostile = [one | {"label": HOSTILE} for one in rates[:5]]
    harmful = [one | {"label": HOSTILE} for one in worth[:3]]
    specs = [
        roc_spec(hostile, title=HOSTILE, threshold=0.5),
        precision_recall_spec(hostile, event_rate=0.1, title=HOSTILE),
        decision_spec(harmful, title=HOSTILE),
        calibration_spec(BANDS, CURVE, title=HOSTILE),
        thresholds_spec(hostile, title=HOSTILE),
    ]
    for spec in specs:
        assert "<img" not in json.dumps(spec)
        assert "&lt;img" in json.dumps(spec)


def test_nothing_to_draw_is_an_empty_figure():
    specs = [
        roc_spec([], title="ROC", threshold=0.2),
        precision_recall_spec([], event_rate=0.1, title="PR"),
        calibration_spec([], [], title="Calibration"),
        decision_spec([], title="Decision"),
        decision_difference_spec([], title="Gain"),
        thresholds_spec([], title="Thresholds"),
    ]
    for spec in specs:
        SafeFigure(json.loads(as_json(spec)))
