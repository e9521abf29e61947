"""Every line of a ledger is a cold fit without that subgroup's encounters, and the lines add up to the whole."""

import re

import numpy as np
import pandas as pd
import pytest

from clinflu import Audit
from clinflu.analysis.influence_on import influence_on
from clinflu.analysis.ledger import TOGETHER, ledger
from clinflu.errors import Cancelled, DataError
from clinflu.influence.group import group_newton
from clinflu.model.newton import fit_logistic
from clinflu.study import Study

ADD_UP = {"rtol": 0, "atol": 1e-12}


def sigmoid(margin):
    return 1 / (1 + np.exp(-margin))


def cold(study, audited, rows):
    """Margin change of the audited encounter in a fit from zero without these training rows."""
    train, kept = study.train, np.setdiff1d(np.arange(len(study.train.x)), rows)
    model = fit_logistic(train.x[kept], train.y[kept], train.weights[kept], train.model.penalty)
    return float(study.x(audited) @ (model.theta - train.model.theta))


@pytest.fixture(scope="module")
def audited(small_study):
    frame = small_study.cohort.frame.iloc[small_study.split.audited]
    return frame.index[(frame["ward"] == "surgical") & frame["ward_team"].isna()][0]


@pytest.fixture(scope="module")
def rows(small_study, audited):
    """The sixty strongest training rows, some of each ward."""
    return influence_on(small_study, audited).strongest_rows(60)


def members(study, rows, columns):
    """Group training rows by recorded values, with pandas."""
    table = study.train_frame[columns].astype(object).where(study.train_frame[columns].notna(), "missing")
    return table.iloc[rows].assign(row=rows).groupby(columns)["row"].apply(np.array)


@pytest.mark.parametrize("by", [["ward"], ["ward_team", "ward"]], ids=str)
def test_every_line_is_a_cold_refit_without_its_encounters(small_study, audited, rows, by):
    study, margin = small_study, float(small_study.x(audited) @ small_study.model.theta)
    found = ledger(study, audited, by if len(by) > 1 else by[0], rows)
    expected = members(study, rows, by)
    assert list(found.frame.index.names) == by
    assert set(found.frame.index) == set(expected.index)
    for level, gone in expected.items():
        line = found.frame.loc[level]
        refitted = cold(study, audited, gone)
        assert line["margin_change_refit"] == pytest.approx(refitted, abs=1e-9)
        pp = 100 * (sigmoid(margin + refitted) - sigmoid(margin))
        assert line["risk_change_refit_pp"] == pytest.approx(pp, abs=1e-7)
        assert line["margin_change_newton"] == pytest.approx(study.x(audited) @ group_newton(study.train, gone))
        one_by_one = [influence_on(study, audited).margin_change[row] for row in gone]
        assert line["margin_change_additive"] == pytest.approx(sum(one_by_one), abs=1e-12)
        assert (line["encounters"], line["events"]) == (len(gone), study.train.y[gone].sum())
    assert found.total_refit == pytest.approx(cold(study, audited, rows), abs=1e-9)


def test_shares_and_interactions_add_up_to_the_refits(small_study, audited, rows):
    found = ledger(small_study, audited, ["ward", "ward_team"], rows)
    lines = found.to_frame()
    for name, unit in (("margin_change", ""), ("risk_change", "_pp")):
        shares, rest = lines[f"{name}_additive{unit}"], lines[f"{name}_interaction{unit}"]
        np.testing.assert_allclose(shares + rest, lines[f"{name}_refit{unit}"], **ADD_UP)
    np.testing.assert_allclose(found.frame["margin_change_additive"].sum(), found.additive, **ADD_UP)
    np.testing.assert_allclose(found.additive + found.interaction, found.total_refit, **ADD_UP)
    np.testing.assert_allclose(found.interaction_within + found.interaction_between, found.interaction, **ADD_UP)
    pp = found.frame["risk_share_pp"].sum() + found.interaction_share_pp
    np.testing.assert_allclose(pp, lines["risk_change_refit_pp"].iloc[-1], **ADD_UP)
    np.testing.assert_allclose(found.interaction_share_pp / found.total_refit_pp, found.interaction / found.total_refit)
    sizes = found.frame["margin_change_refit"].abs()
    assert sizes.is_monotonic_decreasing
    assert lines.index[-1][0] == TOGETHER
    assert (lines["encounters"].iloc[-1], lines["events"].iloc[-1]) == tuple(
        found.frame[["encounters", "events"]].sum()
    )


def test_one_subgroup_alone_is_the_whole(small_study, audited, rows):
    surgical = rows[small_study.train_frame["ward"].iloc[rows] == "surgical"]
    found = ledger(small_study, audited, "ward", surgical)
    assert list(found.frame.index) == ["surgical"]
    assert found.interaction_between == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(found.frame.to_numpy(float), found.total.to_numpy(float), rtol=0, atol=1e-7)


def test_without_rows_each_whole_subgroup_is_removed_alone_and_nothing_is_left_without_all(small_study, audited):
    everybody = np.arange(len(small_study.train.x))
    found = ledger(small_study, audited, "ward")
    for level, gone in members(small_study, everybody, ["ward"]).items():
        assert found.frame.loc[level, "margin_change_refit"] == pytest.approx(
            cold(small_study, audited, gone), abs=1e-9
        )
    assert found.frame["encounters"].sum() == len(everybody)
    assert np.isnan([found.total_refit, found.interaction, found.total_refit_pp, found.interaction_share_pp]).all()
    assert found.additive == pytest.approx(influence_on(small_study, audited).margin_change.sum())
    assert np.isfinite(found.frame.drop(columns="risk_share_pp").to_numpy(float)).all()


def test_the_audited_patients_own_subgroup_is_marked(small_study, audited, rows):
    found = ledger(small_study, audited, ["ward", "ward_team"], rows)
    marked = found.frame.index[found.frame["holds_audited_patient"]]
    assert list(marked) == [("surgical", "missing")]
    assert found.labels == ("Ward", "Team")


@pytest.mark.parametrize("name", ["creatinine", "visits"])
def test_numbers_are_cut_at_training_quartiles(small_study, audited, name):
    values = small_study.train_frame[name].astype(float)
    cuts = np.unique([float(f"{cut:.6g}") for cut in values.quantile([0.25, 0.5, 0.75])])
    bands = pd.cut(values, [-np.inf, *cuts, np.inf])
    found = ledger(small_study, audited, name).frame
    known = found.drop(index="missing", errors="ignore")
    assert sorted(known["encounters"]) == sorted(bands.value_counts()[lambda counts: counts > 0])
    assert ("missing" in found.index) == values.isna().any()
    for level, line in known.iterrows():
        low, high = re.fullmatch(r"(?:over (\S+))? ?(?:(?:up )?to (\S+))?", level).groups()
        inside = np.flatnonzero((values > float(low or -np.inf)) & (values <= float(high or np.inf)))
        assert line["encounters"] == len(inside)
        assert line["margin_change_refit"] == pytest.approx(cold(small_study, audited, inside), abs=1e-9)


@pytest.mark.parametrize("kind", [dict, pd.Series])
def test_subgroups_of_ones_own(small_study, audited, kind):
    north = list(small_study.train_ids[:30])
    found = ledger(small_study, audited, kind({**dict.fromkeys(north, "north"), audited: "north"}))
    assert found.frame["encounters"].to_dict() == {"north": 30, "missing": len(small_study.train.x) - 30}
    assert found.frame["holds_audited_patient"].to_dict() == {"north": True, "missing": False}
    assert found.frame.loc["north", "margin_change_refit"] == pytest.approx(
        cold(small_study, audited, np.arange(30)), abs=1e-9
    )


def test_a_subgroup_without_which_nothing_can_be_fitted_hides_no_other(small_cohort):
    study = Study.fit(small_cohort, penalty=0.0)
    audited = study.design.encounter_ids[study.split.audited[0]]
    rare = np.flatnonzero(study.train_frame["ward"] == "intensive")
    full = ledger(study, audited, "ward", np.union1d(rare, np.arange(80)))
    found = full.frame
    assert list(found.index[found["margin_change_refit"].isna()]) == ["intensive"] == list(found.index[:1])
    assert np.isnan([full.total_refit, full.interaction, full.interaction_within, full.interaction_between]).all()
    assert np.isnan(found.loc["intensive", ["margin_change_newton", "risk_change_refit_pp"]].astype(float)).all()
    assert np.isfinite(found.loc["intensive", "margin_change_additive"])
    others = found.drop(index="intensive", columns="risk_share_pp")
    assert len(others) == 2
    assert np.isfinite(others.to_numpy(float)).all()


def test_all_events_leave_nothing_to_fit_yet_each_ward_has_its_refit(small_study, audited):
    events = np.flatnonzero(small_study.train.y == 1)
    found = ledger(small_study, audited, "ward", events)
    assert np.isnan(found.total_refit)
    for level, gone in members(small_study, events, ["ward"]).items():
        assert found.frame.loc[level, "margin_change_refit"] == pytest.approx(
            cold(small_study, audited, gone), abs=1e-9
        )


def test_planted_children_work_together(simulated_audit):
    """Taught alike, each hides behind the others: together they move the prediction more than their sum."""
    study, audited = simulated_audit.study, simulated_audit.example()
    strongest = influence_on(study, audited).rows_toward_error(10)
    found = ledger(study, audited, "age", strongest)
    assert found.frame.index[0] == "[0-10)"
    assert abs(found.total_refit) > 1.2 * abs(found.additive)
    assert found.total_refit == pytest.approx(cold(study, audited, strongest), abs=1e-8)


def test_a_model_with_columns_of_its_own(small_cohort):
    described = {"intercept": -1.0, "penalty": 1.0, "coefficients": {"age_years": 0.02, "ward=surgical": 0.1}}
    study = Audit.adopt(small_cohort, described).study
    assert study.encoder is None
    audited = study.design.encounter_ids[study.split.audited[0]]
    found = ledger(study, audited, ["ward", "creatinine"], np.arange(25))
    assert found.frame["encounters"].sum() == 25
    assert found.total_refit == pytest.approx(cold(study, audited, np.arange(25)), abs=1e-9)


def test_progress_counts_refits_and_can_stop_the_work(small_study, audited, rows):
    calls = []
    ledger(small_study, audited, ["ward", "ward_team"], rows, lambda done, total: calls.append((done, total)))
    done = [call[0] for call in calls]
    assert done == sorted(done)
    assert calls[-1][0] == calls[-1][1]
    assert len({total for _, total in calls}) == 1

    def stop(_done, _total):
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        ledger(small_study, audited, "ward", rows, stop)


REFUSED = {
    "no row": {"by": "ward", "rows": []},
    "a row beyond the last": {"by": "ward", "rows": [100_000]},
    "a row before the first": {"by": "ward", "rows": [-1]},
    "rows in parts": {"by": "ward", "rows": [0.5]},
    "flags": {"by": "ward", "rows": [True, False]},
    "an unknown variable": {"by": "colour"},
    "no variable": {"by": []},
    "a mapping of nobody": {"by": {"nobody": "north"}},
}


@pytest.mark.parametrize("asked", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_split_is_refused_in_words(small_study, audited, asked):
    with pytest.raises(DataError) as error:
        ledger(small_study, audited, **asked)
    assert "nobody" not in str(error.value)
