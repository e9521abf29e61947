"""The chart-review queue: reasons, gain and stopping rule against refits, bootstraps and planted errors."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from clinflu.analysis.labels import suspects
from clinflu.analysis.review import (
    DISPUTED,
    Rule,
    check_says,
    decisions,
    fixes_of,
    gain,
    gain_after_each,
    give_verdict,
    queue,
    ranking,
    review,
    review_values,
    steps_of,
    stopping,
    withdraw_verdict,
)
from clinflu.analysis.review.stopping import upper_bound
from clinflu.analysis.what_if import Relabel, Remove, what_if
from clinflu.data.pseudonym import Pseudonyms
from clinflu.errors import DataError
from clinflu.model.metrics import metrics
from clinflu.model.newton import fit_logistic
from clinflu.study import Study
from clinflu.verdicts import VerdictStore
from data_loaders import load

NAMES = Pseudonyms(b"k" * 32)
ORDER = "leave-one-out loss"


@pytest.fixture(scope="module")
def listed(small_study):
    return queue(small_study, ORDER, limit=25)


@pytest.fixture(scope="module")
def large_study(small_csv):
    return Study.fit(load("diabetes130", small_csv))


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return VerdictStore(tmp_path / "log" / "verdicts.sqlite")


def verdicts_of(store, study):
    return store.current(study.fingerprint)


# The queue and its reasons.


def test_the_queue_follows_the_order_and_leaves_out_what_is_decided(small_study):
    scores = suspects(small_study, ORDER)
    whole = queue(small_study, ORDER, limit=40)
    expected = small_study.train_ids[np.argsort(-scores, kind="stable")[:40]]
    assert [one.encounter_id for one in whole.suspects] == list(expected)
    assert [one.rank for one in whole.suspects] == list(range(1, 41))
    done = [expected[0], expected[3]]
    rest = queue(small_study, ranking(small_study, ORDER), pd.DataFrame(index=done), limit=3, start=1)
    assert [one.rank for one in rest.suspects] == [3, 5, 6]
    assert rest.decided == 2


def test_the_risk_without_a_record_is_that_of_a_cold_fit(small_study, listed):
    train = small_study.train
    for one in listed.suspects[:4]:
        (position,) = small_study.training_positions([one.encounter_id])
        kept = np.arange(len(train.y)) != position
        model = fit_logistic(train.x[kept], train.y[kept], train.weights[kept], small_study.model.penalty)
        expected = 1 / (1 + np.exp(-train.x[position] @ model.theta))
        assert one.risk_without == pytest.approx(expected, abs=1e-9)


def test_the_values_named_made_the_model_expect_the_other_outcome(small_study, listed):
    baseline = None
    for one in listed.suspects:
        for named in one.reasons.expected_through:
            assert (named.risk_pp > 0) == (one.outcome == 0)
    one = listed.suspects[0]
    (position,) = small_study.training_positions([one.encounter_id])
    after = what_if(small_study, Remove([one.encounter_id])).refitted.theta
    row, mean = small_study.train.x[position], small_study.train.mean
    baseline, total = mean @ after, (row - mean) @ after
    share = 100 * (1 / (1 + np.exp(-baseline - total)) - 1 / (1 + np.exp(-baseline))) / total
    for named in one.reasons.expected_through:
        columns = [k for k, name in enumerate(small_study.design.variables) if name == named.variable]
        by_hand = share * sum(after[k] * (row[k] - mean[k]) for k in columns)
        assert named.risk_pp == pytest.approx(by_hand, abs=1e-6)


def test_records_of_the_same_patient_and_neighbours_are_counted_by_hand(small_study, listed):
    cohort = small_study.cohort
    for one in listed.suspects:
        mine = cohort.patients == one.patient_id
        others = cohort.outcome[mine].drop(one.encounter_id)
        assert one.reasons.other_records == len(others)
        assert one.reasons.other_with_other_outcome == int((others != one.outcome).sum())
        row = small_study.row(one.encounter_id)
        audited = small_study.split.audited
        distance = np.abs(small_study.margins[audited] - small_study.margins[row])
        nearest = np.argsort(distance, kind="stable")[: one.reasons.neighbours]
        share = np.mean(small_study.design.y[audited[nearest]] != one.outcome)
        assert one.reasons.neighbours_with_other_outcome == pytest.approx(share, abs=0.02)


def test_reasons_are_words_without_an_id(listed):
    for one in listed.suspects:
        text = " ".join(listed.reason(one))
        assert one.encounter_id not in text
        assert one.patient_id not in text
        assert f"{100 * one.risk_without:.1f} %" in text
    assert listed.to_frame()["reason"].str.startswith("Recorded as").all()
    with pytest.raises(dataclasses.FrozenInstanceError):
        listed.order = ""


def test_a_bad_order_or_limit_is_refused(small_study):
    with pytest.raises(DataError, match="the orders are"):
        queue(small_study, "nosuch")
    with pytest.raises(DataError, match="whole number"):
        queue(small_study, ORDER, limit=-1)


def test_planted_errors_stand_early_and_their_finding_mends_the_model(large_study):
    """Flip 30 clear records by hand: the queue brings them forward, and mending all of them restores the model."""
    train, rng = large_study.train, np.random.default_rng(4)
    risk = large_study.risks[large_study.split.train]
    low = rng.choice(np.flatnonzero((train.y == 0) & (risk < np.quantile(risk, 0.3))), 30, replace=False)
    frame = large_study.cohort.frame.copy()
    ids = large_study.train_ids[low]
    frame.loc[ids, large_study.cohort.schema.outcome] = 1
    planted = Study.fit(dataclasses.replace(large_study.cohort, frame=frame))
    ranked = ranking(planted, ORDER)
    places = np.argsort(ranked.positions)[planted.training_positions(list(ids))]
    assert np.median(places) < 0.05 * len(train.y)
    mended = gain(planted, dict.fromkeys(map(str, ids), "wrong_patient"))
    truth = metrics(large_study.design.y[large_study.split.confirm], large_study.risks[large_study.split.confirm])
    assert mended.mended == 30
    for one in mended.metrics:
        assert one.after == pytest.approx(getattr(truth, one.metric), abs=1e-9)


# What is decided.


def test_each_wrong_label_mends_in_its_own_way(small_study):
    y = small_study.train.y
    event, none = small_study.train_ids[y == 1][:4], small_study.train_ids[y == 0][:2]
    says = dict(
        zip([*event, *none], ["planned", "transfer", "wrong_patient", "died", "wrong_patient", "died"], strict=True)
    )
    rows, weights, new = fixes_of(small_study, says)
    assert [str(one) for one in small_study.train_ids[rows]] == list(says)
    assert new.tolist() == [0, 0, 0, 1, 1, 0]
    assert weights.tolist() == [1, 1, 1, 0, 1, 0]


def test_a_label_that_cannot_be_mended_is_refused_without_naming_anybody(small_study):
    audited = str(small_study.design.encounter_ids[small_study.split.audited[0]])
    for wrong, message in (
        ({audited: "died"}, "encounters that taught the model"),
        ({str(small_study.train_ids[0]): "correct"}, "one of: planned"),
    ):
        with pytest.raises(DataError, match=message) as caught:
            gain(small_study, wrong)
        assert not set(wrong) & set(str(caught.value).split())


def test_verdicts_of_several_reviewers_become_one_decision(small_study, store):
    ids = [str(one) for one in small_study.train_ids[small_study.train.y == 1][:5]]
    said = [
        (0, "planned", "A"), (0, "transfer", "B"),  # both: no event
        (1, "wrong_patient", "A"), (1, "correct", "B"),
        (2, "unclear", "A"), (2, "died", "B"),
        (3, "correct", "A"), (3, "died", "A"),  # the last word of one reviewer
        (4, "died", "A"), (4, "planned", "B"),  # wrong, but mended differently
    ]  # fmt: skip
    for place, says, author in said:
        give_verdict(small_study, store, NAMES, ids[place], says, author=author)
    found = decisions(small_study, verdicts_of(store, small_study), NAMES)
    assert found.frame["says"].to_dict() == {
        ids[0]: "transfer", ids[1]: DISPUTED, ids[2]: "died", ids[3]: "died", ids[4]: DISPUTED
    }  # fmt: skip
    assert list(found.wrong) == [ids[0], ids[2], ids[3]]
    assert "contradict each other on 2 records" in found.notes[0]
    stranger = decisions(small_study, verdicts_of(store, small_study), Pseudonyms(b"z" * 32))
    assert stranger.frame.empty
    assert stranger.unknown == 9
    assert "shares one pseudonym key" in stranger.notes[0]


def test_a_verdict_is_taken_back_by_its_author_alone(small_study, store):
    one = str(small_study.train_ids[0])
    give_verdict(small_study, store, NAMES, one, "died", author="A")
    with pytest.raises(DataError, match="no verdict of this author"):
        withdraw_verdict(small_study, store, NAMES, one, "B")
    withdraw_verdict(small_study, store, NAMES, one, "A")
    assert decisions(small_study, verdicts_of(store, small_study), NAMES).frame.empty


def test_what_cannot_be_said_is_refused(small_study, store):
    audited = str(small_study.design.encounter_ids[small_study.split.audited[0]])
    with pytest.raises(DataError, match="did not teach the model") as caught:
        give_verdict(small_study, store, NAMES, audited, "died")
    assert audited not in str(caught.value)
    with pytest.raises(DataError, match="no event is recorded"):
        check_says(0, "planned")
    with pytest.raises(DataError, match="said to be one of"):
        check_says(1, "model_right")


# The gain.


def test_a_gain_is_that_of_a_what_if_on_the_confirming_encounters(small_study):
    ids = [str(one) for one in small_study.train_ids[:6]]
    says = dict(zip(ids, ["wrong_patient"] * 4 + ["died"] * 2, strict=True))
    found = gain(small_study, says)
    flipped = {one: 1 - int(small_study.cohort.outcome[one]) for one in ids[:4]}
    after = what_if(small_study, Relabel(flipped), Remove(ids[4:])).refitted.theta
    confirm = small_study.split.confirm
    y = small_study.design.y[confirm]
    truth = metrics(y, 1 / (1 + np.exp(-small_study.design.x[confirm] @ after)))
    before = metrics(y, small_study.risks[confirm])
    for one in found.metrics:
        assert one.after == pytest.approx(getattr(truth, one.metric), abs=1e-9)
        assert one.change == pytest.approx(one.after - getattr(before, one.metric), abs=1e-9)


def test_its_interval_is_that_of_a_bootstrap_by_patient(large_study):
    rng = np.random.default_rng(2)
    ids = large_study.train_ids[rng.choice(len(large_study.train_ids), 150, replace=False)]
    found = gain(large_study, dict.fromkeys(map(str, ids), "wrong_patient"))
    flipped = {str(one): 1 - int(large_study.cohort.outcome[one]) for one in ids}
    after = what_if(large_study, Relabel(flipped)).refitted.theta
    confirm = large_study.split.confirm
    y, patients = large_study.design.y[confirm], large_study.patients_of(confirm)
    risks = [1 / (1 + np.exp(-large_study.design.x[confirm] @ one)) for one in (large_study.model.theta, after)]
    rows_of = pd.Series(np.arange(len(y))).groupby(patients).indices
    drawn = []
    for _ in range(200):
        rows = np.concatenate([rows_of[one] for one in rng.integers(0, len(rows_of), len(rows_of))])
        drawn.append([_three(y[rows], one[rows]) for one in risks])
    spread = np.std(np.diff(np.array(drawn), axis=1)[:, 0], axis=0)
    for one, expected in zip(found.metrics, spread, strict=True):
        assert (one.high - one.low) / (2 * 1.96) == pytest.approx(expected, rel=0.25)


def _three(y, risk):
    from scipy.stats import rankdata

    events = y == 1
    ranks = rankdata(risk)[events].sum()
    auroc = (ranks - events.sum() * (events.sum() + 1) / 2) / (events.sum() * (~events).sum())
    loss = -np.mean(np.where(events, np.log(risk), np.log1p(-risk)))
    return loss, np.mean((risk - y) ** 2), auroc


def test_nothing_mended_changes_nothing_and_says_so(small_study):
    found = gain(small_study, {})
    assert found.mended == 0
    assert all(one.change == 0 for one in found.metrics)
    assert "nothing is gained" in found.words


def test_words_claim_only_what_the_interval_shows(large_study):
    one = str(large_study.train_ids[0])
    harmless = gain(large_study, {one: "wrong_patient"})
    for metric in harmless.metrics:
        assert (metric.says == "not distinguishable from 0") == (metric.low <= 0 <= metric.high)
    events = large_study.train_ids[large_study.train.y == 1]
    ruinous = gain(large_study, dict.fromkeys(map(str, events[: 2 * len(events) // 3]), "planned"))
    assert {one.says for one in ruinous.metrics} >= {"worse"}
    assert "worse" in ruinous.words


def test_it_says_where_errors_of_one_kind_alone_were_mended(large_study):
    y = large_study.train.y
    events, others = (large_study.train_ids[y == one] for one in (1, 0))
    one_kind = gain(large_study, {str(events[0]): "planned", str(events[1]): "wrong_patient", str(events[2]): "died"})
    assert one_kind.training_events == (y.sum(), y.sum() - 3)
    assert f"from {y.sum():,.0f} to {y.sum() - 3:,.0f}" in one_kind.words
    both = gain(large_study, {str(events[0]): "planned", str(others[0]): "wrong_patient"})
    assert both.training_events == (y.sum(), y.sum())
    assert "one kind" not in both.words


def test_relabelling_the_most_surprising_records_unseen_is_no_gain(large_study):
    """A reviewer who opens no chart and believes the queue makes the model worse, and the confirming rows show it."""
    unseen = large_study.train_ids[ranking(large_study, "training loss").positions[:300]]
    found = gain(large_study, dict.fromkeys(map(str, unseen), "wrong_patient"))
    says = {one.metric: one.says for one in found.metrics}
    assert "better" not in says.values()
    assert says["brier"] == says["log_loss"] == "worse"


def test_steps_are_those_after_each_of_the_last_decisions():
    wrong = {str(one): "died" for one in range(7)}
    assert [len(one) for one in steps_of(wrong)] == [3, 4, 5, 6, 7]
    assert [len(one) for one in steps_of({"a": "died"})] == [1]
    assert steps_of({}) == []


def test_too_few_confirming_encounters_give_no_interval(small_study):
    few = dataclasses.replace(
        small_study, split=dataclasses.replace(small_study.split, confirm=small_study.split.confirm[:30])
    )
    found = gain(few, {str(few.train_ids[0]): "wrong_patient"})
    assert all(np.isnan(one.low) and one.says == "not distinguishable from 0" for one in found.metrics)
    none = dataclasses.replace(
        small_study, split=dataclasses.replace(small_study.split, confirm=small_study.split.confirm[:0])
    )
    assert "cannot be measured" in gain(none, {str(none.train_ids[0]): "wrong_patient"}).words


# When to stop.


@pytest.mark.parametrize(("found", "of", "level"), [(0, 30, 0.95), (2, 60, 0.95), (1, 20, 0.9)])
def test_the_bound_is_where_the_binomial_tail_is_its_level(found, of, level):
    assert binom.cdf(found, of, upper_bound(found, of, level)) == pytest.approx(1 - level)
    assert upper_bound(of, of, level) == 1.0


def test_it_stops_after_a_whole_batch_without_a_find_and_not_before():
    rule = Rule()
    assert not stopping(["correct"] * 29, rule).stop
    assert stopping(["correct"] * 30, rule).stop
    assert not stopping(["correct"] * 20 + ["died"] + ["correct"] * 9, rule).stop
    assert not stopping(["died", *["correct"] * 30], rule).stop  # its first batch held one
    assert stopping(["died", *["correct"] * 59], rule).stop
    assert stopping(["correct", "unclear", DISPUTED] * 10, rule).stop
    used = stopping(["died"] * 4, Rule(budget=4))
    assert used.stop
    assert "budget of 4 charts is used up" in used.words
    assert "at most 9.5 %" in stopping(["correct"] * 30, rule).words


def test_each_look_stops_too_early_as_rarely_as_it_says():
    """At a yield of just the rate, a batch is followed by a stop in at most 5 % of reviews."""
    rng = np.random.default_rng(0)
    rule = Rule()
    stops = [
        stopping(np.where(rng.random(rule.batch) < rule.rate, "died", "correct").tolist(), rule).stop
        for _ in range(2000)
    ]
    assert np.mean(stops) == pytest.approx((1 - rule.rate) ** rule.batch, abs=0.01)
    assert np.mean(stops) < 0.05


@pytest.mark.parametrize("bad", [{"rate": 0}, {"level": 1}, {"batch": 0}, {"batch": 28}, {"budget": 0}])
def test_a_rule_that_makes_no_sense_is_refused(bad):
    with pytest.raises(DataError):
        Rule(**bad)


def test_a_review_puts_it_together_under_pseudonyms(small_study, store):
    first = queue(small_study, ORDER, limit=2).suspects
    for one in first:
        give_verdict(small_study, store, NAMES, one.encounter_id, "wrong_patient", note="n", author="A")
    found = review(small_study, verdicts_of(store, small_study), NAMES, order=ORDER, limit=2)
    assert [one.rank for one in found.queue.suspects] == [3, 4]
    assert [one.mended for one in found.gains] == [1, 2]
    both = dict.fromkeys([one.encounter_id for one in first], "wrong_patient")
    pd.testing.assert_frame_equal(found.gain.to_frame(), gain_after_each(small_study, [both])[0].to_frame())
    values = review_values(found, NAMES)
    assert [one["encounter"] for one in values["decided"]] == [NAMES.encounter(one.encounter_id) for one in first]
    text = str(values)
    for one in (*first, *found.queue.suspects):
        assert one.encounter_id not in text
        assert one.patient_id not in text
