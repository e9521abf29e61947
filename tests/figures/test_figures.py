"""Figures say what the trace says, name nobody, send nothing, and show every recorded value as it is."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from clinflu import Audit, Remove
from clinflu.data.shown import NOT_RECORDED, recorded_text
from clinflu.figures import SAFE_CONFIG, attribution_figure, removal_figure
from clinflu.figures.attribution import attribution_steps
from clinflu.figures.style import escape, figure_text, shorten

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def audit(small_cohort):
    return Audit.fit(small_cohort)


@pytest.fixture(scope="module")
def trace(audit):
    return audit.trace(audit.worst_miss())


def test_steps_lead_from_the_average_patient_to_the_predicted_risk(trace):
    for variables in (0, 2, 4, 99):
        steps = attribution_steps(trace, variables)
        total = 100 * trace.baseline_risk + sum(step.risk_pp for step in steps)
        np.testing.assert_allclose(total, 100 * trace.risk, atol=1e-10)


def test_only_the_strongest_variables_stand_alone(trace):
    steps = attribution_steps(trace, 3)
    assert [step.label for step in steps] == [*trace.attribution["label"].head(3), "all other variables"]
    assert steps[-1].recorded == f"{len(trace.attribution) - 3} together"
    assert len(attribution_steps(trace, 99)) == len(trace.attribution)


def test_waterfall_holds_the_risks_and_the_threshold(audit, trace):
    figure = attribution_figure(trace)
    bars = figure.data[0]
    row = audit.design.encounter_ids.get_loc(trace.encounter_id)
    risk = 1 / (1 + np.exp(-audit.design.x[row] @ audit.model.theta))
    np.testing.assert_allclose(bars.x[-1], 100 * risk)
    np.testing.assert_allclose(sum(bars.x[:-1]), 100 * risk)
    assert bars.measure[0] == "absolute"
    assert bars.measure[-1] == "total"
    np.testing.assert_allclose(figure.layout.shapes[0].x0, 100 * audit.threshold)
    assert f"{100 * audit.threshold:.1f} %" in figure.layout.annotations[0].text


def test_every_bar_fits_on_the_risk_axis(trace):
    figure = attribution_figure(trace)
    low, high = figure.layout.xaxis.range
    ends = np.cumsum(figure.data[0].x[:-1])
    assert low <= min(0, *ends)
    assert high > max(100 * trace.threshold, *ends)


def test_bars_of_removal_are_the_refits_and_diamonds_the_estimates(audit, trace):
    figure = removal_figure(trace, audit.pseudonyms)
    shown = [*trace.pushed_toward_error.index, *trace.pushed_against.index]
    bars = np.concatenate([part.x for part in figure.data if part.type == "bar"])
    diamonds = np.concatenate([part.x for part in figure.data if part.type == "scatter"])
    refits = [audit.what_if(Remove([one])).risk_change_pp(trace.encounter_id) for one in shown]
    np.testing.assert_allclose(bars, refits, atol=1e-8)
    margins = np.array([trace.influence.margin_change_of(one) for one in shown])
    estimates = 100 / (1 + np.exp(-(trace.margin + margins))) - 100 * trace.risk
    np.testing.assert_allclose(diamonds, estimates, atol=1e-8)


def test_removal_rows_stand_beside_the_pseudonym_and_the_outcome_they_belong_to(audit, trace):
    figure = removal_figure(trace, audit.pseudonyms)
    labels = dict(zip(figure.layout.yaxis.tickvals, figure.layout.yaxis.ticktext, strict=True))
    places = [place for part in figure.data if part.type == "bar" for place in part.y]
    shown = [*trace.pushed_toward_error.index, *trace.pushed_against.index]
    for place, encounter_id in zip(places, shown, strict=True):
        event = "event" if audit.cohort.outcome[encounter_id] else "no event"
        assert labels[place] == f"{audit.pseudonyms.encounter(encounter_id)} · {event}"


def test_estimate_and_refit_are_told_apart_without_colour(audit, trace):
    kinds = {(part.type, part.name) for part in removal_figure(trace, audit.pseudonyms).data}
    assert {kind for kind, _ in kinds} == {"bar", "scatter"}
    assert len({name for _, name in kinds}) == 2


def test_removal_without_anybody_says_so(audit, trace):
    nobody = replace(trace, pushed_toward_error=trace.pushed_toward_error[:0], pushed_against=trace.pushed_against[:0])
    figure = removal_figure(nobody, audit.pseudonyms)
    assert not figure.data
    assert "No past patient" in figure.layout.annotations[0].text


def test_figures_hold_no_id_of_the_source(audit, trace):
    ids = {*audit.cohort.frame.index, *audit.cohort.patients}
    for figure in (attribution_figure(trace), removal_figure(trace, audit.pseudonyms)):
        assert not ids & set(re.findall(r"\w+", figure.to_json()))


def test_every_value_of_the_data_is_escaped(audit, trace):
    hostile = trace.attribution.assign(label=HOSTILE, recorded=HOSTILE, unit=HOSTILE)
    spoilt = replace(trace, attribution=hostile, outcome_label=HOSTILE)
    for figure in (attribution_figure(spoilt), removal_figure(spoilt, audit.pseudonyms)):
        texts = [text for text in _texts(json.loads(figure.to_json())) if "img" in text]
        assert texts
        assert not any("<img" in text for text in texts)


def _texts(value):
    if isinstance(value, dict):
        return [text for part in value.values() for text in _texts(part)]
    if isinstance(value, list):
        return [text for part in value for text in _texts(part)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("simulated", [True, False])
def test_figures_of_invented_patients_say_so(audit, trace, simulated):
    of = replace(trace, provenance=replace(trace.provenance, simulated=simulated))
    for figure in (attribution_figure(of), removal_figure(of, audit.pseudonyms)):
        assert ("SIMULATED" in str(figure.layout.title.subtitle.text)) == simulated


def test_figures_send_nothing_wherever_they_are_shown(trace):
    figure = attribution_figure(trace)
    assert SAFE_CONFIG["showSendToCloud"] is False
    html = figure.to_html(include_plotlyjs=False, config={"showSendToCloud": True, "scrollZoom": True})
    config = json.loads(re.search(r"\{[^{}]*\"showSendToCloud\"[^{}]*\}", html)[0])
    assert config["showSendToCloud"] is False
    assert config["scrollZoom"] is True


def test_figures_send_nothing_in_a_notebook(trace, monkeypatch):
    import plotly.io

    monkeypatch.setattr(plotly.io.renderers, "default", "plotly_mimetype")
    bundle = attribution_figure(trace)._repr_mimebundle_()
    assert bundle["application/vnd.plotly.v1+json"]["config"]["showSendToCloud"] is False


def test_written_figures_send_nothing(trace, tmp_path):
    attribution_figure(trace).write_html(tmp_path / "figure.html", include_plotlyjs=False)
    assert '"showSendToCloud": false' in (tmp_path / "figure.html").read_text()


@pytest.mark.parametrize(
    ("recorded", "unit", "shown"),
    [
        (3, "days", "3 days"),
        (3.0, "days", "3 days"),
        (1.25, None, "1.25"),
        ("surgical", float("nan"), "surgical"),
        (pd.NA, "days", NOT_RECORDED),
        (float("nan"), None, NOT_RECORDED),
    ],
)
def test_recorded_values_read_as_recorded(recorded, unit, shown):
    assert recorded_text(recorded, unit) == shown


def test_text_is_escaped_for_its_place():
    assert escape("\"a\" <b> & 'c'") == "&quot;a&quot; &lt;b&gt; &amp; &#x27;c&#x27;"
    assert figure_text('two\nlines "a" <b>') == 'two lines "a" &lt;b&gt;'
    assert shorten("x" * 40, 10) == "x" * 9 + "…"
    assert shorten("short", 10) == "short"
