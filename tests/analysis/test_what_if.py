"""Whatever is removed, relabelled, reweighted, edited or added, the answer is that of a cold fit on those rows."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from clinflu import Audit
from clinflu.analysis.what_if import Add, Edit, Relabel, Remove, Reweight, what_if
from clinflu.errors import Cancelled, DataError, OneClassError
from clinflu.influence.interval import jackknife_variance
from clinflu.model.metrics import MEASURES, metrics
from clinflu.model.newton import fit_logistic

SAME = {"rtol": 0, "atol": 1e-9}


def rows_by_hand(study, *, weights=(), outcomes=(), edits=(), added=()):
    """Build the training rows after a change from the recorded values, patients last."""
    frame, rows = study.train_frame.copy(), study.split.train
    w = pd.Series(study.design.weights[rows], frame.index)
    for name, values in dict(edits).items():
        for variable, value in values.items():
            frame.loc[name, variable] = value
    for name, value in dict(outcomes).items():
        frame.loc[name, "readmitted"] = value
    for name, value in dict(weights).items():
        w[name] = value
    frame = pd.concat([frame[w > 0], *added])
    w = np.append(w[w > 0], np.ones(len(frame) - (w > 0).sum()))
    return study.encoder.encode(frame), frame["readmitted"].to_numpy(dtype=float), w, frame["patient"]


def cold(study, **changes):
    """Fit from zero to the rows built by hand."""
    return fit_logistic(*rows_by_hand(study, **changes)[:3], study.model.penalty)


@pytest.fixture(scope="module")
def ids(small_study):
    return list(small_study.train_ids)


def outcome(study, name):
    return int(study.cohort.outcome[name])


@pytest.mark.parametrize("count", [1, 4, 100, 311])
def test_removed_encounters(small_study, ids, count):
    chosen = ids[:: len(ids) // count][:count]
    refit = what_if(small_study, Remove(chosen))
    np.testing.assert_allclose(refit.refitted.theta, cold(small_study, weights=dict.fromkeys(chosen, 0)).theta, **SAME)
    assert (refit.encounters_changed, refit.encounters_removed) == (count, count)


def test_removed_patients_take_all_their_encounters_along(small_study):
    patients = small_study.design.patient_ids[small_study.split.train]
    chosen = list(patients.value_counts().index[:3])
    gone = [name for name, patient in zip(small_study.train_ids, patients, strict=True) if patient in chosen]
    assert len(gone) > 3
    expected = cold(small_study, weights=dict.fromkeys(gone, 0)).theta
    np.testing.assert_allclose(what_if(small_study, Remove(patients=chosen)).refitted.theta, expected, **SAME)
    np.testing.assert_allclose(what_if(small_study, Remove(gone[:1], chosen)).refitted.theta, expected, **SAME)


def test_a_level_that_goes_entirely(small_study):
    frame = small_study.train_frame
    gone = list(frame.index[frame["ward"] == "intensive"])
    assert len(gone) >= 5
    refit = what_if(small_study, Remove(gone))
    np.testing.assert_allclose(refit.refitted.theta, cold(small_study, weights=dict.fromkeys(gone, 0)).theta, **SAME)
    place = small_study.design.columns.index("ward=intensive")
    np.testing.assert_allclose(refit.refitted.theta[place], 0, atol=1e-9)


def test_new_outcomes_and_new_weights(small_study, ids):
    labels = {name: 1 - outcome(small_study, name) for name in ids[:60:3]}
    weights = {name: k / 7 for k, name in enumerate(ids[1:60:3])}
    relabelled = what_if(small_study, Relabel(labels))
    reweighted = what_if(small_study, Reweight(weights))
    np.testing.assert_allclose(relabelled.refitted.theta, cold(small_study, outcomes=labels).theta, **SAME)
    np.testing.assert_allclose(reweighted.refitted.theta, cold(small_study, weights=weights).theta, **SAME)
    assert relabelled.encounters_removed == 0
    assert reweighted.encounters_removed == 1


def test_actions_together_are_one_change(small_study, ids):
    labels = {name: 1 - outcome(small_study, name) for name in ids[:10]}
    refit = what_if(small_study, Remove(ids[20:30]), Relabel(labels), Reweight({ids[5]: 3.0, ids[40]: 0.0}), Remove([]))
    weights = {**dict.fromkeys(ids[20:30], 0), ids[5]: 3.0, ids[40]: 0.0}
    expected = cold(small_study, weights=weights, outcomes=labels)
    np.testing.assert_allclose(refit.refitted.theta, expected.theta, **SAME)
    np.testing.assert_allclose(refit.model.hessian, expected.hessian, rtol=1e-8, atol=1e-8)
    assert (refit.encounters_changed, refit.encounters_removed) == (21, 11)


def test_nothing_changes_nothing(small_study, ids):
    same = Relabel({ids[0]: outcome(small_study, ids[0])})
    for actions in ((), (Remove([]),), (same, Reweight({ids[1]: 1.0}))):
        np.testing.assert_array_equal(what_if(small_study, *actions).refitted.theta, small_study.model.theta)


def test_risks_before_and_after_are_those_of_the_two_models(small_study, ids):
    refit = Audit(small_study).what_if(Remove(ids[:40]))
    audited = small_study.design.encounter_ids[small_study.split.audited[:5]]
    x = small_study.design.x[small_study.split.audited[:5]]
    before = 1 / (1 + np.exp(-x @ small_study.model.theta))
    after = 1 / (1 + np.exp(-x @ cold(small_study, weights=dict.fromkeys(ids[:40], 0)).theta))
    frame = refit.risks(audited)
    np.testing.assert_allclose(frame["risk_before"], before, atol=1e-12)
    np.testing.assert_allclose(frame["risk_after"], after, atol=1e-9)
    np.testing.assert_allclose(frame["risk_change_pp"], 100 * (after - before), atol=1e-7)
    for place, name in enumerate(audited):
        np.testing.assert_allclose(refit.risk_change_pp(name), frame["risk_change_pp"].iloc[place], atol=1e-12)
        moved = np.log(after / (1 - after)) - np.log(before / (1 - before))
        np.testing.assert_allclose(refit.margin_change(name), moved[place], atol=1e-7)


EDITS = {"visits": 9.0, "ward": "intensive", "creatinine": None, "age_years": 20.0}


def test_edited_encounters(small_study, ids):
    for edits in ({ids[0]: EDITS}, {name: {"ward": "intensive", "visits": 3.0} for name in ids[:200]}):
        refit = what_if(small_study, *(Edit(name, values) for name, values in edits.items()))
        np.testing.assert_allclose(refit.refitted.theta, cold(small_study, edits=edits).theta, **SAME)
        assert (refit.plan.edited_encounters, refit.encounters_removed) == (len(edits), 0)
        assert np.abs(refit.refitted.theta - small_study.model.theta).max() > 1e-3


def test_added_records_and_copies(small_study, ids):
    frame = small_study.cohort.frame
    audited = frame.iloc[small_study.split.audited[:30]]
    copied = frame.loc[[ids[0], ids[0], ids[1], audited.index[0]]]
    records = what_if(small_study, Add(audited))
    copies = what_if(small_study, Add(copies_of={ids[0]: 2, ids[1]: 1, audited.index[0]: 1}))
    both = what_if(small_study, Add(audited, {ids[0]: 2, ids[1]: 1, audited.index[0]: 1}))
    for refit, added in ((records, [audited]), (copies, [copied]), (both, [audited, copied])):
        expected = cold(small_study, added=added)
        np.testing.assert_allclose(refit.refitted.theta, expected.theta, **SAME)
        np.testing.assert_allclose(refit.model.hessian, expected.hessian, rtol=1e-8, atol=1e-8)
        assert refit.encounters_added == sum(map(len, added))


def test_everything_at_once(small_study, ids):
    frame = small_study.cohort.frame
    new = frame.iloc[small_study.split.audited[:5]]
    labels = {name: 1 - outcome(small_study, name) for name in ids[:10]}
    refit = what_if(
        small_study,
        Remove(ids[20:30], query="visits >= 5 and ward_team == 'blue'"),
        Relabel(labels),
        Edit(ids[3], {"ward": "intensive", "creatinine": None}),
        Reweight({ids[3]: 2.5, ids[31]: 0.25}),
        Add(new, {ids[32]: 1}),
    )
    train = small_study.train_frame
    gone = [*ids[20:30], *train.index[(train["visits"] >= 5) & (train["ward_team"] == "blue")]]
    assert not set(gone) & {*ids[:10], *ids[31:33]}
    expected = cold(
        small_study,
        weights={**dict.fromkeys(gone, 0), ids[3]: 2.5, ids[31]: 0.25},
        outcomes=labels,
        edits={ids[3]: {"ward": "intensive", "creatinine": None}},
        added=[new, frame.loc[[ids[32]]]],
    )
    np.testing.assert_allclose(refit.refitted.theta, expected.theta, **SAME)
    assert refit.refitted.step_norm <= 1e-10


@pytest.fixture(scope="module")
def mixed(small_study, ids):
    """A refit of every kind of change."""
    frame = small_study.cohort.frame
    return what_if(
        small_study,
        Remove(ids[:40]),
        Relabel(dict.fromkeys(ids[50:60], 1)),
        Edit(ids[61], EDITS),
        Add(frame.iloc[small_study.split.confirm[:20]], {ids[70]: 3}),
    )


@pytest.fixture(scope="module")
def mixed_rows(small_study, ids):
    """The rows of that refit, built by hand."""
    frame = small_study.cohort.frame
    return rows_by_hand(
        small_study,
        weights=dict.fromkeys(ids[:40], 0),
        outcomes=dict.fromkeys(ids[50:60], 1),
        edits={ids[61]: EDITS},
        added=[frame.iloc[small_study.split.confirm[:20]], frame.loc[[ids[70]] * 3]],
    )


def influences(study, rows, theta, slopes):
    """By patient, the infinitesimal jackknife of functionals with these slopes, (t, patients), from its formula."""
    x, y, w, patients = rows
    p = 1 / (1 + np.exp(-x @ theta))
    hessian = (x.T * (w * p * (1 - p))) @ x + np.diag(study.model.penalty)
    scores = pd.DataFrame((w * (y - p))[:, None] * x).groupby(np.asarray(patients)).sum()
    return pd.DataFrame(slopes @ np.linalg.solve(hessian, scores.T), columns=scores.index)


def errors_of_difference(refit, rows, slopes_after, slopes_before):
    """Standard errors of differences of functionals, (t,), from the formula."""
    study = refit.study
    new = influences(study, rows, refit.refitted.theta, slopes_after)
    old = influences(study, rows_by_hand(study), study.model.theta, slopes_before)
    difference = new.sub(old, fill_value=0).to_numpy()
    assert difference.shape[1] > study.train.patients.max() + 10  # some patients are new
    return np.sqrt([jackknife_variance(one, np.arange(len(one))) for one in difference])


def test_the_interval_of_a_change_is_the_jackknife_of_the_difference(small_study, mixed, mixed_rows):
    rows = small_study.split.audited[:7]
    x = small_study.design.x[rows]
    slopes = []
    for theta in (mixed.refitted.theta, small_study.model.theta):
        p = 1 / (1 + np.exp(-x @ theta))
        slopes.append((p * (1 - p))[:, None] * x)
    reach = 100 * 1.6448536269514722 * errors_of_difference(mixed, mixed_rows, *slopes)
    found = mixed.risks(small_study.design.encounter_ids[rows], level=0.9)
    np.testing.assert_allclose(found["risk_change_low_pp"], found["risk_change_pp"] - reach, rtol=1e-7)
    np.testing.assert_allclose(found["risk_change_high_pp"], found["risk_change_pp"] + reach, rtol=1e-7)
    of_all = mixed.to_frame(level=0.9)
    assert len(of_all) > 100  # so many take another way to the same numbers
    np.testing.assert_allclose(of_all.loc[found.index], found, rtol=1e-7)


def test_the_interval_is_as_wide_as_a_bootstrap_of_patients(small_study):
    """Removing a ward from resampled patients moves a risk about as much more or less as the interval says."""
    x, y, _, patients = rows_by_hand(small_study)
    gone = (small_study.train_frame["ward"] == "surgical").to_numpy()
    rows = small_study.split.audited[:40]
    x_audited = small_study.design.x[rows]
    by_patient = [np.flatnonzero(patients.to_numpy() == one) for one in patients.unique()]
    rng = np.random.default_rng(0)
    changes = []
    for _ in range(100):
        chosen = np.concatenate([by_patient[k] for k in rng.integers(len(by_patient), size=len(by_patient))])
        without = chosen[~gone[chosen]]
        risks = [
            1 / (1 + np.exp(-x_audited @ fit_logistic(x[r], y[r], np.ones(len(r)), small_study.model.penalty).theta))
            for r in (chosen, without)
        ]
        changes.append(risks[1] - risks[0])
    refit = what_if(small_study, Remove(query="ward == 'surgical'"))
    found = refit.risks(small_study.design.encounter_ids[rows])
    width = (found["risk_change_high_pp"] - found["risk_change_low_pp"]).to_numpy() / (2 * 1.96)
    ratio = width / (100 * np.std(changes, axis=0))
    assert 0.85 < np.median(ratio) < 1.15
    assert ratio.min() > 0.6
    assert ratio.max() < 1.6


def test_no_change_has_an_interval_of_no_width(small_study, ids):
    for actions in ((), (Edit(ids[0], {"visits": small_study.train_frame["visits"].iloc[0]}),)):
        refit = what_if(small_study, *actions)
        np.testing.assert_array_equal(refit.refitted.theta, small_study.model.theta)
        frame = refit.to_frame()
        assert np.abs(frame[["risk_change_pp", "risk_change_low_pp", "risk_change_high_pp"]].to_numpy()).max() < 1e-8
        np.testing.assert_allclose(refit.odds_ratios()[["ratio", "ratio_low", "ratio_high"]], 1, atol=1e-9)


def test_losses_are_those_of_what_happened(small_study, mixed):
    frame = mixed.to_frame()
    y = small_study.cohort.outcome[frame.index]
    for when in ("before", "after"):
        expected = -np.log(np.where(y == 1, frame[f"risk_{when}"], 1 - frame[f"risk_{when}"]))
        np.testing.assert_allclose(frame[f"loss_{when}"], expected, rtol=1e-9)
    name = frame.index[3]
    np.testing.assert_allclose(mixed.loss_change(name), frame["loss_after"].iloc[3] - frame["loss_before"].iloc[3])
    interval = mixed.risk_change_interval_pp(name)
    assert [interval.low, interval.high] == list(
        mixed.risks([name])[["risk_change_low_pp", "risk_change_high_pp"]].iloc[0]
    )
    assert "shrinkage not included" in interval.method
    assert len(frame) == len(small_study.split.audited)


def test_metrics_before_and_after_are_those_of_the_libraries(small_study, mixed):
    frame = mixed.to_frame()
    y = small_study.cohort.outcome[frame.index]
    table = mixed.metrics()
    for when in ("before", "after"):
        p = frame[f"risk_{when}"]
        np.testing.assert_allclose(table.loc["auroc", when], roc_auc_score(y, p), rtol=1e-12)
        np.testing.assert_allclose(table.loc["brier", when], brier_score_loss(y, p), rtol=1e-12)
        np.testing.assert_allclose(table.loc["log_loss", when], log_loss(y, p), rtol=1e-12)
    assert (table.loc[["auroc", "brier", "log_loss", "calibration_slope"], "change"] != 0).all()
    np.testing.assert_allclose(table["change"], table["after"] - table["before"])


def test_subgroups_have_the_metrics_of_their_encounters(small_study, mixed):
    frame = mixed.to_frame().join(small_study.cohort.frame[["ward", "ward_team", "readmitted", "visits"]])
    table = mixed.subgroup_metrics(["ward", "ward_team"])
    assert list(table["level"]) == ["intensive", "medical", "surgical", "blue", "missing", "red", "x_y"]
    for row in table.to_dict("records"):
        rows = frame[frame[row["variable"]].fillna("missing") == row["level"]]
        assert (row["n"], row["events"]) == (len(rows), rows["readmitted"].sum())
        for when in ("before", "after"):
            expected = metrics(rows["readmitted"].to_numpy(), rows[f"risk_{when}"].to_numpy())
            found = [row[f"{name}_{when}"] for name in MEASURES]
            np.testing.assert_allclose(found, [getattr(expected, name) for name in MEASURES], rtol=1e-7, atol=1e-9)
    pd.testing.assert_frame_equal(mixed.subgroup_metrics(), table[table["variable"] == "ward"])
    pd.testing.assert_frame_equal(mixed.subgroup_metrics("ward"), mixed.subgroup_metrics())
    chosen = frame[frame["visits"] > 1]
    by_query = mixed.metrics("visits > 1")["after"]
    np.testing.assert_allclose(by_query["auroc"], roc_auc_score(chosen["readmitted"], chosen["risk_after"]))
    assert by_query["n"] == len(chosen)
    for name in ("visits", "shoe_size"):
        with pytest.raises(DataError, match=r"category|there are"):
            mixed.subgroup_metrics(name)


def test_odds_ratios_before_and_after(small_study, mixed):
    table = mixed.odds_ratios()
    known = Audit(small_study).coefficients
    np.testing.assert_allclose(table["odds_ratio_before"], known["odds_ratio"], rtol=1e-12)
    np.testing.assert_allclose(table["ratio"], table["odds_ratio_after"] / table["odds_ratio_before"], rtol=1e-12)
    per_year = np.exp(mixed.refitted.theta[1] / small_study.encoder.columns[1].scale)
    np.testing.assert_allclose(table.loc["age_years", "odds_ratio_after"], per_year, rtol=1e-12)
    assert ((table["ratio_low"] < table["ratio"]) & (table["ratio"] < table["ratio_high"])).all()
    log_width = np.log(table["ratio_high"] / table["ratio_low"])
    narrower = np.log(mixed.odds_ratios(0.5)["ratio_high"] / mixed.odds_ratios(0.5)["ratio_low"])
    np.testing.assert_allclose(narrower / log_width, 0.6744897501960817 / 1.959963984540054, rtol=1e-9)


def test_the_interval_of_an_odds_ratio_is_the_jackknife_per_unit(small_study, mixed, mixed_rows):
    slopes = np.diag([1 / column.scale for column in small_study.encoder.columns])
    reach = 1.959963984540054 * errors_of_difference(mixed, mixed_rows, slopes, slopes)
    table = mixed.odds_ratios()
    np.testing.assert_allclose(np.log(table["ratio_high"] / table["ratio"]), reach, rtol=1e-7)
    np.testing.assert_allclose(np.log(table["ratio"] / table["ratio_low"]), reach, rtol=1e-7)


@pytest.mark.parametrize("level", [0, 1, -0.5, 95])
def test_an_impossible_level_is_refused(mixed, level):
    with pytest.raises(DataError, match="between 0 and 1"):
        mixed.to_frame(level)


def test_levels_that_go_are_said(small_study):
    assert what_if(small_study, Remove(query="ward == 'surgical' and visits > 3")).warnings == ()
    lost = what_if(small_study, Remove(query="ward == 'intensive'"))
    assert len(lost.warnings) == 1
    assert "ward=intensive" in lost.warnings[0]
    reference = what_if(small_study, Remove(query="ward == 'medical'"))
    assert len(reference.warnings) == 1
    assert "against which the other levels are compared" in reference.warnings[0]
    assert "ward=medical" in reference.warnings[0]
    whole = [name for name, ward in small_study.train_frame["ward"].items() if ward == "intensive"]
    kept = what_if(small_study, Remove(whole), Add(copies_of={whole[0]: 1}))
    assert kept.warnings == ()
    edited = what_if(small_study, *(Edit(name, {"ward": "medical"}) for name in whole))
    assert "ward=intensive" in edited.warnings[0]


def test_as_plain_values_it_is_json_and_names_nobody(small_study, ids, mixed):
    values = mixed.to_dict()
    text = json.dumps(values, allow_nan=False)
    names = [*ids, *small_study.design.encounter_ids, *small_study.design.patient_ids]
    assert not [name for name in names if f'"{name}"' in text]
    assert values["encounters_added"] == 23
    assert (values["encounters_removed"], values["encounters_edited"]) == (40, 1)
    assert values["encounters_relabelled"] == (small_study.train.y[50:60] == 0).sum()  # the others had it already
    assert values["audited"]["encounters"] == len(small_study.split.audited)
    assert values["audited"]["metrics"][2]["metric"] == "auroc"
    assert values["audited"]["metrics"][2]["after"] == mixed.metrics_after.auroc
    assert values["fit"]["seconds"] > 0
    assert {row["column"] for row in values["odds_ratios"]} == set(small_study.design.columns)


def test_the_same_twice_is_equal_whatever_time_it_took(small_study, ids):
    once, again = (what_if(small_study, Remove(ids[:5]), Edit(ids[9], EDITS)) for _ in range(2))
    other = what_if(small_study, Remove(ids[:5]), Edit(ids[9], {"visits": 8}))
    assert once == again
    assert hash(once) == hash(again)
    assert once.seconds != again.seconds
    assert once != other
    assert once != "something else"
    pd.testing.assert_frame_equal(once.to_frame(), again.to_frame(), check_exact=True)


def test_it_can_be_stopped(small_study, ids):
    seen = []
    what_if(small_study, Remove(ids[:2]), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(0, 1), (1, 1)]

    def stop(*_):
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        what_if(small_study, Remove(ids[:2]), progress=stop)


REFUSED = {
    "an unknown encounter": lambda _: (Remove(["nobody"]),),
    "an unknown edited encounter": lambda _: (Edit("nobody", {"visits": 1}),),
    "an unknown patient": lambda _: (Remove(patients=["nobody"]),),
    "an unknown relabelled encounter": lambda _: (Relabel({"nobody": 1}),),
    "an outcome of 2": lambda ids: (Relabel({ids[0]: 2}),),
    "an outcome in words": lambda ids: (Relabel({ids[0]: "yes"}),),
    "a missing outcome": lambda ids: (Relabel({ids[0]: None}),),
    "a negative weight": lambda ids: (Reweight({ids[0]: -1.0}),),
    "an infinite weight": lambda ids: (Reweight({ids[0]: float("inf")}),),
    "a weight in words": lambda ids: (Reweight({ids[0]: "heavy"}),),
    "removed and reweighted": lambda ids: (Remove([ids[0]]), Reweight({ids[0]: 2.0})),
    "two weights": lambda ids: (Reweight({ids[0]: 0.5}), Reweight({ids[0]: 2.0})),
    "two outcomes": lambda ids: (Relabel({ids[0]: 0}), Relabel({ids[0]: 1})),
}


@pytest.mark.parametrize("actions", REFUSED.values(), ids=REFUSED)
def test_what_makes_no_sense_is_refused(small_study, ids, actions):
    with pytest.raises(DataError) as caught:
        what_if(small_study, *actions(ids))
    assert str(caught.value) == caught.value.one_line
    assert ids[0] not in str(caught.value)


def test_a_single_text_is_no_list(small_study, ids):
    for action in (Remove(ids[0]), Remove(patients="p001")):
        with pytest.raises(DataError, match="not a single text"):
            what_if(small_study, action)


def test_an_encounter_that_taught_nothing_cannot_be_changed(small_study):
    audited = small_study.design.encounter_ids[small_study.split.audited[0]]
    for action in (Remove([audited]), Relabel({audited: 1}), Reweight({audited: 2.0}), Edit(audited, EDITS)):
        with pytest.raises(DataError, match="training"):
            what_if(small_study, action)
    patient = small_study.design.patient_ids[small_study.split.audited[0]]
    with pytest.raises(DataError, match="1 of the patients"):
        what_if(small_study, Remove(patients=[patient]))


def test_the_same_said_twice_is_no_conflict(small_study, ids):
    twice = what_if(small_study, Remove([ids[0], ids[0]]), Remove([ids[0]]), Reweight({ids[0]: 0.0}))
    np.testing.assert_allclose(twice.refitted.theta, cold(small_study, weights={ids[0]: 0}).theta, **SAME)
    assert twice.encounters_changed == 1


@pytest.mark.parametrize("label", [0, 1])
def test_one_outcome_left_is_named(small_study, ids, label):
    of_label = [name for name in ids if outcome(small_study, name) == label]
    for action in (Remove(of_label), Relabel(dict.fromkeys(of_label, 1 - label))):
        with pytest.raises(OneClassError):
            what_if(small_study, action)


@pytest.mark.parametrize("all_rows", [False, True])
def test_an_adopted_model_is_refitted_on_its_own_columns(small_cohort, small_study, all_rows):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    frame = small_cohort.frame
    rows = frame if all_rows else frame.iloc[small_study.split.train]
    model = make_pipeline(StandardScaler(), LogisticRegression(tol=1e-12, max_iter=1000, class_weight={0: 1, 1: 3}))
    model.fit(rows[["age_years", "visits"]], rows["readmitted"])
    study = Audit.adopt(small_cohort, model).study
    name = study.train_ids[study.train.y == 1][0]
    refit = what_if(study, Remove(query="visits > 4"), Add(copies_of={name: 2}))

    kept = study.train_frame[study.train_frame["visits"] <= 4]
    after = pd.concat([kept, frame.loc[[name, name]]])
    x = np.column_stack([np.ones(len(after)), model[0].transform(after[["age_years", "visits"]])])
    y = after["readmitted"].to_numpy(dtype=float)
    expected = fit_logistic(x, y, np.where(y == 1, 3.0, 1.0), study.model.penalty)
    np.testing.assert_allclose(refit.refitted.theta, expected.theta, **SAME)
    np.testing.assert_allclose(refit.odds_ratios()["odds_ratio_after"], np.exp(expected.theta), rtol=1e-8)
    assert np.isfinite(refit.to_frame()).all().all()
    assert any("also taught" in note for note in refit.warnings) == all_rows


def test_the_odds_ratio_of_a_level_that_is_gone_is_withheld(small_study):
    refit = what_if(small_study, Remove(query="ward == 'intensive'"))
    table = refit.odds_ratios()
    gone = table.index == "ward=intensive"
    assert table.loc[gone, ["odds_ratio_after", "ratio", "ratio_low", "ratio_high"]].isna().all(axis=None)
    assert table.loc[gone, "odds_ratio_before"].notna().all()
    assert table.loc[~gone].notna().all(axis=None)
    assert "ward=intensive" in " ".join(refit.warnings)
