"""The worst single edit of a past record is that of brute force, and its refit that of ``what_if``."""

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from clinflu import Edit, Relabel, Remove
from clinflu.analysis.adversarial.candidates import immutable_variables, plausible_values
from clinflu.analysis.adversarial.fragility import fragility
from clinflu.analysis.adversarial.fragility_words import at_most
from clinflu.analysis.adversarial.question import Search
from clinflu.analysis.adversarial.rewriting import rewrite, rewriting_effects
from clinflu.analysis.adversarial.screen import EditScreen
from clinflu.analysis.what_if import what_if
from clinflu.data import build_cohort
from clinflu.errors import DataError
from clinflu.influence.refit import Change, refit, refit_each
from clinflu.model.logistic import risk_at
from clinflu.model.newton import fit_logistic
from clinflu.study import Study
from data_loaders.diabetes130 import SCHEMA as UCI_SCHEMA

KINDS = ("edit", "rewriting", "removal", "relabelling")
NUMBERS = 4


@pytest.fixture(scope="module")
def tiny_study(small_cohort):
    """About 70 training encounters, so that every edit of every one can be refitted."""
    frame = small_cohort.frame.reset_index()
    few = frame[frame["patient"].isin(sorted(frame["patient"].unique())[:45])]
    read = replace(small_cohort.provenance, rows_read=len(few))
    return Study.fit(build_cohort(few, small_cohort.schema, read))


@pytest.fixture(scope="module")
def audited(tiny_study):
    return str(tiny_study.design.encounter_ids[tiny_study.split.audited[2]])


@pytest.fixture(scope="module")
def found(tiny_study, audited):
    return fragility(tiny_study, audited, search=Search(numbers=NUMBERS))


@pytest.fixture(scope="module")
def brute_force(tiny_study, audited):
    """Refit every edit of every record: (row, candidate, margin change), through the encoder and nothing else."""
    train, values = tiny_study.train, plausible_values(tiny_study, NUMBERS)
    x_audited, changes, places = tiny_study.x(audited), [], []
    names = list(tiny_study.cohort.schema.feature_names)
    types = tiny_study.train_frame[names].dtypes
    for edit, (name, value) in enumerate(zip(values.variables, values.values, strict=True)):
        edited = tiny_study.train_frame[names].astype(object)
        edited[name] = value
        x = tiny_study.encoder.encode(edited.astype(types))
        for row in np.flatnonzero((x != train.x).any(axis=1)):
            rows = np.array([row])
            changes.append(Change(rows, train.weights[rows], train.y[rows], x[rows]))
            places.append((row, edit))
    moved = [float(x_audited @ (one.theta - train.model.theta)) for one in refit_each(train, changes)]
    return np.array(places), np.array(moved)


def test_the_worst_edit_each_way_is_that_of_brute_force(found, brute_force, tiny_study, audited):
    places, moved = brute_force
    values = plausible_values(tiny_study, NUMBERS)
    before = float(tiny_study.x(audited) @ tiny_study.model.theta)
    edits = [one for one in found.alterations if one.kind == "edit"]
    for one, at in zip(edits, (int(moved.argmax()), int(moved.argmin())), strict=True):
        row, edit = places[at]
        assert one.encounter_id == tiny_study.train_ids[row]
        assert one.values == ((values.variables[edit], values.values[edit]),)
        assert one.risk_after == pytest.approx(risk_at(before + moved[at]), abs=1e-10)
    assert abs(found.worst().change_pp) == pytest.approx(max(abs(one.change_pp) for one in edits))


def test_every_edit_that_changes_a_record_is_counted(found, brute_force, tiny_study):
    assert found.edits == len(brute_force[0])
    assert found.records == len(tiny_study.train.y)


def test_the_screen_is_one_newton_step_of_each_edit(tiny_study, audited):
    """The strongest of the screen against the step computed by hand from the changed gradient and Hessian."""
    train, values = tiny_study.train, plausible_values(tiny_study, NUMBERS)
    x_audited = tiny_study.x(audited)
    screened = EditScreen(train, values, x_audited).strongest(1_000)
    theta = train.model.theta
    assert len(screened.raising) > 100
    for hit in (*screened.raising[::40], *screened.lowering[::40]):
        x, z = train.x[hit.row], train.x[hit.row].copy()
        columns = values.columns[values.variables[hit.edit]]
        z[columns] = values.x[hit.edit, columns]
        p, q = (1 / (1 + np.exp(-row @ theta)) for row in (x, z))
        gradient = (q - train.y[hit.row]) * z - (p - train.y[hit.row]) * x
        hessian = train.model.hessian + q * (1 - q) * np.outer(z, z) - p * (1 - p) * np.outer(x, x)
        step = -x_audited @ np.linalg.solve(hessian, gradient)
        assert hit.margin_change == pytest.approx(step, rel=1e-8, abs=1e-12)
        assert rewriting_effects(train, x_audited, hit.row, z[None])[0] == pytest.approx(step, rel=1e-8, abs=1e-12)


def test_the_screen_orders_edits_as_their_refits_do(brute_force, tiny_study, audited):
    places, moved = brute_force
    values = plausible_values(tiny_study, NUMBERS)
    screened = EditScreen(tiny_study.train, values, tiny_study.x(audited)).strongest(len(moved))
    estimate = {(one.row, one.edit): one.margin_change for one in (*screened.raising, *screened.lowering)}
    pairs = np.array(
        [(estimate.get((row, edit), 0.0), truth) for (row, edit), truth in zip(places, moved, strict=True)]
    )
    assert np.corrcoef(pairs.T)[0, 1] > 0.99


def test_each_refit_is_that_of_what_if_and_of_a_cold_fit(found, tiny_study, audited):
    assert {one.kind for one in found.alterations} == set(KINDS)
    for one in found.alterations:
        refitted = what_if(tiny_study, one.action)
        assert refitted.risks([audited])["risk_after"].iloc[0] == pytest.approx(one.risk_after, abs=1e-10)
    edit = found.worst()
    change = what_if(tiny_study, Edit(edit.encounter_id, dict(edit.values))).change
    x, y = tiny_study.train.x.copy(), tiny_study.train.y
    x[change.rows] = change.x
    cold = fit_logistic(x, y, tiny_study.train.weights, tiny_study.model.penalty)
    assert edit.risk_after == pytest.approx(risk_at(float(tiny_study.x(audited) @ cold.theta)), abs=1e-9)


@pytest.mark.parametrize(("kind", "action"), [("removal", Remove), ("relabelling", Relabel)])
def test_the_worst_removal_and_relabelling_are_those_of_all_refits(found, tiny_study, audited, kind, action):
    train, x_audited = tiny_study.train, tiny_study.x(audited)
    make = Change.removal if action is Remove else Change.relabelling
    changes = [make(train, np.array([row])) for row in range(len(train.y))]
    margins = np.array([float(x_audited @ one.theta) for one in refit_each(train, changes)])
    of_kind = [one for one in found.alterations if one.kind == kind]
    assert all(isinstance(one.action, action) for one in of_kind)
    for one, row in zip(of_kind, (margins.argmax(), margins.argmin()), strict=True):
        assert one.encounter_id == tiny_study.train_ids[row]
        assert one.risk_after == pytest.approx(risk_at(margins[row]), abs=1e-10)


def test_rewriting_goes_further_than_any_one_edit_and_keeps_to_plausible_values(found, tiny_study):
    rewriting, edit = found.worst("rewriting"), found.worst("edit")
    assert abs(rewriting.change_pp) > abs(edit.change_pp)
    plausible = plausible_values(tiny_study, NUMBERS)
    allowed = set(zip(plausible.variables, plausible.values, strict=True))
    assert len(rewriting.values) > 1
    assert set(rewriting.values) <= allowed


def test_a_rewriting_holds_what_its_edits_say(tiny_study, audited):
    values = plausible_values(tiny_study, NUMBERS)
    written = rewrite(tiny_study.train, values, tiny_study.x(audited), 5, 1.0)
    x = tiny_study.train.x[5].copy()
    for edit in written.edits:
        columns = values.columns[values.variables[edit]]
        x[columns] = values.x[edit, columns]
    np.testing.assert_array_equal(x, written.x)
    rows = np.array([5])
    change = Change(rows, np.ones(1), tiny_study.train.y[rows], x[None])
    refitted = float(tiny_study.x(audited) @ (refit(tiny_study.train, change).theta - tiny_study.model.theta))
    assert refitted > 0
    assert written.margin_change == pytest.approx(refitted, rel=0.5)


def test_plausible_values_are_what_training_recorded(tiny_study):
    frame, values = tiny_study.train_frame, plausible_values(tiny_study, NUMBERS)
    for name in values.columns:
        of = [values.values[place] for place in values.of(name)]
        recorded = frame[name]
        assert (None in of) == bool(recorded.isna().any())
        assert {one for one in of if one is not None} <= set(recorded.dropna())
    visits = [values.values[place] for place in values.of("visits")]
    assert len(visits) == NUMBERS
    assert all(one.is_integer() for one in visits)
    assert (min(visits), max(visits)) == (frame["visits"].min(), frame["visits"].max())
    assert all(one < other for one, other in pairwise(visits))


def test_age_sex_and_race_stay_unless_it_is_said_otherwise(tiny_study):
    assert immutable_variables(tiny_study.cohort.schema) == ("age_years",)
    assert immutable_variables(UCI_SCHEMA) == ("age", "gender", "race")
    assert "age_years" not in plausible_values(tiny_study).columns
    assert "age_years" in plausible_values(tiny_study, immutable=()).columns
    with pytest.raises(DataError, match="no recorded variable is called 'aeg'"):
        plausible_values(tiny_study, immutable=("aeg",))


def test_a_decision_at_the_threshold_is_fragile_and_one_far_from_it_is_not(tiny_study, audited, found):
    edit = next(one for one in found.alterations if one.kind == "edit" and one.change_pp > 0)
    between = (edit.risk_before + edit.risk_after) / 2
    near = fragility(tiny_study, audited, threshold=between, search=Search(numbers=NUMBERS))
    assert "edit" in near.flips
    assert "The decision is fragile" in near.words
    far = fragility(tiny_study, audited, threshold=0.999, search=Search(numbers=NUMBERS))
    assert far.flips == ()
    assert "None of these changes the decision" in far.words


def test_the_words_hold_for_every_refit_and_name_nobody(found, tiny_study, brute_force, audited):
    before = float(tiny_study.x(audited) @ tiny_study.model.theta)
    said = float(re.search(r"by more than ([\d.]+) percentage points", found.words)[1])
    moved = 100 * np.abs([risk_at(before + one) - risk_at(before) for one in brute_force[1]]).max()
    assert moved <= said <= 1.2 * moved + 0.01
    assert not set(re.findall(r"\w+", found.words)) & {*tiny_study.cohort.frame.index, *tiny_study.cohort.patients}
    assert "Left as recorded: Age." in found.words


@pytest.mark.parametrize(
    ("points", "said"), [(0.0, "0.01"), (0.283, "0.29"), (0.3, "0.30"), (4.01, "4.1"), (12.2, "13")]
)
def test_at_most_rounds_upward(points, said):
    assert at_most(points) == said
    assert float(said) >= points


def test_the_table_names_records_edits_and_flips(found, tiny_study):
    table = found.to_frame()
    assert list(table["kind"].unique()) == list(KINDS)
    assert set(table.index) <= set(tiny_study.train_ids)
    np.testing.assert_allclose(table["change_pp"], 100 * (table["risk_after"] - table["risk_before"]))
    assert table[table["kind"] == "edit"]["altered"].str.contains(" -> ").all()
    assert not table["flips"].any() or found.flips


def test_an_adopted_model_is_told_why_not(tiny_study, audited):
    with pytest.raises(DataError, match="adopted model has its own columns"):
        fragility(replace(tiny_study, encoder=None), audited)


def test_bad_questions_end_in_one_line(tiny_study, audited):
    with pytest.raises(DataError, match="is no risk"):
        fragility(tiny_study, audited, threshold=2.0)
    with pytest.raises(DataError, match="whole number of 2 or more"):
        Search(numbers=1)


def test_where_nothing_may_be_edited_removals_and_outcomes_are_left(tiny_study, audited):
    every = tiny_study.cohort.schema.feature_names
    found = fragility(tiny_study, audited, search=Search(immutable=every))
    assert {one.kind for one in found.alterations} == {"removal", "relabelling"}
    assert found.edits == 0
    assert "No recorded variable was open to an edit." in found.words
    assert found.worst() is None
