"""The past patients behind a prediction: in the order of their effects, estimated at once, and refitted after."""

import numpy as np
import pandas as pd
import pytest

from clinflu import Audit, Remove
from clinflu.analysis.pushed import DESCRIBED, SHOWN, Pushed, Together, pushed, refitted
from clinflu.errors import Cancelled, DataError

REFITTED = ("margin_change_refit", "risk_change_refit_pp", "loss_change_refit")


@pytest.fixture(scope="module")
def audit(small_cohort):
    return Audit.fit(small_cohort)


@pytest.fixture(params=["missed", "false alarm"])
def chosen(request, audit):
    wrong = audit.mistakes()
    return str(wrong[wrong["kind"] == request.param].index[0])


@pytest.fixture
def found(audit, chosen):
    return pushed(audit.study, audit.prediction(chosen).influence)


def test_they_are_the_strongest_each_way(audit, chosen, found):
    influence = audit.prediction(chosen).influence
    effects = pd.Series(influence.margin_change, influence.train_ids)
    away = effects * (1 if audit.cohort.outcome[chosen] else -1)  # without them nearer to what happened
    assert list(found.toward_error.index) == list(away.sort_values(ascending=False, kind="stable").index[:SHOWN])
    assert list(found.against.index) == list(away.sort_values(kind="stable").index[:SHOWN])
    np.testing.assert_array_equal(found.toward_error["margin_change_estimate"], effects[found.toward_error.index])
    assert (found.toward_error["loss_change_estimate"] < 0).all()
    assert (found.against["loss_change_estimate"] > 0).all()


def test_at_first_nothing_is_refitted(found):
    for part in (found.toward_error, found.against):
        assert part[[*REFITTED]].isna().all(axis=None)
        assert part["risk_change_estimate_pp"].notna().all()
    assert found.together is None
    assert "estimated" in repr(found)


@pytest.mark.parametrize("k", [0, 1, 3, 10_000])
def test_as_many_as_asked_for_where_there_are_so_many(audit, chosen, k):
    influence = audit.prediction(chosen).influence
    parts = pushed(audit.study, influence, k)
    push = np.sign(audit.cohort.outcome[chosen] - 0.5) * influence.margin_change
    assert len(parts.toward_error) == min(k, (push > 0).sum())
    assert len(parts.against) == min(k, (push < 0).sum())


def test_each_refit_is_a_what_if_without_that_encounter(audit, chosen, found):
    truth = refitted(audit.study, audit.prediction(chosen).influence, found)
    for part in (truth.toward_error, truth.against):
        for row in part.itertuples():
            refit = Audit(audit.study).what_if(Remove([row.Index]))
            assert row.risk_change_refit_pp == pytest.approx(refit.risk_change_pp(chosen), abs=1e-8)
            assert row.margin_change_refit == pytest.approx(refit.margin_change(chosen), abs=1e-10)
            assert row.loss_change_refit == pytest.approx(refit.loss_change(chosen), abs=1e-10)
    together = Audit(audit.study).what_if(Remove(truth.toward_error.index)).risk_change_pp(chosen)
    assert truth.together.encounters == SHOWN
    assert truth.together.risk_change_refit_pp == pytest.approx(together, abs=1e-8)
    assert "refitted" in repr(truth)


def test_a_refit_changes_neither_who_they_are_nor_the_estimates(audit, chosen, found):
    truth = refitted(audit.study, audit.prediction(chosen).influence, found)
    for before, after in ((found.toward_error, truth.toward_error), (found.against, truth.against)):
        others = [name for name in before.columns if name not in (*REFITTED, *DESCRIBED)]
        pd.testing.assert_frame_equal(after[others], before[others])
        assert list(after["values_alike"]) == list(before["values_alike"])
        assert all(one is other for one, other in zip(after["carried_by"], before["carried_by"], strict=True))
    assert found.toward_error[[*REFITTED]].isna().all(axis=None)


def test_they_are_those_of_the_trace(audit, chosen):
    trace, found = Audit(audit.study).trace(chosen), audit.past_patients(chosen)
    for shown, told in ((found.toward_error, trace.pushed_toward_error), (found.against, trace.pushed_against)):
        numbers = shown.drop(columns="carried_by")
        pd.testing.assert_frame_equal(numbers, told[numbers.columns])
    assert found.together == trace.together


def test_values_alike_are_counted_by_hand(audit, chosen, found):
    names, frame = audit.cohort.schema.feature_names, audit.cohort.frame
    here, seen = frame.loc[chosen], set()
    for part in (found.toward_error, found.against):
        for encounter_id, number in part["values_alike"].items():
            there = frame.loc[encounter_id]
            alike = [there[name] == here[name] or (pd.isna(there[name]) and pd.isna(here[name])) for name in names]
            assert number == sum(bool(one) for one in alike)
            seen.add(number)
    assert len(seen) > 1


def test_an_encounter_is_in_everything_like_itself(audit):
    missing = audit.study.train_frame[["creatinine", "ward_team"]].isna().all(axis=1)
    for chosen in (missing.idxmax(), missing.idxmin()):
        influence = audit.prediction(str(chosen)).influence
        everybody = pushed(audit.study, influence, len(missing))
        alike = pd.concat([everybody.toward_error, everybody.against])["values_alike"]
        assert alike[chosen] == len(audit.cohort.schema.feature_names)


def test_what_carries_them_was_recorded(audit, found):
    frame = audit.cohort.frame
    for part in (found.toward_error, found.against):
        for encounter_id, carriers in part["carried_by"].items():
            assert len({one.variable for one in carriers}) == len(carriers) == 3
            assert [abs(one.log_odds) for one in carriers] == sorted(
                (abs(one.log_odds) for one in carriers), reverse=True
            )
            for one in carriers:
                recorded = frame.at[encounter_id, one.variable]
                assert one.recorded == recorded or (pd.isna(one.recorded) and pd.isna(recorded))
                assert (one.label, one.unit) == label_and_unit(audit, one.variable)


def label_and_unit(audit, variable):
    spec = audit.cohort.schema.feature(variable)
    return spec.label, spec.unit


def test_progress_counts_every_refit_and_the_last_of_all_together(audit, chosen, found):
    told = []
    refitted(audit.study, audit.prediction(chosen).influence, found, lambda *one: told.append(one))
    assert told[-1] == (2 * SHOWN + 1, 2 * SHOWN + 1)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_what_was_stopped_leaves_nothing_behind(small_study, chosen):
    audit = Audit(small_study)

    def stop(done, _):
        if done:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        audit.past_patients(chosen, progress=stop)
    assert audit.past_patients(chosen, refit=False).together is None
    assert audit.past_patients(chosen).together == Audit(small_study).past_patients(chosen).together


def test_what_a_caller_does_to_a_frame_reaches_nobody_else(audit, chosen):
    first = audit.past_patients(chosen)
    first.toward_error["risk_change_refit_pp"] = 0.0
    assert audit.past_patients(chosen).toward_error["risk_change_refit_pp"].abs().min() > 0


@pytest.mark.parametrize(
    ("change", "few"), [(1.0, True), (-1.0, True), (0.999, False), (-0.999, False), (0.0, False), (np.nan, True)]
)
def test_few_patients_explain_from_a_percentage_point_on(change, few):
    assert Together(10, change).few_patients_explain is few


def test_nobody_is_an_error(audit):
    with pytest.raises(DataError):
        audit.past_patients("nobody")


def test_its_name_holds_no_id(found):
    assert not [one for one in found.toward_error.index if str(one) in repr(found)]
    assert isinstance(found, Pushed)
