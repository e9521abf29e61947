"""Whatever is planted in a source is found in it, and sources in which nothing is wrong raise no alarm."""

import json
import time
import tracemalloc
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from clinflu.analysis.source_check import source_check
from clinflu.analysis.source_check.clusters import clusters
from clinflu.analysis.source_check.coded import RARER
from clinflu.analysis.source_check.drift import psi
from clinflu.analysis.source_check.units import FACTORS
from clinflu.data import CohortSchema, FeatureSpec, Finding, Provenance, build_cohort, split_by_patient
from clinflu.report.files import as_json

N = 4000
PATIENTS = 2600
LIMIT_S, LIMIT_BYTES = 20, 2**30


def cohort_of(columns, features, *, patients=None, outcome=None, years=None, **about):
    """A cohort of N encounters whose outcome depends on nothing, unless it is given."""
    rng = np.random.default_rng(5)
    n = len(next(iter(columns.values())))
    rows = pd.DataFrame(columns)
    rows["encounter"] = [f"e{k:05d}" for k in range(n)]
    rows["patient"] = [f"p{k:05d}" for k in (rng.integers(0, PATIENTS, n) if patients is None else patients)]
    rows["event"] = (rng.random(n) < 0.12).astype(int) if outcome is None else outcome
    schema = CohortSchema("encounter", "patient", "event", features)
    cohort = build_cohort(rows, schema, Provenance("made", "0" * 64, "none", n, **about))
    return cohort if years is None else replace(cohort, years=pd.Series(years, cohort.frame.index))


def plain(**more):
    rng = np.random.default_rng(1)
    return {
        "sodium": np.round(rng.normal(139, 4, N)),
        "creatinine": np.round(np.exp(rng.normal(0, 0.4, N)), 2),
        "ward": rng.choice(["medical", "surgical", "burns"], N, p=[0.6, 0.3, 0.1]),
        **more,
    }


FEATURES = (
    FeatureSpec("sodium", "Sodium", unit="mmol/L"),
    FeatureSpec("creatinine", "Creatinine", unit="mg/dL", recorded="last during the episode"),
    FeatureSpec("ward", "Ward", levels=()),
)


def kinds(check):
    return [alarm.kind for alarm in check.alarms]


def test_where_nothing_is_wrong_nothing_is_flagged():
    found = source_check(cohort_of(plain(), FEATURES, years=np.repeat([2019, 2020], N // 2)))
    assert found.alarms == ()
    assert found.drift.why_not is None


def test_the_summary_counts_what_the_rows_hold():
    cohort = cohort_of(plain(), FEATURES, years=np.repeat([2019, 2021], N // 2))
    found = source_check(cohort).summary
    sizes = cohort.patients.value_counts()
    assert (found.encounters, found.patients) == (N, len(sizes))
    assert found.events == int(cohort.outcome.sum())
    assert found.event_rate_percent == pytest.approx(100 * cohort.outcome.mean())
    by_encounters = {one.encounters: one.patients for one in found.by_encounters}
    assert by_encounters["2"] == (sizes == 2).sum()
    assert sum(by_encounters.values()) == len(sizes)
    assert (found.first_year, found.last_year) == (2019, 2021)


def test_without_true_dates_there_is_no_period_and_no_drift():
    found = source_check(cohort_of(plain(), FEATURES))
    assert (found.summary.first_year, found.summary.last_year) == (None, None)
    assert "no true dates" in found.drift.why_not


def test_variables_are_described_by_quantiles_and_levels():
    columns = plain()
    columns["creatinine"][:400] = np.nan
    cohort = cohort_of({**columns, "same": np.ones(N)}, (*FEATURES, FeatureSpec("same", "Same")))
    sodium, creatinine, ward, same = source_check(cohort).variables
    assert (sodium.quantile_01, sodium.median, sodium.quantile_99) == tuple(
        np.quantile(columns["sodium"], (0.01, 0.5, 0.99))
    )
    assert creatinine.missing_percent == pytest.approx(10.0)
    assert (creatinine.unit, creatinine.recorded) == ("mg/dL", "last during the episode")
    assert (ward.levels, ward.commonest) == (3, "medical")
    assert ward.commonest_percent == pytest.approx(100 * (columns["ward"] == "medical").mean())
    assert [one.constant for one in (sodium, creatinine, ward, same)] == [False, False, False, True]


def test_values_of_few_patients_are_not_told():
    rng = np.random.default_rng(0)
    columns = {"ward": [f"of {k // 10}" for k in range(300)], "lab": rng.normal(10, 1, 300)}
    features = (FeatureSpec("ward", "Ward", levels=()), FeatureSpec("lab", "Lab"))
    ward, lab = source_check(cohort_of(columns, features, patients=range(300))).variables
    assert ward.commonest == RARER
    assert (lab.quantile_01, lab.quantile_99) == (None, None)
    assert lab.median == pytest.approx(np.median(columns["lab"]))


def test_ages_over_89_are_told_as_90_and_over_and_those_over_110_are_impossible():
    rng = np.random.default_rng(0)
    ages = rng.integers(20, 100, N).astype(float)
    ages[:3] = 130
    found = source_check(cohort_of({"age": ages}, (FeatureSpec("age", "Age", unit="years"),)))
    assert found.variables[0].quantile_99 == "90+"
    assert [(one.kind, one.encounters) for one in found.suspicious] == [("age", 3)]
    assert kinds(found) == ["value"]


NARROW, WIDE = 0.06, 0.3


@pytest.mark.parametrize(("factor", "_", "words"), FACTORS)
@pytest.mark.parametrize("side", [1, -1])
def test_three_per_cent_in_another_unit_are_found(factor, _, words, side):
    rng = np.random.default_rng(2)
    values = np.exp(rng.normal(5, WIDE if np.log(factor) > 6 * WIDE else NARROW, N))
    other = rng.random(N) < 0.03
    values[other] *= factor**side
    cohort = cohort_of({"lab": values}, (FeatureSpec("lab", f"Lab {' '.join(words[:1])}"),))
    (found,) = source_check(cohort).suspicious
    assert found.kind == "unit"
    assert f"factor of {factor:g}:" in found.says
    assert found.encounters == pytest.approx(other.sum(), rel=0.05)
    assert found.ratio == pytest.approx(factor**side, rel=0.25)


def test_a_code_for_missing_is_found_and_a_floor_is_none():
    rng = np.random.default_rng(2)
    values = np.round(rng.normal(80, 12, N))
    values[rng.random(N) < 0.02] = 9999
    floor = np.maximum(np.round(np.exp(rng.normal(3.5, 0.5, N))), 5)
    floor[rng.random(N) < 0.1] = 1
    features = (FeatureSpec("pulse", "Pulse"), FeatureSpec("tests", "Tests"))
    found = source_check(cohort_of({"pulse": values, "tests": floor}, features)).suspicious
    assert [(one.name, one.kind) for one in found] == [("pulse", "code")]


def test_a_cluster_says_which_level_nearly_all_of_it_shares():
    columns = plain()
    columns["creatinine"] = np.where(columns["ward"] == "burns", columns["creatinine"] * 88.4, columns["creatinine"])
    (found,) = source_check(cohort_of(columns, FEATURES)).suspicious
    assert found.where == "Ward: burns"
    assert "µmol/L" in found.says


def test_negative_values_where_all_others_are_positive_are_found():
    columns = plain()
    columns["sodium"][:7] = -9
    found = source_check(cohort_of(columns, FEATURES)).suspicious
    assert [(one.name, one.kind, one.encounters) for one in found] == [("sodium", "negative", 7)]


NO_CLUSTER = {
    "lognormal": lambda rng, n: np.exp(rng.normal(0, 1, n)),
    "heavy tail": lambda rng, n: np.exp(0.3 * rng.standard_t(3, n)),
    "exponential": lambda rng, n: rng.exponential(5, n),
    "whole exponential": lambda rng, n: np.round(rng.exponential(5, n)),
    "gamma": lambda rng, n: rng.gamma(0.5, 1, n),
    "counts": lambda rng, n: rng.negative_binomial(0.5, 0.05, n).astype(float),
    "few counts": lambda rng, n: rng.poisson(3, n).astype(float),
    "pareto": lambda rng, n: 1 + rng.pareto(1.5, n),
    "uniform": lambda rng, n: rng.random(n),
    "heaped": lambda rng, n: 5 * np.round(rng.gamma(2, 4, n)),
    "days": lambda rng, n: np.ceil(np.exp(rng.normal(1, 1, n))),
    "constant": lambda rng, n: np.full(n, 7.0 + rng.random()),
    "two groups that overlap": lambda rng, n: np.exp(rng.normal(0, 0.3, n) + (rng.random(n) < 0.2)),
}


@pytest.mark.parametrize("shape", NO_CLUSTER)
def test_no_distribution_of_one_piece_has_a_second_cluster(shape):
    for seed in range(30):
        rng = np.random.default_rng(seed)
        assert clusters(NO_CLUSTER[shape](rng, int(rng.choice([300, 1000, 5000])))) == []


def with_copies(copied, variables):
    """A table of labs and a ward of which one row is there several times, under other patient ids."""
    rng = np.random.default_rng(6)
    columns = {f"lab{k}": np.round(rng.normal(10, 2, N), 1) for k in range(variables - 1)}
    columns["ward"] = plain()["ward"]
    outcome = (rng.random(N) < 0.12).astype(int)
    for values in (*columns.values(), outcome):
        values[100 : 100 + copied] = values[100]
    labs = (FeatureSpec(f"lab{k}", f"Lab {k}") for k in range(variables - 1))
    return cohort_of(columns, (*labs, FEATURES[2]), patients=np.arange(N), outcome=outcome)


def test_copies_across_patients_are_found():
    found = source_check(with_copies(20, variables=6))
    across = found.duplicates.across_patients
    assert (across.encounters, across.rows, across.largest, across.rare_encounters) == (20, 1, 20, 20)
    assert found.duplicates.within_patients.encounters == 0
    assert kinds(found) == ["duplicates"]
    assert found.sides.identical_rows_on_both_sides > 0


@pytest.mark.parametrize("variables", [2, 3, 4])
def test_rows_of_few_variables_repeat_by_chance(variables):
    found = source_check(with_copies(1, variables))
    assert found.duplicates.across_patients.encounters > 0
    assert found.alarms == ()


def test_copies_within_a_patient_are_found():
    columns = {"lab": np.random.default_rng(0).normal(10, 1, N), "other": np.random.default_rng(1).normal(0, 1, N)}
    outcome = (np.random.default_rng(6).random(N) < 0.12).astype(int)
    patients = np.arange(N)
    for values in (*columns.values(), outcome, patients):
        values[1:100:2] = values[0:100:2]
    features = (FeatureSpec("lab", "Lab"), FeatureSpec("other", "Other"))
    found = source_check(cohort_of(columns, features, patients=patients, outcome=outcome)).duplicates
    assert (found.within_patients.encounters, found.across_patients.encounters) == (100, 0)
    assert found.within_patients.suspicious


@pytest.mark.parametrize("as_number", [True, False])
def test_a_leak_is_found(as_number):
    rng = np.random.default_rng(3)
    outcome = (rng.random(N) < 0.12).astype(int)
    signal = outcome * 2.5 + rng.normal(size=N)
    leak = signal if as_number else np.where(signal > 1.5, "yes", "no")
    spec = FeatureSpec("leak", "Leak", levels=None if as_number else ())
    found = source_check(cohort_of(plain(leak=leak), (*FEATURES, spec), outcome=outcome))
    assert found.leakage.alone[0].name == "leak"
    assert found.leakage.alone[0].auroc > 0.8
    assert [(alarm.kind, alarm.where) for alarm in found.alarms] == [("leakage", "Leak")]


def test_a_variable_far_ahead_of_the_second_best_is_flagged():
    rng = np.random.default_rng(3)
    outcome = (rng.random(N) < 0.12).astype(int)
    found = source_check(
        cohort_of(
            plain(ahead=outcome + rng.normal(size=N)), (*FEATURES, FeatureSpec("ahead", "Ahead")), outcome=outcome
        )
    )
    assert 0.65 < found.leakage.alone[0].auroc < 0.8
    assert found.leakage.alone[0].too_well


def test_the_auroc_is_that_of_unseen_patients():
    """A category that names the patient tells nothing of patients that training never saw."""
    rng = np.random.default_rng(3)
    patients = np.repeat(np.arange(N // 4), 4)
    outcome = (rng.random(N // 4) < 0.3).astype(int)[patients]
    columns = plain(name=[f"n{k}" for k in patients])
    found = source_check(
        cohort_of(columns, (*FEATURES, FeatureSpec("name", "Name", levels=())), patients=patients, outcome=outcome)
    )
    alone = next(one for one in found.leakage.alone if one.name == "name")
    assert alone.auroc == pytest.approx(0.5, abs=0.01)
    assert [alarm.where for alarm in found.alarms if alarm.kind == "patients"] == ["Name"]


def test_missingness_that_tells_the_outcome_is_found():
    rng = np.random.default_rng(3)
    outcome = (rng.random(N) < 0.12).astype(int)
    columns = plain()
    columns["sodium"][rng.random(N) < 0.2 + 0.5 * outcome] = np.nan
    found = source_check(cohort_of(columns, FEATURES, outcome=outcome))
    assert "missingness" in kinds(found)
    sodium = next(one for one in found.leakage.alone if one.name == "sodium")
    missing = np.isnan(columns["sodium"])
    assert sodium.rate_missing_percent == pytest.approx(100 * outcome[missing].mean())


def test_a_level_with_which_the_event_never_happens_is_found():
    outcome = (np.random.default_rng(3).random(N) < 0.12).astype(int)
    columns = plain()
    outcome[columns["ward"] == "burns"] = 0
    found = source_check(cohort_of(columns, FEATURES, outcome=outcome))
    assert [(alarm.kind, alarm.says) for alarm in found.alarms] == [
        ("leakage", "it settles the outcome: burns (never)")
    ]


def test_a_running_number_looks_like_an_identifier():
    found = source_check(cohort_of(plain(number=np.arange(N)), (*FEATURES, FeatureSpec("number", "Number"))))
    assert [one.name for one in found.sides.ids] == ["number"]


def test_no_patient_is_on_both_sides_of_the_split():
    cohort = cohort_of(plain(), FEATURES)
    found = source_check(cohort).sides
    assert found.patients_on_both_sides == 0
    split = split_by_patient(cohort.patients, 0)
    rows = cohort.frame.drop(columns="patient").astype(str).agg("|".join, axis=1).to_numpy()
    rest = np.concatenate([split.audited, split.confirm])
    assert found.identical_rows_on_both_sides == np.isin(rows[rest], rows[split.train]).sum()


YEARS = np.repeat([2018, 2019, 2020, 2021], N // 4)


def test_a_number_that_jumps_in_a_year_is_found():
    columns = plain()
    columns["sodium"][YEARS == 2020] += 6
    found = source_check(cohort_of(columns, FEATURES, years=YEARS))
    moved = {one.name: one for one in found.drift.moved}
    assert moved["sodium"].psi > 0.25
    assert moved["sodium"].year == 2020
    assert "2020 is unlike the other years" in moved["sodium"].says[0]
    assert moved["creatinine"].psi < 0.05
    assert [(alarm.kind, alarm.where) for alarm in found.alarms] == [("drift", "Sodium")]


def test_a_new_level_and_a_jump_of_missing_values_are_found():
    columns = plain()
    columns["ward"] = columns["ward"].astype(object)
    columns["ward"][np.flatnonzero(YEARS == 2020)[:30]] = "day clinic"
    columns["creatinine"][np.flatnonzero(YEARS == 2021)[::4]] = np.nan
    moved = {one.name: one for one in source_check(cohort_of(columns, FEATURES, years=YEARS)).drift.moved}
    assert moved["ward"].new_levels == ("day clinic (from 2020)",)
    assert (moved["creatinine"].missing_year, moved["creatinine"].missing_jump_pp) == (2021, pytest.approx(25))
    assert moved["creatinine"].says[-1] == "missing 25 percentage points more often in 2021"


def test_an_event_rate_that_jumps_is_found_with_wilsons_interval():
    from statsmodels.stats.proportion import proportion_confint

    outcome = (np.random.default_rng(3).random(N) < np.where(YEARS == 2019, 0.25, 0.12)).astype(int)
    found = source_check(cohort_of(plain(), FEATURES, years=YEARS, outcome=outcome))
    assert [one.year for one in found.drift.rates if one.flagged] == [2019]
    one = found.drift.rates[1]
    low, high = proportion_confint(one.events, one.encounters, method="wilson")
    assert (one.low_percent, one.high_percent) == pytest.approx((100 * low, 100 * high))
    assert kinds(found) == ["drift"]


def test_years_with_few_encounters_are_not_compared():
    years = np.where(np.arange(N) < 150, 2017, 2018)
    found = source_check(cohort_of(plain(), FEATURES, years=years))
    assert "fewer than 2 years" in found.drift.why_not
    assert (found.summary.first_year, found.summary.last_year) == (2017, 2018)


def test_the_index_is_that_of_its_formula():
    one, others = np.array([30.0, 70.0]), np.array([50.0, 50.0])
    p, q = (one + 0.5) / 101, (others + 0.5) / 101
    assert psi(one, others) == pytest.approx(((p - q) * np.log(p / q)).sum())
    assert psi(others, others) == 0


def test_a_variable_of_rare_levels_alone_is_not_constant():
    columns = {name: values[:6] for name, values in plain().items()}
    found = source_check(cohort_of(columns, FEATURES, patients=[0, 0, 0, 1, 1, 1], outcome=[0, 1, 0, 0, 0, 1]))
    varying = {name for name, values in columns.items() if len(set(map(str, values))) > 1}
    assert {one.name for one in found.variables if not one.constant} >= varying & {one.name for one in found.variables}


def test_few_patients_are_no_defect():
    columns = {name: values[:6] for name, values in plain().items()}
    columns["creatinine"] = np.full(6, np.nan)
    found = source_check(cohort_of(columns, FEATURES, patients=[0, 0, 0, 1, 1, 1], outcome=[0, 1, 0, 0, 0, 1]))
    assert [alarm.kind for alarm in found.alarms] == ["size"]
    assert "fewer than 20 patients" in found.leakage.why_not
    assert found.sides.patients_on_both_sides is None
    as_json(found.to_dict())


def test_plain_values_hold_everything_and_no_id():
    cohort = cohort_of(plain(), FEATURES, years=YEARS, definition=("Within 30 days.",), notes=("A note.",))
    cohort = replace(cohort, findings=(Finding("stays", "end", "ends before it starts; left out", 3, (7, 9)),))
    text = as_json(source_check(cohort).to_dict())
    values = json.loads(text)
    assert values == source_check(cohort).to_dict()
    assert values["notice"].startswith("INTERNAL")
    assert values["provenance"]["definition"] == ["Within 30 days."]
    assert values["provenance"]["flowchart"][-1] == {"step": "encounters at risk", "encounters": N}
    assert values["left_out"][0]["rows"] == 3
    assert not [name for name in (*cohort.frame.index, *cohort.patients) if name in text]


def test_the_planted_unit_error_and_copies_of_the_simulated_cohort_are_found(simulated_cohort):
    found = source_check(simulated_cohort)
    assert kinds(found) == ["value", "duplicates"]
    planted = {cause.name: cause for cause in simulated_cohort.planted}
    unit = planted["unit error at one destination"]
    (suspicious,) = found.suspicious
    assert (suspicious.name, suspicious.kind) == ("number_inpatient", "unit")
    assert "multiple of 24" in suspicious.says
    assert unit.level in suspicious.where
    assert suspicious.encounters == pytest.approx(len(unit.responsible), abs=13)  # one day looks like many stays
    assert found.duplicates.across_patients.encounters == len(planted["copied records"].responsible)
    assert "SIMULATED" in found.to_dict()["notice"]


@pytest.mark.uci
def test_the_uci_table_is_checked_quickly_and_without_an_alarm(uci_cohort):
    tracemalloc.start()
    start = time.process_time()
    found = source_check(uci_cohort)
    took, peak = time.process_time() - start, tracemalloc.get_traced_memory()[1]  # tracing only slows it
    tracemalloc.stop()
    assert took < LIMIT_S
    assert peak < LIMIT_BYTES
    assert found.alarms == ()
    assert found.leakage.alone[0].name == "number_inpatient"
    assert found.leakage.alone[0].auroc == pytest.approx(0.605, abs=0.01)
    assert {one.name for one in found.variables if one.constant} == {"examide", "citoglipton"}
