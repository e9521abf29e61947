"""What a clinician is told about a flip set is what a fit from zero without those patients says."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student
from statsmodels.stats.proportion import proportion_confint

from clinflu.analysis.flip_set import FlipSet, flip_set
from clinflu.analysis.shared_features import shared_features, summary
from clinflu.errors import Cancelled, DataError
from clinflu.model.newton import fit_logistic

TIME_S = 60.0


def cold_risk(study, encounter_id, *, without=(), relabelled=()):
    """Fit from zero on the training rows without some encounters, or with the other outcome."""
    rows = study.split.train
    ids = study.design.encounter_ids[rows]
    kept = ~ids.isin(without)
    y = np.where(ids.isin(relabelled), 1 - study.design.y[rows], study.design.y[rows])
    x, weights = study.design.x, study.design.weights
    theta = fit_logistic(x[rows][kept], y[kept], weights[rows][kept], study.model.penalty).theta
    return 1 / (1 + np.exp(-float(x[study.row(encounter_id)] @ theta)))


def near(study, *, above):
    """Return three audited encounters on one side of the threshold, within 0.6 log-odds."""
    rows = study.split.audited
    apart = study.margins[rows] - np.log(study.threshold / (1 - study.threshold))
    chosen = rows[(apart > 0.05) & (apart < 0.6)] if above else rows[(apart < -0.05) & (apart > -0.6)]
    return list(study.design.encounter_ids[chosen[:3]])


@pytest.mark.parametrize("above", [False, True])
def test_without_the_set_the_prediction_is_on_the_other_side(small_study, above):
    patients = small_study.cohort.patients
    for name in near(small_study, above=above):
        found = flip_set(small_study, name, time_s=TIME_S)

        assert (found.verified, found.minimal, found.mode) == (True, True, "removal")
        assert (found.risk_before >= found.threshold) is above
        assert (found.risk_after >= found.threshold) is not above
        after = cold_risk(small_study, name, without=found.encounters)
        assert found.risk_after == pytest.approx(after, abs=1e-9)
        taught = patients.loc[small_study.train_ids]
        assert set(found.encounters) == set(taught.index[taught.isin(found.patients)])
        for patient in found.patients:
            rest = [one for one in found.encounters if patients[one] != patient]
            assert bool(cold_risk(small_study, name, without=rest) >= found.threshold) is above


@pytest.mark.parametrize("above", [False, True])
def test_with_the_other_outcomes_the_prediction_is_on_the_other_side(small_study, above):
    patients = small_study.cohort.patients
    for name in near(small_study, above=above):
        found = flip_set(small_study, name, relabel=True, time_s=TIME_S)

        assert (found.verified, found.minimal, found.mode) == (True, True, "relabelling")
        after = cold_risk(small_study, name, relabelled=found.encounters)
        assert found.risk_after == pytest.approx(after, abs=1e-9)
        assert bool(after >= found.threshold) is not above
        assert set(patients.loc[list(found.encounters)]) == set(found.patients)
        wrong_way = np.sign(found.to_frame()["margin_change_estimate"]) == (-1 if above else 1)
        assert wrong_way.mean() > 0.9  # at the first model; the set itself is chosen at the changed ones


def test_every_row_of_the_frame_says_what_it_is(small_study):
    name = near(small_study, above=False)[0]
    found = flip_set(small_study, name, threshold=float(small_study.risks[small_study.row(name)]) + 0.03)
    frame = found.to_frame()
    influence = pd.Series(
        -small_study.train.residual
        * (small_study.train.x @ small_study.model.solve(small_study.x(name)))
        / (1 - small_study.train.leverage),
        small_study.train_ids,
    )

    assert tuple(frame.index) == found.encounters
    np.testing.assert_allclose(frame["margin_change_estimate"], influence[frame.index], rtol=1e-10)
    assert frame["outcome"].tolist() == small_study.cohort.outcome[frame.index].tolist()
    assert frame["patient"].tolist() == small_study.cohort.patients[frame.index].tolist()
    assert list(dict.fromkeys(frame["patient"])) == list(found.patients)
    by_patient = frame.groupby("position")["margin_change_estimate"].sum()
    assert by_patient.index.tolist() == list(range(1, found.size + 1))
    assert by_patient.is_monotonic_decreasing
    frame.loc[:, "outcome"] = 9
    assert 9 not in found.to_frame()["outcome"].tolist()


def test_the_frame_of_an_alert_that_is_to_go_begins_with_the_patient_that_raises_it_most(small_study):
    name = near(small_study, above=True)[0]
    found = flip_set(small_study, name, threshold=float(small_study.risks[small_study.row(name)]) - 0.06)
    by_patient = found.to_frame().groupby("position")["margin_change_estimate"].sum()
    assert len(by_patient) > 3
    assert by_patient.iloc[0] < 0
    assert by_patient.is_monotonic_increasing


def test_a_risk_at_the_threshold_is_an_alert_that_is_to_go(small_study):
    name = near(small_study, above=True)[0]
    found = flip_set(small_study, name, threshold=float(small_study.risks[small_study.row(name)]))
    assert found.verified
    assert found.risk_after < found.threshold
    assert cold_risk(small_study, name, without=found.encounters) < found.threshold


def test_the_audited_patients_own_encounters_count_and_are_flagged(small_study):
    """Of a training encounter, its own row pushes hardest."""
    influence = small_study.train.leverage * np.where(small_study.train.y == 1, 1 - small_study.train.risk, 0)
    row = int(np.argmax(influence))
    name = str(small_study.train_ids[row])
    own = small_study.cohort.patients[name]
    found = flip_set(small_study, name, threshold=float(small_study.train.risk[row]) - 0.005)

    assert found.includes_own
    assert own in found.patients
    assert "own earlier or later encounters are among them" in found.words
    frame = found.to_frame()
    assert frame.index[frame["same_patient"]].tolist() == frame.index[frame["patient"] == own].tolist()
    other = flip_set(small_study, near(small_study, above=False)[0], time_s=TIME_S)
    assert not other.includes_own
    assert "own earlier" not in other.words


def test_nobody_within_the_budget_is_said_and_shown_as_nobody(small_study):
    name = near(small_study, above=False)[0]
    found = flip_set(small_study, name, threshold=0.99, max_patients=2)
    assert (found.verified, found.minimal, found.patients, found.encounters) == (False, False, (), ())
    assert np.isnan(found.risk_after)
    assert np.isnan(found.event_rate)
    assert found.to_frame().empty
    assert found.description.empty
    assert found.summary == ""
    assert found.status == "none found within 10 s and 2 patients"
    assert "does not prove that there are none" in found.words


def make(**changes):
    """A result by hand, for its words."""
    empty = pd.DataFrame({"same_patient": pd.Series(dtype=bool)})
    values = {
        "encounter_id": "e1", "threshold": 0.2, "risk_before": 0.12, "risk_after": 0.20004, "mode": "removal",
        "patients": ("a", "b"), "encounters": ("e2", "e3", "e4"), "training_patients": 1200, "includes_own": False,
        "surrogate_size": 3, "surrogate_flips": True, "verified": True, "minimal": True, "out_of_time": False,
        "time_s": 10.0, "max_patients": None, "table": empty, "description": empty, "event_rate": 1.0,
        "event_rate_rest": 0.1, "summary": "",
    }  # fmt: skip
    return FlipSet(**(values | changes))


def test_the_words_say_what_is_proven_and_what_is_not():
    words = make().words
    assert words.startswith(
        "Without 2 of 1,200 training patients (3 encounters) the refitted risk is 20.004 %, at or above the threshold "
        "of 20.000 %; as trained it is 12.0 %. None of them can be put back, but another, smaller set may exist."
    )
    assert words.endswith("asks for 3, a set that does cross the threshold when refitted.")
    assert make().status == "verified, at most 2"
    assert "Not all of them may be needed" in make(minimal=False).words
    cut = make(minimal=False, out_of_time=True).words
    assert "cut off after 10 s; with more time it may find fewer" in cut
    assert "cut off" not in words
    assert "a set that does not cross" in make(surrogate_flips=False).words
    assert "all patients together would not do" in make(surrogate_size=None).words
    assert make(mode="relabelling", risk_after=0.1).words.startswith("With other outcomes for 2 of")
    assert "below the threshold" in make(risk_after=0.1).words
    none = make(verified=False, patients=(), encounters=(), out_of_time=True)
    assert "No training patients were found within 10 s whose removal moves the risk of 12.0 %" in none.words
    assert "cut off by the time" in none.words
    assert not any(value in words for value in ("e1", "e2", "e3"))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"threshold": 1.5}, "no risk"),
        ({"threshold": 0.0}, "no risk"),
        ({"max_patients": 0}, "1 or more"),
        ({"max_patients": 2.5}, "1 or more"),
        ({"time_s": 0.0}, "positive number of seconds"),
        ({"time_s": float("nan")}, "positive number of seconds"),
    ],
)
def test_what_makes_no_sense_is_refused(small_study, wrong, told):
    with pytest.raises(DataError, match=told):
        flip_set(small_study, near(small_study, above=False)[0], **wrong)
    with pytest.raises(DataError, match="no encounter"):
        flip_set(small_study, "nobody")


def test_the_search_can_be_stopped(small_study):
    def stop(done, total):  # noqa: ARG001
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        flip_set(small_study, near(small_study, above=False)[0], progress=stop)


def test_the_same_question_has_the_same_answer(small_study):
    name = near(small_study, above=False)[1]
    first, second = (flip_set(small_study, name, time_s=TIME_S) for _ in range(2))
    pd.testing.assert_frame_equal(first.to_frame(), second.to_frame(), check_exact=True)
    assert first.words == second.words


@pytest.fixture(scope="module")
def chosen(small_study):
    """Some intensive care rows of the training set, and two of one other patient."""
    frame = small_study.train_frame
    medical = frame[frame["ward"] == "medical"]
    twice = medical["patient"].value_counts().sort_index().loc[lambda counts: counts == 2].index[0]
    other = (frame["ward"] == "medical") & (frame["patient"] == twice)
    return np.sort(np.concatenate([np.flatnonzero(frame["ward"] == "intensive")[:4], np.flatnonzero(other)]))


def test_shares_are_those_counted_by_hand_with_the_interval_of_as_many_patients(small_study, chosen):
    frame = small_study.train_frame
    found = shared_features(small_study, chosen).set_index(["variable", "level"])
    patients = frame["patient"].iloc[chosen].nunique()
    assert patients < len(chosen)
    inside = np.isin(np.arange(len(frame)), chosen)
    holds = (frame["ward"] == "intensive").to_numpy()
    row = found.loc[("ward", "intensive")]

    assert (row["count"], row["in_set"]) == (4, pytest.approx(4 / 6))
    assert row["in_rest"] == pytest.approx(holds[~inside].mean())
    assert row["ratio"] == pytest.approx((4 / 6) / holds[~inside].mean())
    assert row["standardised_difference"] == pytest.approx((4 / 6 - holds[~inside].mean()) / holds.std())
    low, high = proportion_confint(4 / 6 * patients, patients, method="wilson")
    np.testing.assert_allclose([row["in_set_low"], row["in_set_high"]], [low, high], rtol=1e-9)
    assert row["differs"]
    missing = frame["ward_team"].isna().to_numpy()
    assert found.loc[("ward_team", "missing"), "in_set"] == pytest.approx(missing[inside].mean())
    assert found.loc["ward"]["count"].sum() == 6


def test_means_are_in_the_recorded_unit(small_study, chosen):
    frame = small_study.train_frame
    found = shared_features(small_study, chosen)
    row = found[(found["variable"] == "creatinine") & found["level"].isna()].iloc[0]
    values = frame["creatinine"].astype(float)
    ours, others = values.iloc[chosen].dropna(), values.drop(values.index[chosen]).dropna()
    count = min(frame["patient"].iloc[chosen].nunique(), len(ours))
    reach = student.ppf(0.975, count - 1) * ours.std() / np.sqrt(count)

    assert (row["in_set"], row["in_rest"]) == (pytest.approx(ours.mean()), pytest.approx(others.mean()))
    assert row["standardised_difference"] == pytest.approx((ours.mean() - others.mean()) / values.std(ddof=0))
    assert row["in_set_high"] - row["in_set"] == pytest.approx(reach)
    assert row["differs"] == (abs(ours.mean() - others.mean()) > reach)
    assert row["unit"] == "mg/dL"
    assert set(found.loc[found["variable"] == "creatinine", "level"].dropna()) == {"missing"}


def test_the_summary_begins_with_the_feature_that_was_planted(small_study, chosen):
    description = shared_features(small_study, chosen)
    rest = 100 * description.loc[0, "in_rest"]
    assert (description.loc[0, "variable"], description.loc[0, "level"]) == ("ward", "intensive")
    assert summary(description, len(chosen)).startswith(
        f"Most distinctive: Ward intensive in 4 of 6 encounters ({rest:.2g} % of the others)"
    )
    assert description["differs"].is_monotonic_decreasing


def test_a_single_ordinary_patient_is_not_called_distinctive(small_study):
    frame = small_study.train_frame
    row = np.flatnonzero((frame["ward"] == "medical") & (frame["ward_team"] == "red") & frame["creatinine"].notna())
    found = shared_features(small_study, row[:1])
    numbers = found[found["level"].isna()]
    assert numbers["in_set_low"].isna().all()
    assert not numbers["differs"].any()
    assert "by more than so few could by chance" in summary(found, 1)


def test_the_event_rates_are_those_of_the_set_and_of_the_rest(small_study):
    found = flip_set(small_study, near(small_study, above=True)[0], time_s=TIME_S)
    outcome = small_study.cohort.outcome.loc[small_study.train_ids]
    assert found.event_rate == pytest.approx(outcome[list(found.encounters)].mean())
    assert found.event_rate_rest == pytest.approx(outcome.drop(list(found.encounters)).mean())


@pytest.mark.parametrize(("level", "label", "least_share"), [("[0-10)", "Age", 0.6), ("Podiatry", "Specialty", 0.5)])
def test_a_planted_cause_is_found_and_named(simulated_audit, level, label, least_share):
    """The worst false alarm that a planted cause raised goes once those who caused it are removed, and few others."""
    study = simulated_audit.study
    cause = next(one for one in study.cohort.planted if one.level == level)
    affected = cause.affected(study.cohort.frame.iloc[study.split.audited]).index
    name = max(affected, key=lambda one: study.risks[study.row(one)])

    found = flip_set(study, name, time_s=TIME_S)

    assert found.risk_before > found.threshold > found.risk_after
    responsible = set(cause.responsible) & set(found.encounters)
    assert len(responsible) >= least_share * len(found.encounters)
    assert found.summary.startswith(f"Most distinctive: {label} {level} in ")
