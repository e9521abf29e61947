"""The built-in cohort: its columns, its marginals, and causes of error whose effect a refit proves."""

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from clinflu.data import Cohort, Encoder, split_by_patient
from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.errors import LoaderError
from clinflu.model.newton import fit_logistic
from data_loaders import simulated
from data_loaders import simulated_marginals as uci
from data_loaders.diabetes130 import AGES
from data_loaders.icd9 import strack_group

LARGEST = 101_766
DRUGS = [
    *("metformin", "repaglinide", "nateglinide", "chlorpropamide", "glimepiride", "acetohexamide", "glipizide"),
    *("glyburide", "tolbutamide", "pioglitazone", "rosiglitazone", "acarbose", "miglitol", "troglitazone"),
    *("tolazamide", "examide", "citoglipton", "insulin", "glyburide-metformin", "glipizide-metformin"),
    *("glimepiride-pioglitazone", "metformin-rosiglitazone", "metformin-pioglitazone"),
]
UCI_COLUMNS = [
    *("encounter_id", "patient_nbr", "race", "gender", "age", "weight", "admission_type_id"),
    *("discharge_disposition_id", "admission_source_id", "time_in_hospital", "payer_code", "medical_specialty"),
    *("num_lab_procedures", "num_procedures", "num_medications", "number_outpatient", "number_emergency"),
    *("number_inpatient", "diag_1", "diag_2", "diag_3", "number_diagnoses", "max_glu_serum", "A1Cresult"),
    *DRUGS,
    *("change", "diabetesMed", "readmitted"),
]
NUMBERS = [*uci.COUNT_SHARES, *uci.QUANTILES]
MAIN_COLUMNS = [
    *("race", "gender", "age", "weight", "admission_type_id", "discharge_disposition_id", "admission_source_id"),
    *("payer_code", "max_glu_serum", "A1Cresult", "metformin", "insulin", "change", "diabetesMed", "readmitted"),
]
IDS = ["encounter_id", "patient_nbr"]
CAUSES = (
    "unrepresentative children",
    "flipped labels at one specialty",
    "unit error at one destination",
    "copied records",
)


@pytest.fixture(scope="module")
def raw():
    return simulated.simulate()


@pytest.fixture(scope="module")
def cohort():
    return simulated.load()


@pytest.fixture(scope="module")
def timed():
    return timed_simulation(seed=3)


@pytest.fixture(scope="module")
def largest(timed):
    return timed[0]


@pytest.fixture(scope="module")
def real(uci_table):
    return uci_table[0]


@dataclass(frozen=True)
class Fit:
    """A model of 60 % of the patients: its design, its rows and its coefficients."""

    cohort: Cohort
    x: Matrix
    train: Rows
    audited: Rows
    theta: Vector

    @classmethod
    def of(cls, cohort, split_seed):
        split = split_by_patient(cohort.patients, split_seed)
        encoder = Encoder.learn(cohort.frame.iloc[split.train], cohort.schema)
        unfitted = cls(cohort, encoder.encode(cohort.frame), split.train, split.audited, np.zeros(len(encoder.columns)))
        return replace(unfitted, theta=unfitted.refitted(without=()))

    def refitted(self, without):
        kept = self.train[~self.cohort.frame.index[self.train].isin(without)]
        penalty = np.r_[0.0, np.ones(self.x.shape[1] - 1)]
        outcome = self.cohort.outcome.to_numpy(dtype=float)[kept]
        return fit_logistic(self.x[kept], outcome, np.ones(len(kept)), penalty, self.theta).theta

    def risks(self):
        return expit(self.x @ self.theta)

    def risks_without(self, removed):
        return expit(self.x @ self.refitted(removed))


@pytest.fixture(scope="module")
def fits(cohort):
    return [Fit.of(cohort, split_seed) for split_seed in range(5)]


def timed_simulation(seed):
    start = time.process_time()
    table = simulated.simulate(LARGEST, seed)
    return table, time.process_time() - start


def planted(cohort, name):
    return next(cause for cause in cohort.planted if cause.name == name)


def shares(values):
    return values.fillna("missing").value_counts(normalize=True)


def numbers(table):
    return table[NUMBERS].astype(int)


def assert_close_shares(found, expected, tolerance):
    difference = found.sub(expected, fill_value=0.0).abs()
    assert difference.max() < tolerance, difference.sort_values().tail(3)


def test_the_columns_are_those_of_the_uci_table_all_text(raw):
    assert list(raw.columns) == UCI_COLUMNS
    assert set(raw.dtypes) == {pd.StringDtype(na_value=np.nan)}
    assert raw.index.equals(pd.RangeIndex(20_000))
    assert not raw.isin(["?", "nan", "None"]).drop(columns=["max_glu_serum", "A1Cresult"]).to_numpy().any()


def test_the_same_seed_gives_the_same_table_and_another_seed_another():
    table = simulated.simulate(2_000, seed=5)
    pd.testing.assert_frame_equal(table, simulated.simulate(2_000, seed=5), check_exact=True)
    other = simulated.simulate(2_000, seed=6)
    assert not set(table["encounter_id"]) >= set(other["encounter_id"])
    assert (table["diag_1"] != other["diag_1"]).mean() > 0.5


def test_the_full_size_takes_seconds(timed):
    again, seconds = timed_simulation(seed=4)
    assert len(again) == len(timed[0]) == LARGEST
    assert min(seconds, timed[1]) < 6


@pytest.mark.parametrize(("encounters", "seed"), [(999, 0), (101_767, 0), (2_000, -1)])
@pytest.mark.parametrize("function", [simulated.simulate, simulated.load_simulated])
def test_what_cannot_be_simulated_is_refused(function, encounters, seed):
    with pytest.raises(LoaderError, match=r"1,000 to 101,766|seed"):
        function(encounters, seed)


def test_a_path_is_refused_and_no_file_is_recognised(tmp_path):
    assert not simulated.recognises(tmp_path)
    with pytest.raises(LoaderError, match="takes no path"):
        simulated.load(Path("diabetic_data.csv"))


def test_the_cohort_says_that_it_is_invented_and_leaves_out_who_cannot_return(raw, cohort):
    ended = raw["discharge_disposition_id"].isin(["11", "13", "14", "19", "20", "21"])
    assert cohort.provenance.simulated
    assert cohort.provenance.loader == "simulated"
    assert cohort.provenance.rows_read == len(raw)
    assert list(cohort.frame.index) == list(raw.loc[~ended, "encounter_id"])
    assert cohort.provenance.sha256 != simulated.load_simulated(1_000).provenance.sha256


def test_a_patient_keeps_gender_and_race_and_grows_no_younger(raw):
    assert raw["encounter_id"].is_unique
    assert raw["encounter_id"].str.removeprefix("SIM").astype(int).is_monotonic_increasing
    by_patient = raw.assign(band=raw["age"].map(AGES.index)).groupby("patient_nbr")
    assert by_patient["gender"].nunique().max() == 1
    assert by_patient["race"].nunique(dropna=False).max() == 1
    assert by_patient["band"].is_monotonic_increasing.all()
    assert (by_patient["band"].nunique() > 1).any()


def test_a_record_does_not_contradict_itself(raw):
    drugs = raw[DRUGS]
    given, adjusted = (drugs != "No").sum(axis=1), drugs.isin(["Up", "Down"]).any(axis=1)
    assert ((raw["diabetesMed"] == "Yes") == (given > 0)).all()
    assert ((raw["change"] == "Ch") == (adjusted | (given > 1))).all()
    assert (raw.loc[raw["discharge_disposition_id"].isin(["11", "19", "20", "21"]), "readmitted"] == "NO").all()
    diagnoses = raw["number_diagnoses"].astype(int)
    assert (diagnoses < 3).any()
    assert raw.loc[diagnoses < 2, "diag_2"].isna().all()
    assert raw.loc[diagnoses < 3, "diag_3"].isna().all()
    for one, other in (("diag_1", "diag_2"), ("diag_1", "diag_3"), ("diag_2", "diag_3")):
        assert not (raw[one] == raw[other]).any()
    assert not raw.loc[raw["age"] == "[10-20)", "payer_code"].eq("MC").any()


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("race", uci.RACES),
        ("gender", uci.GENDERS),
        ("weight", uci.WEIGHTS),
        ("max_glu_serum", uci.GLUCOSE),
        ("admission_type_id", uci.ADMISSION_TYPES),
    ],
)
def test_the_levels_have_the_stated_shares(largest, column, expected):
    stated = pd.Series({level or "missing": share for level, share in expected.items()})
    assert_close_shares(shares(largest[column]), stated, 0.01)


def test_the_numbers_have_the_stated_distributions(largest):
    for name, (first, stated) in uci.COUNT_SHARES.items():
        expected = pd.Series(stated, index=range(first, first + len(stated))) / sum(stated)
        assert_close_shares(largest[name].astype(int).value_counts(normalize=True), expected, 0.006)
    labs = largest["num_lab_procedures"].astype(int)
    np.testing.assert_allclose(
        labs.quantile(uci.QUANTILE_LEVELS[:-2]), uci.QUANTILES["num_lab_procedures"][:-2], atol=1.5
    )


@pytest.mark.uci
def test_the_real_table_has_these_columns_and_shares(largest, real):
    assert list(real.columns) == UCI_COLUMNS
    for name in MAIN_COLUMNS:
        assert_close_shares(shares(largest[name]), shares(real[name]), 0.02)
    for name in ("medical_specialty", "diag_2", "diag_3"):
        assert abs(largest[name].isna().mean() - real[name].isna().mean()) < 0.01
    patients = largest["patient_nbr"].nunique() / real["patient_nbr"].nunique()
    assert patients == pytest.approx(1, abs=0.01)


@pytest.mark.uci
def test_the_real_table_has_these_diagnoses(largest, real):
    for name in ("diag_1", "diag_2", "diag_3"):
        assert set(largest[name].dropna()) <= set(real[name])
        assert_close_shares(shares(strack_group(largest[name])), shares(strack_group(real[name])), 0.015)


@pytest.mark.uci
def test_the_real_table_has_these_numbers_and_rank_correlations(largest, real):
    right_unit = largest["discharge_disposition_id"] != "5"
    found, expected = numbers(largest[right_unit]), numbers(real)
    np.testing.assert_allclose(found.mean(), expected.mean(), rtol=0.06)
    difference = found.corr("spearman") - expected.corr("spearman")
    assert difference.abs().max(axis=None) < 0.04


@pytest.mark.parametrize("seed", range(3))
def test_about_one_in_nine_is_readmitted_within_30_days(seed):
    table = simulated.simulate(20_000, seed)
    assert 0.10 < (table["readmitted"] == "<30").mean() < 0.125
    assert (table["readmitted"] == ">30").mean() == pytest.approx(0.35, abs=0.04)


def test_an_honest_model_discriminates_as_on_the_real_table(cohort, fits):
    outcome = cohort.outcome.to_numpy()
    auroc = [roc_auc_score(outcome[fit.audited], fit.risks()[fit.audited]) for fit in fits]
    assert 0.65 < np.mean(auroc) < 0.68


@pytest.mark.parametrize("encounters", [1_000, 5_000])
def test_every_cohort_has_its_causes(encounters):
    small = simulated.load_simulated(encounters, seed=1)
    assert tuple(cause.name for cause in small.planted) == CAUSES
    for cause in small.planted:
        affected = cause.affected(small.frame).index
        assert len(cause.responsible) > 0
        assert len(set(cause.responsible)) == len(cause.responsible)
        assert set(cause.responsible) <= set(affected)


@pytest.mark.parametrize("name", [*CAUSES[:1], *CAUSES[3:]])
def test_neither_ids_nor_rows_tell_what_was_planted(cohort, name):
    affected = cohort.frame.index.isin(planted(cohort, name).affected(cohort.frame).index)
    ranks = np.flatnonzero(affected) / len(affected)
    assert ranks.mean() == pytest.approx(0.5, abs=4 / np.sqrt(12 * len(ranks)))
    patients = cohort.patients.str.removeprefix("SIM").astype(int).rank(pct=True)[affected]
    assert patients.mean() == pytest.approx(0.5, abs=4 / np.sqrt(12 * len(ranks)))


def test_children_are_few_with_one_stay_each_and_mostly_not_readmitted(cohort):
    cause = planted(cohort, "unrepresentative children")
    children = cause.affected(cohort.frame)
    assert set(children["age"]) == {"[0-10)"}
    assert 35 <= len(children) <= 50
    assert children["patient_nbr"].is_unique
    assert cohort.patients.isin(children["patient_nbr"]).sum() == len(children)
    assert 0.3 < len(cause.responsible) / len(children) < 0.4
    outcome = children["readmitted_30d"]
    assert outcome[list(cause.responsible)].eq(1).all()
    assert outcome.drop(list(cause.responsible)).mean() < 0.15


@pytest.mark.parametrize("split_seed", range(5))
def test_without_the_misrecorded_children_the_risk_of_the_others_falls(fits, split_seed):
    fit = fits[split_seed]
    frame = fit.cohort.frame
    cause = planted(fit.cohort, "unrepresentative children")
    affected = frame.index.isin(cause.affected(frame).index) & ~frame.index.isin(cause.responsible)
    children = fit.audited[affected[fit.audited]]
    before, after = fit.risks(), fit.risks_without(cause.responsible)
    threshold = np.quantile(before[fit.train], 0.9)
    home = children[fit.cohort.outcome.to_numpy()[children] == 0]
    false_alarms = home[before[home] > threshold]

    assert np.median(before[children] - after[children]) > 0.10
    assert len(false_alarms) > 0
    assert (after[false_alarms] < threshold).mean() > 0.5


def test_undoing_the_flips_mends_the_event_rate_of_the_specialty(cohort):
    cause = planted(cohort, "flipped labels at one specialty")
    recorded = cause.affected(cohort.frame)["readmitted_30d"]
    flipped = recorded.index.isin(cause.responsible)
    true = recorded.where(~flipped, 1 - recorded)
    assert 0.15 < flipped.mean() < 0.35
    assert recorded.mean() > 0.2
    assert true.mean() < 0.17


def test_flipped_labels_raise_the_risks_of_the_specialty(cohort, fits):
    cause = planted(cohort, "flipped labels at one specialty")
    fit = fits[0]
    affected = fit.audited[cohort.frame.index[fit.audited].isin(cause.affected(cohort.frame).index)]
    change = fit.risks()[affected] - fit.risks_without(cause.responsible)[affected]
    assert change.mean() > 0.05


def test_the_last_encounters_of_one_destination_have_hours_in_the_place_of_stays(cohort):
    cause = planted(cohort, "unit error at one destination")
    affected = cause.affected(cohort.frame)
    assert set(affected["discharge_disposition_id"]) == {cause.level}
    altered = affected.loc[list(cause.responsible)]
    untouched = affected.drop(altered.index)
    assert 0.35 < len(altered) / len(affected) < 0.45
    days = [rows.index.str.removeprefix("SIM").astype(int) for rows in (untouched, altered)]
    assert days[0].max() < days[1].min()  # encounter ids grow with time: a new interface, from one day on
    assert (altered["number_inpatient"] == 24 * altered["time_in_hospital"]).all()
    assert untouched["number_inpatient"].max() < 24
    assert cohort.frame["number_inpatient"].drop(altered.index).max() < 24


@pytest.mark.parametrize("split_seed", range(5))
def test_without_the_hours_the_others_of_that_destination_are_missed_no_longer(fits, split_seed):
    fit = fits[split_seed]
    frame = fit.cohort.frame
    cause = planted(fit.cohort, "unit error at one destination")
    affected = frame.index.isin(cause.affected(frame).index) & ~frame.index.isin(cause.responsible)
    patients = fit.audited[affected[fit.audited]]
    before, after = fit.risks(), fit.risks_without(cause.responsible)
    threshold = np.quantile(before[fit.train], 0.9)
    event = patients[fit.cohort.outcome.to_numpy()[patients] == 1]
    missed = event[before[event] < threshold]

    assert np.mean(after[patients] - before[patients]) > 0.10
    assert len(missed) > 0
    assert (after[missed] >= threshold).mean() > 0.4


def test_the_copied_records_differ_in_their_ids_alone(raw, cohort):
    cause = planted(cohort, "copied records")
    content = raw.drop(columns=IDS)
    copied = raw["encounter_id"].isin(cause.responsible)
    assert copied.sum() == 15
    assert len(content[copied].drop_duplicates()) == 1
    assert raw.loc[copied, "patient_nbr"].nunique() == 15
    assert set(content.loc[copied, "readmitted"]) == {"<30"}
    twins = content.fillna("missing").eq(content[copied].iloc[0].fillna("missing")).all(axis=1)
    assert twins.sum() == 15
    assert cause.affected(cohort.frame).index.isin(cause.responsible).mean() < 0.75
