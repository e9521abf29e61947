"""A result that stands alone in a notebook cell says what it is, in few lines, and names nobody."""

import re
from dataclasses import replace

import numpy as np
import pytest

from clinflu import Audit, Edit, Relabel, Remove
from clinflu.analysis.check import Plan, check
from clinflu.influence.leave_one_out import LeaveOneOut


@pytest.fixture(scope="module")
def audit(small_study):
    return Audit(small_study)


@pytest.fixture(scope="module")
def results(audit):
    """Every kind of result, by the name of its class."""
    study, worst = audit.study, audit.worst_miss()
    trace = audit.trace(worst)
    pushers = list(trace.pushed_toward_error.index)
    found = [
        audit.what_if(Remove(pushers), Relabel({study.train_ids[9]: 1.0 - study.train.y[9]})),
        audit.flip_set(worst),
        audit.ledger(worst, "ward", pushers),
        audit.drivers("auroc"),
        audit.group_decomposition(worst, pushers),
        check(study, plan=Plan(5, 5, 3)),
        trace,
        trace.influence,
        LeaveOneOut(study.train),
        study,
        study.cohort,
        study.design,
        audit.because(worst, pushers[0]),
        audit.support(worst),
    ]
    return {type(one).__name__: one for one in found}


KINDS = ["Refit", "FlipSet", "Ledger", "Drivers", "GroupDecomposition", "Check", "Trace", "Influence", "LeaveOneOut"]
KINDS += ["Study", "Cohort", "Design", "Because", "Support"]


@pytest.mark.parametrize("kind", KINDS)
def test_it_says_what_it_is_in_at_most_three_lines(results, kind):
    said = repr(results[kind])
    assert said.startswith(kind)
    assert said.count("\n") <= 2
    assert "object at 0x" not in said
    assert "nan" not in said


@pytest.mark.parametrize("kind", KINDS)
def test_it_names_no_encounter_no_patient_and_no_level(results, small_cohort, kind):
    frame = small_cohort.frame
    levels = {*frame["ward"].dropna(), *frame["ward_team"].dropna()}
    hidden = {*frame.index, *frame["patient"], *levels}
    assert not hidden & set(re.findall(r"\w+", repr(results[kind])))


@pytest.mark.parametrize("kind", KINDS)
def test_it_names_only_what_there_is_to_see(results, kind):
    one = results[kind]
    named = re.findall(r"(?:see|See|,) \.(\w+)", repr(one))
    assert named or kind == "Support"
    assert [name for name in named if not hasattr(type(one), name) and not hasattr(one, name)] == []


def test_reasons_are_named_in_the_sentence_alone(audit, small_cohort):
    worst = audit.worst_miss()
    frame = small_cohort.frame
    levels = {*frame["ward"].dropna(), *frame["ward_team"].dropna()}
    alike = audit.study.train_ids[audit.study.train_frame["ward_team"] == frame.loc[worst, "ward_team"]][:30]
    found = [audit.because(worst, past) for past in alike]
    assert any(levels & set(re.findall(r"\w+", one.sentence)) for one in found)
    for one in found:
        assert not levels & set(re.findall(r"\w+", repr(one)))
        assert not {pair.past_recorded for pair in one.pairs} & set(re.findall(r"\S+", repr(one)))


def test_it_solves_and_refits_nothing(small_study, results, monkeypatch):
    """A study of which nothing was computed yet says what it is without the fit's factors."""
    fresh = replace(small_study)

    def refuse(*_args, **_kwargs):
        raise AssertionError("a solve")

    monkeypatch.setattr(type(small_study.model), "solve", refuse)
    monkeypatch.setattr("clinflu.influence.refit.refit_each", refuse)
    drivers, influence = replace(results["Drivers"], study=fresh), replace(results["Influence"])
    for one in (fresh, fresh.design, drivers, influence, LeaveOneOut(small_study.train), replace(results["Refit"])):
        repr(one)
    assert not {"train", "trust", "risks", "margins"} & set(vars(fresh))
    assert "margin_change" not in vars(influence)
    assert "before" not in vars(drivers)


def test_a_refit_counts_what_was_done(audit):
    ids, outcomes = list(audit.study.train_ids[:7]), audit.study.train.y
    refit = audit.what_if(
        Remove(ids[:3]), Relabel({ids[4]: 1.0 - outcomes[4], ids[5]: 1.0 - outcomes[5]}), Edit(ids[6], {"visits": 11})
    )
    assert "3 removed, 2 relabelled, 1 edited; " in repr(refit)
    assert "none changed" in repr(audit.what_if(Remove([])))
    assert f"{refit.refitted.steps} step" in repr(refit)


def test_the_figures_are_those_of_the_result(results):
    refit, trace, ledger, because = (results[kind] for kind in ("Refit", "Trace", "Ledger", "Because"))
    assert f"{refit.encounters_removed} removed, 1 relabelled; " in repr(refit)
    assert f": missed, predicted risk {100 * trace.risk:.1f} %, " in repr(trace)
    assert f"alert threshold {100 * trace.threshold:.1f} %" in repr(trace)
    assert f"10 training encounters in {len(ledger.frame)} subgroups" in repr(ledger)
    assert f"changes by {ledger.total_refit_pp:+.2g} pp" in repr(ledger)
    assert results["FlipSet"].words in repr(results["FlipSet"])
    assert results["Support"].words in repr(results["Support"])
    assert ("lower" if because.risk_change_refit_pp < 0 else "higher") in repr(because)
    cohort = results["Cohort"]
    assert f"{len(cohort.frame):,} encounters of {cohort.patients.nunique():,} patients" in repr(cohort)
    assert "SIMULATED" in repr(cohort)
    real = replace(cohort, provenance=replace(cohort.provenance, simulated=False))
    assert "SIMULATED" not in repr(real)


def test_what_has_no_finite_fit_says_so(results):
    ledger, because = results["Ledger"], results["Because"]
    gone = ledger.total.assign(risk_change_refit_pp=np.nan)
    assert "without all of them the model has no finite fit" in repr(replace(ledger, total=gone))
    assert "the model cannot be fitted" in repr(replace(because, risk_change_refit_pp=np.nan))
