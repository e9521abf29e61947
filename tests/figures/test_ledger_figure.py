"""The figure of groups holds the ledger, names no encounter, and says its finding in the title."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from clinflu import Audit, Remove
from clinflu.figures import SAFE_CONFIG, ledger_figure
from clinflu.figures.ledger import SHOWN, ledger_finding, ledger_spec
from clinflu.figures.theme import DOWN, UP

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def audit(small_cohort):
    return Audit.fit(small_cohort)


@pytest.fixture(scope="module")
def chosen(audit):
    return audit.worst_miss()


@pytest.fixture(scope="module", params=["ward", "ward_team", "age_years"])
def ledger(request, audit, chosen):
    return audit.ledger(chosen, request.param)


def parts(figure):
    return {part.type: part for part in figure.data}


def test_bars_are_the_refits_and_diamonds_the_estimates(audit, chosen, ledger):
    drawn, frame = parts(ledger_figure(audit.prediction(chosen), ledger)), ledger.frame
    assert set(drawn) == {"bar", "scatter"}
    np.testing.assert_array_equal(drawn["bar"].x, frame["risk_change_refit_pp"])
    np.testing.assert_array_equal(drawn["scatter"].x, frame["risk_change_newton_pp"])
    assert list(drawn["bar"].y) == list(drawn["scatter"].y) == list(range(len(frame)))
    assert list(drawn["bar"].marker.color) == [UP if one > 0 else DOWN for one in frame["risk_change_refit_pp"]]
    for part, column, how in (("bar", "refit", "refitted"), ("scatter", "newton", "estimated")):
        for text, change in zip(drawn[part].hovertext, frame[f"risk_change_{column}_pp"], strict=True):
            assert text == f"{how}: {change:+.3f} percentage points".replace("-", "−")


def test_a_bar_is_a_refit_without_the_whole_group(audit, chosen):
    ledger = audit.ledger(chosen, "ward")
    bars = parts(ledger_figure(audit.prediction(chosen), ledger))["bar"]
    for level, change in zip(ledger.frame.index, bars.x, strict=True):
        refit = audit.what_if(Remove(query=f"ward == {level!r}"))
        assert change == pytest.approx(refit.risk_change_pp(chosen), abs=1e-8)


def test_rows_bear_their_level_and_that_of_the_patient_says_so(audit, chosen, ledger):
    axis = ledger_figure(audit.prediction(chosen), ledger).layout.yaxis
    mine = ledger.frame["holds_audited_patient"]
    names = ["not recorded" if level == "missing" else level for level in mine.index]
    wanted = [f"{level}{' (as this patient)' if own else ''}" for level, own in zip(names, mine, strict=True)]
    assert list(axis.ticktext) == wanted
    assert list(axis.tickvals) == list(range(len(wanted)))
    assert axis.range[0] > axis.range[1]  # the first at the top
    assert mine.sum() == 1


def test_the_title_says_the_group_that_matters_most(audit, chosen, ledger):
    first = ledger.frame["risk_change_refit_pp"].iloc[0]
    assert abs(first) == ledger.frame["risk_change_refit_pp"].abs().max()
    title = ledger_figure(audit.prediction(chosen), ledger).layout.title
    said = f"Without {ledger.labels[0]} {ledger.frame.index[0]} the risk changes by {first:+.1f} points"
    assert title.text == said.replace("-", "−")
    assert "SIMULATED" in title.subtitle.text


def with_changes(ledger, changes):
    return replace(ledger, frame=ledger.frame.head(len(changes)).assign(risk_change_refit_pp=changes))


def test_little_nothing_and_no_fit_are_said(audit, chosen):
    ledger, prediction = audit.ledger(chosen, "ward"), audit.prediction(chosen)
    level = ledger.frame.index[0]
    assert ledger_finding(with_changes(ledger, [0.049, -0.01])) == "No Ward group moves this risk noticeably"
    unknown = with_changes(ledger, [np.nan, -3.0])
    assert ledger_finding(unknown) == f"Without Ward {level}: no finite fit"
    assert list(parts(ledger_figure(prediction, unknown))["bar"].x) == [None, -3.0]
    assert "no finite fit" in parts(ledger_figure(prediction, unknown))["bar"].hovertext[0]
    empty = replace(ledger, frame=ledger.frame.head(0))
    assert ledger_finding(empty) == "No group of past patients"
    assert list(parts(ledger_figure(prediction, empty))["bar"].x) == []


def test_at_most_twelve_groups_are_drawn(audit, chosen):
    ids = audit.study.train_ids
    groups = pd.Series([f"group {place % 20:02}" for place in range(len(ids))], index=ids)
    ledger = audit.ledger(chosen, groups)
    bars = parts(ledger_figure(audit.prediction(chosen), ledger))["bar"]
    assert len(ledger.frame) >= 20
    assert len(bars.x) == SHOWN == 12
    np.testing.assert_array_equal(bars.x, ledger.frame["risk_change_refit_pp"].head(SHOWN))


def test_levels_are_shown_as_they_are_and_ages_over_89_as_90_and_over(small_cohort, chosen):
    level = f"{HOSTILE} $$x$$"
    frame = small_cohort.frame.assign(ward_team=small_cohort.frame["ward_team"].replace("red", level))
    hostile = Audit.fit(replace(small_cohort, frame=frame))
    told = json.dumps(ledger_spec(hostile.prediction(chosen), hostile.ledger(chosen, "ward_team")))
    assert "<img" not in told
    assert "&lt;img src=x onerror=alert(1)" in told
    ages = {one: "[90-100)" if place % 3 else "[50-60)" for place, one in enumerate(frame.index)}
    ledger = replace(hostile.ledger(chosen, ages), labels=("Age",))
    told = json.dumps(ledger_spec(hostile.prediction(chosen), ledger))
    assert "90-100" not in told
    assert "90+" in told


def test_no_encounter_is_named_and_nothing_is_sent(audit, chosen, ledger):
    figure = ledger_figure(audit.prediction(chosen), ledger)
    told = figure.to_json()
    assert not [one for one in audit.cohort.frame.index if f'"{one}"' in told]
    assert "showSendToCloud" in figure.to_html()
    assert SAFE_CONFIG["showSendToCloud"] is False
    json.dumps(ledger_spec(audit.prediction(chosen), ledger), allow_nan=False)


def test_real_patients_are_not_called_simulated(audit, chosen):
    prediction = audit.prediction(chosen)
    real = replace(prediction, provenance=replace(prediction.provenance, simulated=False))
    assert "SIMULATED" not in json.dumps(ledger_spec(real, audit.ledger(chosen, "ward")))
