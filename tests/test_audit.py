"""The facade answers as its parts do, keeps what it computed by content, and shows the grade of every estimate."""

import numpy as np
import pandas as pd
import pytest

from clinflu import Add, Audit, Edit, Relabel, Remove
from clinflu.analysis.trace_values import trace_values
from clinflu.data.pseudonym import Pseudonyms
from clinflu.errors import Cancelled, DataError
from clinflu.report import trace_page
from clinflu.report.terminal import console, trace_view
from clinflu.storage import GRADES_FILE
from clinflu.study import Study

FEW = {"each": 15, "groups": 3}
NAMES = Pseudonyms(b"k" * 32)


@pytest.fixture
def audit(small_study):
    return Audit(small_study)


@pytest.fixture(scope="module")
def checked(small_study):
    audit = Audit(small_study)
    audit.check(**FEW)
    return audit


def shown(trace):
    """Return every view of a trace as text: the terminal, the page and JSON."""
    values = trace_values(trace, NAMES)
    out = console()
    with out.capture() as terminal:
        out.print(trace_view(values))
    return [" ".join(text.split()) for text in (terminal.get(), trace_page(trace, NAMES), str(values))]


def test_the_same_change_by_other_words_is_refitted_once(audit):
    ids = list(audit.study.train_ids[:3])
    first = audit.what_if(Remove(ids), Relabel({audit.study.train_ids[9]: 1}))
    assert audit.what_if(Relabel({audit.study.train_ids[9]: 1}), Remove(ids[::-1]), Remove([])) is first
    burns = audit.study.train_frame["ward"] == "intensive"
    by_id = audit.what_if(Remove(burns.index[burns]))
    assert audit.what_if(Remove(query="ward == 'intensive'")) is by_id
    assert audit.what_if(Remove(ids)) is not first


def test_equal_studies_fitted_apart_agree_bit_for_bit(small_cohort, audit):
    again = Audit(Study.fit(small_cohort))
    assert again.study.fingerprint == audit.study.fingerprint
    worst = audit.worst_miss()
    actions = (Remove(audit.study.train_ids[:5]), Edit(audit.study.train_ids[7], {"ward": "surgical"}))
    assert again.what_if(*actions) == audit.what_if(*actions)
    assert again.flip_set(worst).encounters == audit.flip_set(worst).encounters
    assert again.flip_set(worst).risk_after == audit.flip_set(worst).risk_after
    pd.testing.assert_frame_equal(again.trace(worst).subgroups, audit.trace(worst).subgroups, check_exact=True)
    np.testing.assert_array_equal(
        again.trace(worst).influence.margin_change, audit.trace(worst).influence.margin_change
    )
    assert str(again.check(**FEW).to_dict()) == str(audit.check(**FEW).to_dict())


@pytest.mark.parametrize("other", [{"penalty": 2.0}, {"seed": 1}])
def test_another_penalty_or_split_is_another_study(small_cohort, audit, other):
    assert Study.fit(small_cohort, **other).fingerprint != audit.study.fingerprint


def test_what_was_stopped_is_not_kept(audit):
    def stop(*_):
        raise Cancelled("stopped")

    worst = audit.worst_miss()
    for question in (
        lambda: audit.flip_set(worst, progress=stop),
        lambda: audit.check(**FEW, progress=stop),
        lambda: audit.ledger(worst, "ward", progress=stop),
        lambda: audit.what_if(Remove(audit.study.train_ids[:2]), progress=stop),
    ):
        with pytest.raises(Cancelled):
            question()
    assert len(audit._results) == 0
    assert audit.grades is None


def test_every_view_shows_the_grade_of_its_estimates(audit, checked):
    worst = audit.worst_miss()
    before, after = audit.trace(worst), checked.trace(worst)
    for text in shown(before):
        assert "one-step estimate: median error" in text
        assert "counted on the refits shown here alone" in text
    single = checked.grades.grade("single", "one_step").words
    assert f"over {single.split('over ')[1]}" in after.grades.single
    for text in shown(after):
        assert single in text
        assert checked.grades.grade("subgroup", "newton").words in text
        assert "shown here alone" not in text


def test_a_check_after_a_trace_grades_that_trace_too(small_study):
    audit = Audit(small_study)
    before = audit.trace(audit.worst_miss())
    audit.check(**FEW)
    assert audit.trace(audit.worst_miss()).grades != before.grades


def test_the_grade_of_a_trace_is_that_of_its_own_refits(audit):
    trace = audit.trace(audit.worst_miss())
    singles = pd.concat([trace.pushed_toward_error, trace.pushed_against])
    error = (singles["risk_change_estimate_pp"] / singles["risk_change_refit_pp"] - 1).abs().median()
    assert f"median error {100 * error:.2g} %" in trace.grades.single


def test_grades_come_back_with_a_saved_audit(checked, tmp_path):
    checked.save(tmp_path / "audit")
    assert (tmp_path / "audit" / GRADES_FILE).stat().st_mode & 0o777 == 0o600
    found = Audit.open(tmp_path / "audit")
    assert str(found.grades.to_dict()) == str(checked.grades.to_dict())
    found.save(tmp_path / "audit")
    assert found.trace(found.worst_miss()).grades == checked.trace(checked.worst_miss()).grades
    ids = {str(name) for name in checked.cohort.frame.index}
    assert not ids & set((tmp_path / "audit" / GRADES_FILE).read_text().replace('"', " ").split())


def test_damaged_grades_are_noticed(checked, tmp_path):
    checked.save(tmp_path / "audit")
    path = tmp_path / "audit" / GRADES_FILE
    path.write_text(path.read_text().replace("0", "1", 1))
    with pytest.warns(UserWarning, match=r"without the grades.*damaged"):
        found = Audit.open(tmp_path / "audit")
    assert found.grades is None
    found.check(**FEW)
    found.save(tmp_path / "audit")
    assert Audit.open(tmp_path / "audit").grades is not None


def test_saving_again_keeps_the_grades_of_the_same_model_only(checked, small_cohort, tmp_path):
    checked.save(tmp_path / "audit")
    Audit(checked.study).save(tmp_path / "audit")
    assert Audit.open(tmp_path / "audit").grades is not None
    other = Audit(Study.fit(small_cohort, penalty=3.0))
    other.save(tmp_path / "audit")
    assert Audit.open(tmp_path / "audit").grades is None
    with pytest.raises(DataError, match="of another model"):
        Audit(other.study, grades=checked.grades)


def test_what_is_handed_out_is_the_askers_own(audit):
    worst = audit.worst_miss()
    first, found = audit.trace(worst), audit.flip_set(worst)
    expected = [frame.copy() for frame in (first.pushed_toward_error, first.subgroups, audit.coefficients, found.table)]
    first.pushed_toward_error["risk_change_refit_pp"] = 0.0
    first.subgroups["risk_change_refit_pp"] = 0.0
    odds = audit.coefficients
    odds["odds_ratio"] = 0.0
    found.table["margin_change_estimate"] = 0.0
    again = audit.trace(worst)
    given = (again.pushed_toward_error, again.subgroups, audit.coefficients, audit.flip_set(worst).table)
    for frame, was in zip(given, expected, strict=True):
        pd.testing.assert_frame_equal(frame, was)
    for array in (audit.what_if(Remove(audit.study.train_ids[:2])).refitted.theta, again.influence.margin_change):
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 0.0


def test_the_parts_answer_through_the_facade(audit):
    worst = audit.worst_miss()
    trace = audit.trace(worst)
    past = str(trace.pushed_toward_error.index[0])
    total = audit.ledger(worst, "ward", trace.pushed_toward_error.index).total_refit_pp
    assert total == pytest.approx(trace.together.risk_change_refit_pp, abs=1e-9)
    assert audit.because(worst, past).risk_change_refit_pp == pytest.approx(
        trace.pushed_toward_error["risk_change_refit_pp"].iloc[0], abs=1e-9
    )
    together = audit.group_decomposition(worst, trace.pushed_toward_error.index)
    assert together.risk_change_refit_pp == pytest.approx(trace.together.risk_change_refit_pp, abs=1e-9)
    assert audit.support(worst) == trace.support
    assert len(audit.support_table()) == len(audit.audited_rows)
    assert audit.drivers("loss").encounters(3)["change_refit"].notna().all()
    assert audit.diagnostics.index.isin(audit.study.train_ids).all()
    assert len(audit.diagnostics_beside_refits(3)) == 3
    assert audit.leave_one_out.auroc_by_patient < audit.leave_one_out.auroc_apparent
    assert set(audit.subgroup_metrics()["variable"]) >= {"ward"}
    assert list(audit.odds_ratio_intervals.index) == list(audit.design.columns)
    assert audit.support_calibration().warned.encounters + audit.support_calibration().rest.encounters == len(
        audit.audited_rows
    )
    assert audit.what_if(Add(copies_of={past: 2})).encounters_added == 2


def test_an_encounter_that_taught_nothing_is_refused_by_the_ledger(audit):
    with pytest.raises(DataError, match="not among the training encounters"):
        audit.ledger(audit.worst_miss(), "ward", [audit.worst_miss()])


def test_a_search_that_the_time_cut_off_is_not_kept(audit):
    found = audit.flip_set(audit.worst_miss(), threshold=0.9, time_s=1e-9)
    assert found.out_of_time
    assert len(audit._results) == 0
