"""Whatever is asked for wrongly ends in one line that says what to do, and never in an error of Python or numpy."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from clinflu import Add, Audit, Edit, Relabel, Remove, Reweight
from clinflu.analysis.check.points import Plan
from clinflu.analysis.ledger import ledger
from clinflu.analysis.mistakes import check_threshold
from clinflu.analysis.what_if.actions import combine
from clinflu.data.asking import check_count, check_number, list_of_ids, row_positions
from clinflu.errors import DataError


class Asked:
    """What a person has at hand."""

    def __init__(self, study):
        self.audit = Audit(study)
        self.study = study
        self.aid = str(study.design.encounter_ids[study.split.audited[0]])
        self.tid, self.other = (str(one) for one in study.train_ids[:2])

    @property
    def influence(self):
        return self.audit.trace(self.aid).influence

    @property
    def refit(self):
        return self.audit.what_if(Remove([self.tid]))

    @property
    def drivers(self):
        return self.audit.drivers("loss")


@pytest.fixture(scope="module")
def asked(small_study):
    return Asked(small_study)


ACTIONS = {
    "relabel a list": (lambda a: Relabel([a.tid]), "{encounter id: outcome}"),
    "relabel a text": (lambda a: Relabel(a.tid), "{encounter id: outcome}"),
    "relabel nothing": (lambda _: Relabel(None), "{encounter id: outcome}"),
    "relabel with lists": (lambda a: Relabel({a.tid: [1]}), "give 0 or 1"),
    "relabel with a missing one": (lambda a: Relabel({a.tid: pd.NA}), "give 0 or 1"),
    "relabel with 10**400": (lambda a: Relabel({a.tid: 10**400}), "give 0 or 1"),
    "relabel twice": (lambda a: Relabel(pd.Series([0, 1], index=[a.tid, a.tid])), "only once"),
    "reweight a list": (lambda a: Reweight([a.tid]), "{encounter id: weight}"),
    "reweight a number": (lambda _: Reweight(0.5), "{encounter id: weight}"),
    "reweight a frame": (lambda a: Reweight(pd.DataFrame({"w": [1.0]}, index=[a.tid])), "{encounter id: weight}"),
    "reweight with text": (lambda a: Reweight({a.tid: "half"}), "finite number, 0 or more"),
    "remove a number": (lambda _: Remove(5), "list of encounter ids, not 5"),
    "remove nothing": (lambda _: Remove(None), "list of encounter ids, not None"),
    "remove a text": (lambda a: Remove(a.tid), "not a single text"),
    "remove bytes": (lambda _: Remove(b"e0001"), "not a single text"),
    "remove a frame": (lambda a: Remove(a.study.train_frame), "list of encounter ids, not a DataFrame"),
    "remove an array of no dimension": (lambda a: Remove(np.array(a.tid)), "list of encounter ids, not a ndarray"),
    "remove lists": (lambda a: Remove([[a.tid]]), "not among the training"),
    "remove the patients 7": (lambda _: Remove(patients=7), "list of patient ids, not 7"),
    "remove one patient": (lambda _: Remove(patients="p001"), "list of patient ids, not a single text"),
    "remove by a query of 5": (lambda _: Remove(query=5), "no text"),
    "edit with a list": (lambda a: Edit(a.tid, ["visits"]), "Edit"),
    "edit many": (lambda a: Edit([a.tid], {"visits": 1}), "not among the training"),
    "edit what has no name": (lambda a: Edit(a.tid, {None: 1}), "there are: age_years"),
    "copies in a list": (lambda a: Add(copies_of=[a.tid]), "copies_of="),
    "copies in an array": (lambda a: Add(copies_of=np.array([a.tid, a.tid])), "copies_of="),
    "no copies": (lambda _: Add(copies_of=None), "copies_of="),
    "no action": (lambda a: [Remove([a.tid])], "wrap the ids"),
    "a kind of action": (lambda _: Remove, "an action is"),
}

QUESTIONS = {
    "mistakes at text": (lambda a: a.audit.mistakes("0.2"), "must be a number, not a text"),
    "mistakes at True": (lambda a: a.audit.mistakes(threshold=True), "must be a number, not True"),
    "mistakes at a list": (lambda a: a.audit.mistakes([0.2]), "must be a number, not a list"),
    "mistakes at 20": (lambda a: a.audit.mistakes(20), "between 0 and 1"),
    "trace at text": (lambda a: a.audit.trace(a.aid, threshold="0.2"), "must be a number, not a text"),
    "flip set at text": (lambda a: a.audit.flip_set(a.aid, threshold="0.2"), "must be a number, not a text"),
    "flip set of text": (lambda a: a.audit.flip_set(a.aid, max_patients="5"), "whole number of 1 or more, not a text"),
    "flip set of True": (lambda a: a.audit.flip_set(a.aid, max_patients=True), "whole number of 1 or more, not True"),
    "flip set in text": (lambda a: a.audit.flip_set(a.aid, time_s="5"), "in seconds, must be a number"),
    "flip set in no time": (lambda a: a.audit.flip_set(a.aid, time_s=None), "in seconds, must be a number, not None"),
    "flip set that relabels no": (lambda a: a.audit.flip_set(a.aid, relabel="no"), "relabel must be True or False"),
    "strongest, text": (lambda a: a.influence.strongest("10"), "whole number of 0 or more, not a text"),
    "strongest, 2.5": (lambda a: a.influence.strongest(2.5), "whole number of 0 or more, not 2.5"),
    "strongest, -3": (lambda a: a.influence.strongest(-3), "whole number of 0 or more, not -3"),
    "strongest rows, -3": (lambda a: a.influence.strongest_rows(-3), "whole number of 0 or more, not -3"),
    "patients, -3": (lambda a: a.influence.patients(-3), "whole number of 0 or more, not -3"),
    "low leverage, -3": (lambda a: a.influence.low_leverage(-3), "whole number of 0 or more, not -3"),
    "refitted, ids": (lambda a: a.influence.refitted([a.tid]), "positions among the training"),
    "drivers of a list": (lambda a: a.audit.drivers(["auroc"]), "one metric, as text; there are: loss"),
    "drivers of a slip": (lambda a: a.audit.drivers("AUROCs"), "did you mean 'auroc'"),
    "drivers in 5": (lambda a: a.audit.drivers("auroc", subgroup=5), "a variable and one of its levels"),
    "drivers in a text": (lambda a: a.audit.drivers("auroc", subgroup="ward"), "a variable and one of its levels"),
    "drivers in a list of lists": (lambda a: a.audit.drivers("auroc", subgroup=[["ward"], "x"]), "as text, not a list"),
    "drivers against 5": (
        lambda a: a.audit.drivers("auroc", subgroup=("ward", "medical"), against=5),
        "a variable and one of its levels",
    ),
    "drivers in a slip": (
        lambda a: a.audit.drivers("auroc", subgroup=("ward", "Medical")),
        "did you mean 'medical'[?]; there are: 'medical', 'surgical'",
    ),
    "drivers at text": (lambda a: a.audit.drivers("false_negative_rate", threshold="0.2"), "must be a number"),
    "driving patients, text": (lambda a: a.drivers.patients("5"), "whole number"),
    "driving patients, 2.5": (lambda a: a.drivers.patients(2.5), "whole number"),
    "driving encounters, -3": (lambda a: a.drivers.encounters(-3), "whole number"),
    "driving subgroups, None": (lambda a: a.drivers.subgroups(None), "whole number"),
    "divided among 5": (lambda a: a.drivers.split(5), "as text, not 5"),
    "diagnostics, text": (lambda a: a.audit.diagnostics_beside_refits("a"), "whole number"),
    "diagnostics, -3": (lambda a: a.audit.diagnostics_beside_refits(-3), "whole number"),
    "check each 2.5": (lambda a: a.audit.check([a.aid], each=2.5), "whole numbers"),
    "check each text": (lambda a: a.audit.check([a.aid], each="2"), "whole numbers"),
    "check with True groups": (lambda a: a.audit.check([a.aid], groups=True), "whole numbers"),
    "check -1": (lambda a: a.audit.check([a.aid], each=-1), "0 or more"),
    "check 5": (lambda a: a.audit.check(5), "list of encounter ids, not 5"),
    "check one text": (lambda a: a.audit.check(a.aid), "not a single text"),
    "ledger by None": (lambda a: a.audit.ledger(a.aid, None), "list of recorded variables, or .*, not None"),
    "ledger by 5": (lambda a: a.audit.ledger(a.aid, 5), "list of recorded variables, or .*, not 5"),
    "ledger by lists": (lambda a: a.audit.ledger(a.aid, [["ward"]]), "there are: age_years"),
    "ledger by a frame": (lambda a: a.audit.ledger(a.aid, a.study.train_frame), "not a DataFrame"),
    "ledger by a mapping to lists": (lambda a: a.audit.ledger(a.aid, {a.tid: ["x", "y"]}), "one subgroup"),
    "ledger by a Series of ids twice": (
        lambda a: a.audit.ledger(a.aid, pd.Series("x", index=[a.tid, a.tid])),
        "only once",
    ),
    "ledger of 5": (lambda a: a.audit.ledger(a.aid, "ward", 5), "list of encounter ids, not 5"),
    "ledger of rows that are ids": (lambda a: ledger(a.study, a.aid, "ward", [a.tid]), "positions among the training"),
    "ledger of a row alone": (lambda a: ledger(a.study, a.aid, "ward", 5), "positions among the training"),
    "ledger of row -1": (lambda a: ledger(a.study, a.aid, "ward", [-1]), "positions among the training"),
    "ledger of flags": (lambda a: ledger(a.study, a.aid, "ward", [True, False]), "positions among the training"),
    "ledger of ragged rows": (lambda a: ledger(a.study, a.aid, "ward", [[1], [1, 2]]), "positions among the training"),
    "ledger of no rows": (lambda a: ledger(a.study, a.aid, "ward", []), "name at least one"),
    "risks of 5": (lambda a: a.refit.risks(5), "list of encounter ids, not 5"),
    "risks of a text": (lambda a: a.refit.risks(a.aid), "not a single text"),
    "risks of nobody": (lambda a: a.refit.risks(["nobody"]), "check the id against the table"),
    "risks at text": (lambda a: a.refit.risks([a.aid], level="95"), "level of an interval must be a number"),
    "risks at 95": (lambda a: a.refit.risks([a.aid], level=95), "between 0 and 1"),
    "odds ratios at None": (lambda a: a.refit.odds_ratios(None), "level of an interval must be a number"),
    "subgroup metrics by 5": (lambda a: a.refit.subgroup_metrics(5), "list of recorded categories, not 5"),
    "subgroup metrics by a number": (lambda a: a.refit.subgroup_metrics("visits"), "numeric"),
    "metrics of 5": (lambda a: a.refit.metrics(5), "no text"),
    "without ids": (lambda a: a.audit.leave_one_out.beside_refits([a.tid]), "positions among the training"),
    "without row -1": (lambda a: a.audit.leave_one_out.beside_refits([-1]), "positions among the training"),
    "without row 5": (lambda a: a.audit.leave_one_out.beside_refits(5), "positions among the training"),
    "without half a row": (lambda a: a.audit.leave_one_out.beside_refits([0.5]), "positions among the training"),
    "without a row too far": (lambda a: a.audit.leave_one_out.beside_refits([10**6]), "positions among the training"),
    "fit of a path": (lambda _: Audit.fit("x.zip"), r"give a Cohort, as load\(\.\.\.\) returns it, not a text"),
    "fit of a frame": (lambda a: Audit.fit(a.study.cohort.frame), "give a Cohort.* not a DataFrame"),
    "fit at text": (lambda a: Audit.fit(a.study.cohort, penalty="1"), "penalty must be a number, not a text"),
    "fit at None": (lambda a: Audit.fit(a.study.cohort, penalty=None), "penalty must be a number, not None"),
    "fit from a": (lambda a: Audit.fit(a.study.cohort, seed="a"), "seed of the split must be a whole number"),
    "fit from 1.5": (lambda a: Audit.fit(a.study.cohort, seed=1.5), "seed of the split must be a whole number"),
    "fit from -1": (lambda a: Audit.fit(a.study.cohort, seed=-1), "seed of the split cannot be negative"),
}


@pytest.mark.parametrize(("make", "telling"), ACTIONS.values(), ids=ACTIONS)
def test_actions(asked, make, telling):
    refused(lambda: asked.audit.what_if(make(asked)), telling, asked)


@pytest.mark.parametrize(("ask", "telling"), QUESTIONS.values(), ids=QUESTIONS)
def test_questions(asked, ask, telling):
    refused(lambda: ask(asked), telling, asked)


def refused(ask, telling, asked):
    with pytest.raises(DataError, match=telling) as caught:
        ask()
    message = str(caught.value)
    assert message == caught.value.one_line
    assert len(message) < 400
    assert not [one for one in (asked.aid, asked.tid, "nobody") if one in message]


def test_a_series_is_as_good_as_a_mapping(asked):
    outcome = 1 - int(asked.study.train.y[0])
    pairs = [
        (Relabel(pd.Series({asked.tid: outcome})), Relabel({asked.tid: outcome})),
        (Reweight(pd.Series({asked.tid: 0.5, asked.other: 2})), Reweight({asked.tid: 0.5, asked.other: 2})),
        (Add(copies_of=pd.Series({asked.tid: 2})), Add(copies_of={asked.tid: 2})),
        (Relabel({asked.tid: Decimal(outcome)}), Relabel({asked.tid: str(outcome)})),
    ]
    for one, other in pairs:
        assert asked.audit.what_if(one) == asked.audit.what_if(other)
        assert "Nothing was changed." not in asked.audit.what_if(one).warnings


def test_other_kinds_of_number_are_taken(asked):
    assert check_threshold(Decimal("0.25")) == check_threshold(np.float32(0.25)) == 0.25
    assert check_count(np.int8(3), "k") == 3
    assert len(asked.influence.strongest(np.int64(2))) == 2
    assert asked.influence.strongest(0).empty
    assert Plan(np.int64(2), 2, 0).strongest.__class__ is int
    assert list_of_ids(iter(np.array([7, 8]))) == ["7", "8"]
    np.testing.assert_array_equal(row_positions(pd.Index([3, 1, 3]), 4), [3, 1, 3])
    with pytest.raises(DataError, match="a float can hold"):
        check_number(10**400, "x")


def test_what_changes_nothing_does_not_count(asked):
    study = asked.study
    outcomes = {str(name): int(y) for name, y in zip(study.train_ids[:6], study.train.y[:6], strict=True)}
    visits = float(study.train_frame["visits"].iloc[0])
    nothing = [
        (),
        (Relabel(outcomes),),
        (Edit(asked.tid, {"visits": visits, "ward": study.train_frame["ward"].iloc[0]}),),
        (Reweight({asked.tid: 1.0}),),
        (Remove([]),),
    ]
    for actions in nothing:
        refit = asked.audit.what_if(*actions)
        plan = refit.plan
        assert refit.warnings == ("Nothing was changed.",)
        assert (plan.relabelled_encounters, plan.edited_encounters, refit.encounters_changed) == (0, 0, 0)
        np.testing.assert_array_equal(refit.refitted.theta, study.model.theta)
    flipped = {**outcomes, asked.tid: 1 - outcomes[asked.tid]}
    plan = combine(study, [Relabel(flipped), Edit(asked.tid, {"visits": visits}), Edit(asked.other, {"visits": 59})])
    assert (plan.relabelled_encounters, plan.edited_encounters, list(plan.change.rows)) == (1, 1, [0, 1])
    np.testing.assert_array_equal(plan.change.y, [flipped[asked.tid], outcomes[asked.other]])


def test_missing_twice_is_no_contradiction(asked):
    ways = [Edit(asked.tid, {"creatinine": value}) for value in (None, np.nan, pd.NA)]
    assert asked.audit.what_if(*ways) == asked.audit.what_if(ways[0])
    refused(lambda: asked.audit.what_if(ways[2], Edit(asked.tid, {"creatinine": 1.0})), "two different", asked)


def test_a_rare_level_is_never_named(asked):
    """No more than 9 audited encounters are in intensive care, so that ward may be somebody's own value."""
    audited = asked.study.cohort.frame["ward"].iloc[asked.study.split.audited]
    assert 0 < (audited == "intensive").sum() < 10
    for level in ("intensiv", "INTENSIVE", "nowhere"):
        with pytest.raises(DataError) as caught:
            asked.audit.drivers("loss", subgroup=("ward", level))
        assert "there are: 'medical', 'surgical' and 1 more" in str(caught.value)
        assert "intensive" not in str(caught.value)
