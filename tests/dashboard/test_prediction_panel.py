"""The prediction: its sentence, risk, interval, support, waterfall and names are those of the audit."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from dashboard.steps import cards, every_step
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from clinflu import Audit
from clinflu.dashboard import app
from clinflu.dashboard.app import build
from clinflu.dashboard.panels import PANELS
from clinflu.dashboard.screen import EDIT, Ask
from clinflu.dashboard.wording import percent, points
from clinflu.data import split_by_patient
from clinflu.errors import DataError
from clinflu.figures.attribution import attribution_steps


def test_the_sentence_the_risk_and_the_interval_are_those_of_the_trace(panels, read, fresh, worst):
    trace, tree = fresh.trace(worst), read(panels["Patient"])
    assert tree.one("span", "clinflu-risk").text == percent(trace.risk)
    assert f"95 % interval {percent(trace.interval.low)} to {percent(trace.interval.high)}" in tree.text
    assert f"gave this patient a risk of {percent(trace.risk)} (alert from {percent(trace.threshold)})" in tree.text
    assert f"no alert at {percent(trace.threshold)}" in tree.text
    rate = round(trace.similar_event_rate * trace.similar_encounters)
    assert f"Of the {trace.similar_encounters} audited encounters closest in risk, {rate} (" in tree.text


def test_few_and_many_past_patients_behind_a_prediction_are_both_said(audit, state, dashboard, panels, read):
    few, many = [], []
    for one in map(str, audit.design.encounter_ids[audit.audited_rows]):
        (few if audit.prediction(one).patients_of_half <= 10 else many).append(one)
    assert few
    assert many
    for chosen, words in ((few[0], "Half of what moves it comes from"), (many[0], "No few patients")):
        state.choose(chosen)
        found = brute_force_half(audit, chosen)
        assert words in read(panels["Patient"]).text
        assert f"comes from {found} past patients." in read(panels["Patient"]).text
    assert not dashboard.state.error


def brute_force_half(audit, encounter_id):
    """Return the fewest patients with half of the squared influence, added up one by one."""
    changes = audit.prediction(encounter_id).influence.margin_change
    patients = audit.design.patient_ids[audit.train_rows]
    squared = (pd.Series(changes).groupby(np.asarray(patients)).sum() ** 2).sort_values(ascending=False)
    total, taken = 0.0, 0
    for one in squared:
        total, taken = total + one, taken + 1
        if total >= squared.sum() / 2:
            return taken
    raise AssertionError


def test_low_support_is_said_where_it_is_low(audit, state, panels, read):
    low = audit.support_table()["low"]
    for chosen, is_low in ((low.idxmax(), True), (low.idxmin(), False)):
        state.choose(chosen)
        assert ("Low support: " in read(panels["Patient"]).text) == is_low
    state.choose(low.idxmax())
    assert audit.support(low.idxmax()).words in read(panels["Patient"]).text


def test_the_waterfall_has_at_most_eight_variables_and_the_rest(simulated_audit, state_of, read):
    state = state_of(simulated_audit)
    panel = build(state).panels[1]
    state.choose(simulated_audit.worst_miss())
    prediction = simulated_audit.prediction(state.screen.encounter_id)
    assert len(prediction.attribution) > 9
    figure, rows = read(panel).figures["attribution"], read(panel).tables["The same numbers"]
    assert len(rows) == 8 + 1 + 2
    assert [row[0] for row in rows[1:9]] == list(prediction.attribution["label"].head(8))
    assert rows[9][:2] == ["all other variables", f"{len(prediction.attribution) - 8} together"]
    assert len(figure["data"][0]["x"]) == len(rows)
    assert figure["data"][0]["x"][-1] == 100 * prediction.risk
    np.testing.assert_allclose(sum(figure["data"][0]["x"][:-1]), 100 * prediction.risk)


def test_an_analyst_sees_the_numbers_and_the_python(state_of, audit, read, fresh):
    shown = {}
    for role in ("clinician", "analyst"):
        state = state_of(audit, role)
        panels = build(state).panels
        every_step(state, str(audit.mistakes().index[0]))
        shown[role] = panels
    for clinician, analyst in zip(shown["clinician"], shown["analyst"][: len(PANELS)], strict=True):
        folds = [read(panel).one("details", "clinflu-python") for panel in (clinician, analyst)]
        assert [fold.get("open") for fold in folds] == [None, True]
        assert folds[0].one("code").text == folds[1].one("code").text
    trace = fresh.trace(audit.mistakes().index[0])
    numbers = f"Margin {trace.margin:+.4f} log-odds"
    assert numbers in read(shown["analyst"][1]).text
    assert numbers not in read(shown["clinician"][1]).text


def test_a_role_that_is_none_is_refused(audit):
    with pytest.raises(DataError, match="clinician and analyst"):
        app(audit, role="root")


def test_revealing_shows_the_identifier_after_it_is_written_down(panels, send, read, access_log, worst, audit):
    assert worst not in read(panels["Patient"]).text
    send(panels["Patient"], "reveal")
    assert read(panels["Patient"]).one("span", "clinflu-identifier").text == f"Identifier {worst}"
    assert json.loads(access_log.read_text())["pseudonym"] == audit.pseudonyms.encounter(worst)
    send(panels["Patient"], "reveal")
    assert worst not in read(panels["Patient"]).text
    assert access_log.read_text().count("\n") == 1


def test_where_the_log_cannot_be_written_no_identifier_is_shown(dashboard, panels, send, read, worst, access_log):
    access_log.parent.write_text("in the way")
    send(panels["Patient"], "reveal")
    assert "no identifier is shown" in dashboard.state.error
    assert worst not in read(panels["Patient"]).text


def test_notes_of_the_model_stand_once_at_the_head(audit, state_of, read):
    noted = Audit(replace(audit.study, notes=("A <b>note</b>.",)))
    made = build(state_of(noted))
    made.state.choose(str(noted.mistakes().index[0]))
    assert "A <b>note</b>." in read(made.toolbar).text
    assert "A <b>note</b>." not in read(made.panels[1]).text


def test_an_encounter_that_taught_the_model_is_said_to_have(audit, state, panels, read):
    state.choose(str(audit.study.train_ids[0]))
    assert "The model learned from this very encounter." in read(panels["Patient"]).text


def test_a_model_of_the_hospitals_own_is_explained_and_says_so(small_cohort, state_of, read):
    """It brings its own columns: a record cannot be edited, all else can be asked."""
    numbers = ["age_years", "visits", "platelets"]
    frame = small_cohort.frame.iloc[split_by_patient(small_cohort.patients, 0).train]
    scaled = ColumnTransformer([("number", StandardScaler(), numbers)])
    model = make_pipeline(scaled, LogisticRegression(tol=1e-12, solver="newton-cholesky"))
    audit = Audit.adopt(small_cohort, model.fit(frame[numbers], frame["readmitted"]))
    made = build(state_of(audit))
    every_step(made.state, str(audit.mistakes().index[0]))
    risk = model.predict_proba(small_cohort.frame.loc[[made.state.screen.encounter_id], numbers])[0, 1]
    assert read(made.panels[1]).one("span", "clinflu-risk").text == percent(risk)
    assert "verified to be the optimum" in read(made.toolbar).text
    assert len(cards(read(made.panels[2]))) == 20
    assert "Refitted without the past encounter that you ticked." in read(made.panels[3]).text
    screen = made.state.screen
    made.state.acting(made.state.ask)(Ask(EDIT, screen.ticked, variable="age_years", value="3"))
    assert "has its own columns" in made.state.error
    assert made.state.screen == screen


def test_steps_of_the_waterfall_are_those_of_the_figure(audit, panels, read, worst):
    steps = attribution_steps(audit.prediction(worst))
    rows = read(panels["Patient"]).tables["The same numbers"][1:-1]
    assert rows == [[one.label, one.recorded, points(one.risk_pp)] for one in steps]
