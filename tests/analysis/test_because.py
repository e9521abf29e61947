"""The sentence names what both records share where that carries the effect, and says so where nothing does."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from clinflu import Audit
from clinflu.analysis.because import CAUTION, Pair, _recorded, _sentence, because
from clinflu.analysis.influence_on import influence_on
from clinflu.analysis.pair import GroupDecomposition, decomposition
from clinflu.data import Cohort, CohortSchema, FeatureSpec, Provenance, build_cohort
from clinflu.data.split import Split
from clinflu.errors import DataError
from clinflu.model.newton import fit_logistic
from clinflu.study import Study

SCHEMA = CohortSchema(
    encounter_id="encounter",
    patient_id="patient",
    outcome="readmitted",
    features=(
        FeatureSpec("ward", "Ward", levels=("medical", "surgical", "burns")),
        FeatureSpec("gender", "Gender", levels=("F", "M")),
        FeatureSpec("visits", "Number of visits", bounds=(0, 1000)),
        FeatureSpec("age_years", "Age", unit="years"),
    ),
)


@pytest.fixture(scope="module")
def toy():
    """A rare ward in which nearly everybody came back, and a few who visited hundreds of times."""
    rng = np.random.default_rng(3)
    n = 1500
    ward = rng.choice(["medical", "surgical"], n, p=[0.7, 0.3])
    ward[:14] = "burns"
    visits = rng.poisson(1.0, n).astype(float)
    visits[14:20] = [300, 320, 340, 360, 380, 400]
    readmitted = (rng.random(n) < 0.2).astype(int)
    readmitted[:14] = rng.random(14) < 0.8
    rows = pd.DataFrame(
        {
            "encounter": [f"e{k}" for k in range(n)],
            "patient": [f"p{k}" for k in range(n)],
            "ward": ward,
            "gender": pd.Series(rng.choice(["F", "M"], n)).mask(pd.Series(rng.random(n) < 0.004)),
            "visits": visits,
            "age_years": rng.normal(60, 15, n).round(),
            "readmitted": readmitted,
        }
    )
    return Study.fit(build_cohort(rows, SCHEMA, Provenance("toy", "0" * 64, "none", n, simulated=True)))


def names_where(study, rows, condition):
    frame = study.cohort.frame.iloc[rows]
    return list(frame.index[condition(frame)])


def of_ward(study, rows, ward):
    return names_where(study, rows, lambda frame: frame["ward"] == ward)


def test_a_rare_level_that_both_share_comes_first(toy):
    taught, audited = of_ward(toy, toy.split.train, "burns"), of_ward(toy, np.arange(len(toy.cohort.frame)), "burns")
    new = [name for name in audited if name not in taught]
    assert len(taught) > 3
    assert new
    for past in taught:
        found = because(toy, new[0], past)
        first = found.pairs[0]
        assert (first.audited_variable, first.past_variable, first.alike) == ("ward", "ward", True)
        assert (first.audited_recorded, first.past_recorded) == ("burns", "burns")
        assert f"because both were recorded as Ward burns ({100 * first.share:.0f} % of the estimate)" in found.sentence
        assert first.share > 0.8


def test_the_sentence_begins_with_the_cold_refit(toy):
    taught = of_ward(toy, toy.split.train, "burns")[0]
    audited = toy.design.encounter_ids[toy.split.audited[0]]
    for past in (taught, toy.train_ids[7], toy.train_ids[70]):
        kept = np.flatnonzero(toy.train_ids != past)
        model = fit_logistic(toy.train.x[kept], toy.train.y[kept], toy.train.weights[kept], toy.model.penalty)
        before, after = toy.x(audited) @ toy.model.theta, toy.x(audited) @ model.theta
        pp = 100 / (1 + np.exp(-after)) - 100 / (1 + np.exp(-before))
        found = because(toy, audited, past)
        assert found.margin_change_refit == pytest.approx(after - before, abs=1e-9)
        assert found.risk_change_refit_pp == pytest.approx(pp, abs=1e-7)
        size, way = re.match(
            r"Without this past encounter the refitted risk would be (\S+) percentage points (lower|higher)",
            found.sentence,
        ).groups()
        assert (float(size), way) == (pytest.approx(abs(pp), rel=0.5, abs=0.05), "lower" if pp < 0 else "higher")


def test_pairs_are_the_largest_cells_of_the_decomposition(toy):
    audited, past = toy.design.encounter_ids[toy.split.audited[5]], toy.train_ids[11]
    table = decomposition(toy, audited, past)
    found = because(toy, audited, past)
    largest = sorted(np.abs(table.to_numpy().ravel()), reverse=True)[:5]
    np.testing.assert_allclose([abs(pair.log_odds) for pair in found.pairs], largest, rtol=1e-8)
    for pair in found.pairs:
        cell = table.loc[pair.audited_variable, pair.past_variable]
        assert pair.log_odds == pytest.approx(cell, rel=1e-8)
        assert pair.share == pytest.approx(cell / table.to_numpy().sum(), rel=1e-8)


def test_unlike_values_of_one_variable_are_said_as_they_are(toy):
    visitors = names_where(toy, toy.split.train, lambda frame: frame["visits"] >= 300)
    others = names_where(toy, np.setdiff1d(np.arange(1500), toy.split.train), lambda frame: frame["visits"] >= 300)
    found = because(toy, others[0], visitors[0])
    there, here = (int(toy.cohort.frame.loc[name, "visits"]) for name in (visitors[0], others[0]))
    first = found.pairs[0]
    assert (first.audited_variable, first.past_variable, first.alike) == ("visits", "visits", False)
    assert f"through Number of visits ({there} there, {here} here; {100 * first.share:.0f} % of" in found.sentence
    assert "because both" not in found.sentence


def test_numbers_have_their_unit_and_missing_is_a_value_of_its_own(toy):
    missing = names_where(toy, np.arange(1500), lambda frame: frame["gender"].isna())
    taught = [name for name in missing if name in toy.train_ids]
    found = because(toy, next(name for name in missing if name not in taught), taught[0])
    first = found.pairs[0]
    assert (first.past_variable, first.past_recorded, first.alike) == ("gender", "missing", True)
    assert "because both were recorded as Gender missing" in found.sentence
    every = [pair for past in toy.train_ids[:40] for pair in because(toy, taught[0], past).pairs]
    ages = [pair.past_recorded for pair in every if pair.past_variable == "age_years"]
    assert ages
    assert all(re.fullmatch(r"(-?\d+|90\+) years", age) for age in ages)


def cell(share, variable="ward", other=None, recorded=("burns", "burns"), alike=None):
    other = other or variable
    same = variable == other and recorded[0] == recorded[1] if alike is None else alike
    return Pair(variable, other, variable.title(), other.title(), *recorded, same, share, share)


def sentence(pairs, estimate=1.0, refit=1.0):
    cells = pd.DataFrame([[estimate]])
    return _sentence(GroupDecomposition("a", ("b",), 0.0, cells, refit), tuple(pairs))


def test_shared_and_unlike_values_stand_apart():
    said = sentence([cell(0.8), cell(0.3, "age", recorded=("9", "7")), cell(-0.3, "gender", recorded=("F", "F"))])
    assert "because both were recorded as Ward burns (80 % of the estimate) and through Age (7 there, 9 here; " in said
    assert said.endswith("; against it works Gender (F in both; −30 % of the estimate).")
    assert CAUTION not in said


def test_the_past_value_goes_with_the_past_variable():
    said = sentence([cell(0.9, "age", "visits", recorded=("7 years", "40"))])
    assert "through Visits (40 there) with Age (7 years here; 90 % of the estimate)." in said


def test_a_few_together_are_named_as_such():
    said = sentence([cell(0.3), cell(0.2, "age", recorded=("1", "2")), cell(0.15, "gender", recorded=("F", "M"))])
    assert ", mainly because both were recorded as Ward burns (30 % of the estimate) and through Age (2 there" in said
    assert "15 %" in said


def test_where_no_few_cells_carry_it_the_sentence_says_so():
    said = sentence([cell(0.2), cell(0.1, "age"), cell(-0.1, "gender"), cell(0.1, "team")])
    assert "; no few recorded values carry this: the largest part comes because both were recorded as Ward" in said


def test_parts_that_cancel_are_not_read_alone():
    assert sentence([cell(7.5), cell(-4.3, "age")]).endswith(f"{CAUTION}.")
    against = sentence([cell(-18.9), cell(10.9, "age")])
    assert (
        "no few recorded values carry this: the largest part, Ward (burns in both; −1890 % of the estimate)" in against
    )
    assert "because" not in against


@pytest.mark.parametrize("refit", [-1.0, 0.4, 2.1])
def test_nothing_is_named_where_the_refit_does_not_confirm_the_estimate(refit):
    said = sentence([cell(0.9)], refit=refit)
    assert "too far from this refit" in said
    assert "Ward" not in said
    assert sentence([cell(0.9)], estimate=-1.0, refit=-0.9).startswith("Without this past encounter the refitted")
    assert "Ward" in sentence([cell(0.9)], estimate=-1.0, refit=-0.9)


def test_no_refit_and_no_effect_are_said():
    assert sentence([cell(0.9)], refit=np.nan) == "Without this past encounter the model cannot be fitted at all."
    assert "would be the same" in sentence([cell(0.0)], estimate=0.0, refit=0.0)


def test_an_effect_too_small_to_notice_is_not_explained():
    said = sentence([cell(3.9), cell(-2.9, "age")], estimate=3e-4, refit=3e-4)
    assert said == (
        "Without this past encounter the refitted risk would be higher by less than 0.01 percentage points: no "
        "noticeable effect."
    )
    assert "lower by less than 0.01" in sentence([cell(0.9)], estimate=-3e-4, refit=-3e-4)
    assert "Ward" in sentence([cell(0.9)], estimate=5e-4, refit=5e-4)  # 0.0125 percentage points


def test_one_day_is_not_days():
    spec = FeatureSpec("stay", "Stay", unit="days")
    schema = replace(SCHEMA, features=(spec,))
    study = SimpleNamespace(cohort=SimpleNamespace(schema=schema))
    recorded = [_recorded(study, pd.Series({"stay": days}), "stay") for days in (1.0, 2.0, 0.0, -1.0)]
    assert recorded == ["1 day", "2 days", "0 days", "-1 days"]


def test_planted_causes_come_first(simulated_audit):
    """For a new patient whom a cause distorts, the altered encounter that weighs most does so by what was planted."""
    study = simulated_audit.study
    audited = study.design.encounter_ids[study.split.audited]
    for cause in study.cohort.planted:
        taught = study.training_positions(list(cause.responsible))
        taught = taught[taught >= 0]
        wrong = [name for name in cause.affected(study.cohort.frame).index if name in audited][:3]
        assert wrong
        for name in wrong:
            strongest = taught[np.argmax(np.abs(influence_on(study, name).margin_change[taught]))]
            found = because(study, name, study.train_ids[strongest])
            assert any(
                pair.alike and pair.past_variable == cause.variable and pair.past_recorded == cause.level
                for pair in found.pairs[:2]
            ), found.pairs


def test_children_come_first_among_the_planted_children(simulated_audit):
    """Unless both also share a specialty that few others have: then that and the age band, in either order."""
    study = simulated_audit.study
    frame = study.cohort.frame
    cause = next(one for one in study.cohort.planted if (one.variable, one.level) == ("age", "[0-10)"))
    name = simulated_audit.example()
    assert frame.loc[name, "age"] == "[0-10)"
    taught = [past for past in cause.responsible if past in study.train_ids]
    seen = set()
    for past in taught:
        found = because(study, name, past)
        same_specialty = frame.loc[past, "medical_specialty"] == frame.loc[name, "medical_specialty"]
        seen.add(same_specialty)
        ages = [(pair.past_variable, pair.past_recorded, pair.alike) == ("age", "[0-10)", True) for pair in found.pairs]
        assert any(ages[:2]) if same_specialty else ages[0], found.pairs
        assert found.pairs[0].share < 0 or "Age [0-10) (" in found.sentence
    assert False in seen


@pytest.mark.uci
def test_the_four_children_of_the_case_study_matter_because_they_are_children(uci_table, uci_protocol):
    """Koh & Liang (2017), section 5.3: no intercept, no encoder, the published 127 columns."""
    from clinflu.analysis.case_study import AUDITED_POSITION, CATEGORIES, LAM_MEAN, NUMBERS

    raw, protocol = uci_table[0], uci_protocol
    specs = [FeatureSpec(name, name) for name in NUMBERS]
    specs += [FeatureSpec(name, "Age" if name == "age" else name, levels=()) for name in CATEGORIES]
    frame = raw.assign(readmitted_30d=(raw["readmitted"] == "<30").astype(int), patient=raw["encounter_id"])
    frame = frame.set_index(frame["encounter_id"].astype(str))
    design = replace(protocol.design, encounter_ids=frame.index)
    schema = CohortSchema("encounter_id", "patient", "readmitted_30d", tuple(specs))
    cohort = Cohort(frame, schema, Provenance("uci", "0" * 64, "none", len(frame)))
    train = design.take(protocol.modified)
    penalty = np.full(len(design.columns), len(train.y) * LAM_MEAN)
    model = fit_logistic(train.x, train.y, train.weights, penalty)
    study = Study(cohort, design, model, Split(protocol.modified, protocol.test, protocol.test[:0]), 2)

    audited = design.encounter_ids[protocol.test[AUDITED_POSITION]]
    children = study.train_ids[study.train_frame["age"] == "[0-10)"]
    assert len(children) == 4
    for child in children:
        found = because(study, audited, child)
        first = found.pairs[0]
        assert (first.audited_variable, first.past_variable, first.alike) == ("age", "age", True)
        assert "because both were recorded as Age [0-10) (" in found.sentence
        assert first.share > 0.5


def test_columns_of_the_models_own_are_called_that(small_cohort):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    def squared(frame):
        return pd.DataFrame({"age_years": frame["age_years"] / 50, "age squared": (frame["age_years"] / 50) ** 2})

    columns = FunctionTransformer(squared, feature_names_out=lambda *_: ["age_years", "age squared"])
    model = make_pipeline(columns, LogisticRegression(tol=1e-10, max_iter=1000))
    frame = small_cohort.frame[["age_years"]]
    study = Audit.adopt(small_cohort, model.fit(frame, small_cohort.outcome)).study
    old = small_cohort.frame["age_years"].astype(float)
    found = because(study, old.idxmin(), old.idxmax())
    own = [pair for pair in found.pairs if pair.past_variable == "age squared"]
    assert own
    assert own[0].past_recorded is None
    assert not own[0].alike
    assert own[0].past_label == "the model's own column age squared"


def test_only_a_teacher_can_be_asked_about(toy):
    with pytest.raises(DataError, match="did not teach"):
        because(toy, toy.train_ids[0], toy.design.encounter_ids[toy.split.audited[0]])
