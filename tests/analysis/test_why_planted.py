"""What a simulator planted in a group is found, said so, and nothing is said where nothing was planted."""

from dataclasses import replace

import numpy as np
import pytest

from clinflu.analysis.groupings import grouping, groupings
from clinflu.analysis.why import Members, WhyOptions, why
from clinflu.data.shown import shown
from clinflu.study import Study


@pytest.fixture(scope="module")
def study(simulated_audit):
    return simulated_audit.study


@pytest.fixture(scope="module")
def mended(study):
    """The same model, judged on encounters whose exchanged labels are put right."""
    cause = planted(study, "flipped labels at one specialty")
    frame, outcome = study.cohort.frame.copy(), study.cohort.schema.outcome
    judged = frame.index[np.concatenate([study.split.audited, study.split.confirm])]
    wrong = judged.intersection(list(cause.responsible))
    assert len(wrong) > 20
    frame.loc[wrong, outcome] = 1 - frame.loc[wrong, outcome]
    found = Study.fit(replace(study.cohort, frame=frame))
    np.testing.assert_array_equal(found.model.theta, study.model.theta)
    return found


def planted(study, name):
    return next(cause for cause in study.cohort.planted if cause.name == name)


def asked(study, name, **options):
    cause = planted(study, name)
    one = grouping(study, cause.variable)
    level = one.levels.index(shown(study.cohort.schema.feature(cause.variable), cause.level))
    return why(study, Members.of(one, level), by=groupings(study), options=WhyOptions(**options))


@pytest.mark.parametrize("part", ["audited", "confirm"])
def test_exchanged_labels_are_traced_to_their_own_training_group_on_true_outcomes(mended, part):
    found = asked(mended, "flipped labels at one specialty", part=part)
    worst = found.groups.harmful[0]
    assert worst.is_own
    assert worst.level == "Nephrology"
    np.testing.assert_allclose(worst.estimate, worst.refit.loss_change, rtol=0.05)
    assert worst.refit.loss_change < -0.03
    assert worst.refit.check["log_loss"].change < -0.03
    assert found.excess.o_e < 0.7
    assert found.excess.p_level < 0.01
    assert found.finding == "confirmed"
    assert "Its level rests on the training group Specialty: Nephrology" in found.words
    assert "say the same" in found.words


def test_on_the_recorded_outcomes_the_same_group_is_named_and_said_not_to_be_confirmed(study):
    found = asked(study, "flipped labels at one specialty")
    assert found.groups.harmful[0].is_own
    assert found.groups.harmful[0].refit.check["log_loss"].change > 0
    assert found.finding == "not confirmed"
    assert "do not confirm it" in found.words
    assert found.words.endswith("Nothing tried with its own training encounters lowers its loss beyond chance.")


def test_a_unit_error_is_carried_by_its_variable(study):
    found = asked(study, "unit error at one destination")
    assert found.gap.parts[0].variable == "number_inpatient"
    assert found.gap.parts[0].share > 0.9
    assert found.harm_of_patients.parts[0].variable == "number_inpatient"
    assert found.harm_of_patients.parts[0].share > 0.5
    assert found.finding == "unexplained"
    assert "most through Inpatient stays, year before" in found.words
    assert "No training group explains this" in found.words
    five = next(one.consequence for one in found.remedies if one.label.endswith("weighted 5 times"))
    assert max(five.group["log_loss"].high, five.check["log_loss"].high) < 0
    assert "What would help: its own training encounters weighted 5 times." in found.words


@pytest.mark.thorough
def test_where_nothing_is_planted_hardly_anything_is_confirmed(study):
    rng = np.random.default_rng(0)
    by = groupings(study, ("gender", "race", "age_group", "medical_specialty"))
    options = WhyOptions(strongest=0, together=(10,), upweighted=())
    findings = []
    for _ in range(8):
        mask = rng.random(len(study.design.y)) < 0.1
        findings.append(why(study, Members.where(mask, "drawn at random"), by=by, options=options).finding)
    assert findings.count("not worse") >= 7
    assert "confirmed" not in findings


def test_nobody_is_named_in_the_words(study):
    found = asked(study, "copied records")
    ids = {*study.cohort.frame.index, *study.cohort.patients}
    assert not any(word.strip(".,:;()") in ids for word in found.words.split())
    assert "rows=" not in repr(found)
