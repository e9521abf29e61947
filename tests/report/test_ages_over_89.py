"""No working paper tells an age over 89: it is "90+ years", a band "90+"; frames in Python keep what was recorded."""

import dataclasses
import io
import json
import re

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from clinflu import Audit, Remove
from clinflu.analysis.sentence import headline
from clinflu.analysis.trace_values import trace_values
from clinflu.data import FeatureSpec
from clinflu.data.pseudonym import Pseudonyms
from clinflu.figures import attribution_figure, consequences_figure, ledger_figure
from clinflu.figures.attribution import attribution_steps
from clinflu.report.files import as_json
from clinflu.report.terminal import trace_view
from clinflu.report.trace_page import trace_page

NAMES = Pseudonyms(b"k" * 32)
BAND = "[90-100)"
OLDEST = (93.25, 97.5)
LIBRARY_LENGTH = 1_000_000
TOLD = re.compile(r"93\.2|97\.5|\[90-100\)")


def of_ages(cohort, ages, levels):
    """Return the cohort with these ages, once as numbers and once in bands."""
    starts = 10 * (ages // 10).astype(int)
    frame = cohort.frame.assign(age_years=ages, age_band=[f"[{start}-{start + 10})" for start in starts])
    features = (*cohort.schema.features, FeatureSpec("age_band", "Age group", levels=levels))
    schema = dataclasses.replace(cohort.schema, features=features, subgroups=("age_band", "ward"))
    return dataclasses.replace(cohort, frame=frame, schema=schema)


@pytest.fixture(scope="module")
def cohort(small_cohort):
    """Sixty of the patients are over 89, and most of them were readmitted."""
    rng = np.random.default_rng(3)
    ages = small_cohort.frame["age_years"].to_numpy().clip(20, 88)
    patients = small_cohort.frame["patient"].unique()
    old = small_cohort.frame["patient"].isin(rng.permutation(patients)[:25]).to_numpy()
    ages[old] = rng.choice(OLDEST, old.sum())
    aged = of_ages(small_cohort, ages, ())
    events = aged.outcome.to_numpy().copy()
    events[old] = rng.random(old.sum()) < 0.8
    return dataclasses.replace(aged, frame=aged.frame.assign(readmitted=events.astype("int8")))


@pytest.fixture(scope="module")
def audit(cohort):
    return Audit.fit(cohort)


@pytest.fixture(scope="module")
def old(audit):
    """A wrong prediction of a patient over 89."""
    wrong = audit.mistakes().index
    return next(name for name in wrong if audit.cohort.frame.at[name, "age_band"] == BAND)


@pytest.fixture(scope="module")
def trace(audit, old):
    return audit.trace(old)


def test_frames_in_python_keep_what_was_recorded(audit, trace, old):
    recorded = trace.attribution.set_index("variable")["recorded"]
    assert recorded["age_years"] in OLDEST
    assert recorded["age_band"] == BAND
    assert BAND in set(trace.subgroups["level"])
    assert BAND in audit.ledger(old, "age_band").frame.index
    carried = [one for row in trace.pushed_toward_error["carried_by"] for one in row if one.variable == "age_band"]
    assert BAND in {one.recorded for one in carried}


def test_the_json_says_90_and_over(trace):
    values = trace_values(trace, NAMES)
    text = as_json(values)
    assert not TOLD.search(text)
    attribution = {row["variable"]: row for row in values["attribution"]}
    assert (attribution["age_years"]["recorded"], attribution["age_years"]["unit"]) == ("90+", "years")
    assert attribution["age_band"]["recorded"] == "90+"
    assert attribution["platelets"]["recorded"] > 89
    assert "90+" in {row["level"] for row in values["subgroups"]}
    patients = values["pushed_toward_error"] + values["pushed_against"]
    carried = {(one["variable"], one["recorded"]) for row in patients for one in row["carried_by"]}
    assert ("age_band", "90+") in carried
    assert json.loads(text) == values


def test_the_terminal_says_90_and_over(trace):
    stream = io.StringIO()
    Console(file=stream, width=250).print(trace_view(trace_values(trace, NAMES)))
    assert not TOLD.search(stream.getvalue())
    assert "90+ years" in stream.getvalue()
    assert "Age group 90+" in stream.getvalue()


def test_the_page_and_its_figures_say_90_and_over(trace):
    page = trace_page(trace, NAMES)
    words = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    scripts = re.findall(r"<script.*?</script>", page, flags=re.DOTALL)
    figures = "".join(script for script in scripts if len(script) < LIBRARY_LENGTH)
    for text in (words, figures):
        assert "90+ years" in text
        assert not TOLD.search(text)
    assert "Age group: 90+" in words


def test_the_sentence_says_90_and_over(trace):
    groups = trace.subgroups.assign(of_strongest=10, training_encounters=20)
    groups = groups[groups["level"] == BAND]
    for change in (0.1, 5.0):
        together = dataclasses.replace(trace.together, risk_change_refit_pp=change)
        sentence = headline(dataclasses.replace(trace, subgroups=groups, together=together))
        assert "Age group 90+" in sentence
        assert not TOLD.search(sentence)


def test_the_waterfall_says_90_and_over(trace):
    recorded = {step.recorded for step in attribution_steps(trace, 99)}
    assert {"90+ years", "90+"} <= recorded
    assert not TOLD.search(" ".join(recorded))
    assert not TOLD.search(attribution_figure(trace, 99).to_json())


def test_why_a_past_patient_matters_says_90_and_over(audit, old, trace):
    frame = audit.cohort.frame
    past = [name for name in trace.influence.train_ids if frame.at[name, "age_band"] == BAND]
    here = frame.at[old, "age_years"]
    for one in (
        next(name for name in past if frame.at[name, "age_years"] == here),
        next(name for name in past if frame.at[name, "age_years"] != here),
    ):
        found = audit.because(old, one)
        assert not TOLD.search(found.sentence)
        assert not TOLD.search(str(found.pairs))
        ages = [pair for pair in found.pairs if pair.audited_variable == pair.past_variable == "age_years"]
        assert all(pair.alike == (frame.at[one, "age_years"] == here) for pair in ages)
    assert "Age group 90+" in found.sentence


def test_what_a_flip_set_shares_says_90_and_over(audit):
    alerts = [name for name in audit.mistakes().index if audit.cohort.frame.at[name, "age_band"] == BAND]
    summaries = [audit.flip_set(name).summary for name in alerts[:3]]
    assert any("90+" in text for text in summaries)
    assert not any(TOLD.search(text) for text in summaries)


def test_a_mean_of_ages_over_89_is_not_told():
    from clinflu.analysis.shared_features import summary

    named = {"variable": "age_years", "label": "Age", "level": None, "unit": "years", "count": 2.0}
    row = {**named, "in_set": 97.5, "in_rest": 61.2, "ratio": np.nan, "differs": True}
    assert summary(pd.DataFrame([row]), 2) == "Most distinctive: Age 90+ years on average (the others 61.2)."


def test_a_ledger_of_numbers_has_one_band_over_89(small_cohort):
    ages = np.random.default_rng(5).uniform(60, 108, len(small_cohort.frame))
    audit = Audit.fit(of_ages(small_cohort, ages, ()))
    levels = audit.ledger(audit.worst_miss(), "age_years").frame.index
    assert len(levels) == 4
    assert "over 89" in levels
    assert not any(float(number) > 89 for level in levels for number in re.findall(r"[0-9.]+", level))


def test_a_level_that_was_never_seen_is_named_90_and_over(audit, cohort, old):
    bands = cohort.frame["age_band"].copy()
    taught = bands.index.isin(audit.study.train_ids) & (bands == BAND)
    fitted = Audit.fit(dataclasses.replace(cohort, frame=cohort.frame.assign(age_band=bands.mask(taught, "[80-90)"))))
    notes = fitted.trace(old).notes
    assert any("Age group 90+ was never seen in training" in note for note in notes)
    assert not any(TOLD.search(note) for note in notes)


def test_the_ledger_figure_says_90_and_over(audit, old, trace):
    for by in ("age_band", ["age_band", "ward"]):
        text = ledger_figure(trace, audit.ledger(old, by)).to_json()
        assert "90+" in text
        assert not TOLD.search(text)


def test_the_figure_of_subgroups_says_90_and_over(audit):
    removed = [name for name in audit.study.train_ids if audit.cohort.frame.at[name, "age_band"] == BAND]
    text = consequences_figure(audit.what_if(Remove(removed)).subgroup_metrics()).to_json()
    assert "90+" in text
    assert not TOLD.search(text)
