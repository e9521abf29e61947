"""The search of weak subgroups finds the worst of all, and only what stands on other patients is confirmed."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import stdtrit

from clinflu import Audit
from clinflu.analysis.groupings import Grouping
from clinflu.analysis.slices import SearchOptions, weak_subgroups
from clinflu.analysis.slices.items import Items, errors, expected_loss
from clinflu.analysis.slices.listing import is_version
from clinflu.analysis.slices.search import RAISED, Limits, each, search
from clinflu.data import CohortSchema, FeatureSpec, Provenance, build_cohort
from clinflu.errors import DataError

REPEATS = 100


def random_items(seed, n=400, variables=4):
    rng = np.random.default_rng(seed)
    groupings = []
    for at in range(variables):
        size = int(rng.integers(2, 5))
        codes = rng.choice(size, n, p=rng.dirichlet(np.ones(size)))
        groupings.append(Grouping(f"v{at}", f"V{at}", tuple(f"l{one}" for one in range(size)), codes))
    return tuple(groupings), rng.gamma(0.5, 1.0, n) * (1 + (groupings[0].codes == 1) * (groupings[1].codes == 0))


def brute_force(items, error, limits):
    """Every conjunction of different variables by its score, the slow way."""
    above, scores = error - error.mean(), {}
    for size in range(1, limits.most_variables + 1):
        for members in combinations(range(len(items.conditions)), size):
            if len({items.variable[at] for at in members}) == size:
                inside = items.holds[:, list(members)].all(axis=1)
                if inside.sum() >= limits.least:
                    scores[members] = above[inside].sum() / (inside.sum() + limits.prior)
    return scores


def best_part(truth, members):
    """The largest score of a slice of fewer of its conditions, 0 at the least."""
    parts = (one for size in range(1, len(members)) for one in combinations(members, size))
    return max([0.0, *(truth.get(one, 0.0) for one in parts)])


@pytest.mark.parametrize("most", [1, 2, 3])
@pytest.mark.parametrize("seed", range(6))
def test_the_worst_are_those_of_a_brute_force_search(seed, most):
    groupings, error = random_items(seed)
    limits = Limits(20, 20.0, most)
    items = Items.of(groupings, np.arange(len(error)), limits.least)
    truth = brute_force(items, error, limits)
    kept = {one: score for one, score in truth.items() if len(one) == 1 or score > RAISED * best_part(truth, one)}
    levels, counted = search(items, error, limits, 20)
    found = dict(each(levels))
    assert counted.measured == len(truth)
    assert found.keys() == kept.keys()
    assert all(one.floor == -np.inf for one in levels)
    for one, score in kept.items():
        assert found[one] == pytest.approx(score, abs=1e-9)
    assert next(one for one, _ in each(levels)) == max(kept, key=kept.get)


def test_bounds_leave_out_only_what_cannot_be_among_the_worst(monkeypatch):
    monkeypatch.setattr("clinflu.analysis.slices.search.KEPT", 12)
    pruned = 0
    for seed in range(12):
        groupings, error = random_items(seed, n=1500, variables=6)
        limits = Limits(30, 30.0, 3)
        items = Items.of(groupings, np.arange(len(error)), limits.least)
        truth = brute_force(items, error, limits)
        levels, counted = search(items, error, limits, 12)
        pruned += counted.by_bound
        assert counted.measured + counted.by_bound >= len(truth)
        best = [score for _, score in each(levels)][:5]
        kept = [score for one, score in truth.items() if len(one) == 1 or score > RAISED * best_part(truth, one)]
        assert best == pytest.approx(sorted(kept, reverse=True)[:5], abs=1e-9)
    assert pruned > 0


def test_the_expected_loss_is_the_entropy_of_the_risk(simulated_audit):
    study, rows = simulated_audit.study, simulated_audit.audited_rows
    p = study.risks[rows]
    np.testing.assert_allclose(expected_loss(study, rows), -p * np.log(p) - (1 - p) * np.log1p(-p), rtol=1e-10)
    np.testing.assert_allclose(
        errors(study, rows, "beyond_risk"), errors(study, rows, "loss") - expected_loss(study, rows), atol=1e-12
    )


def planted_audit(seed, *, shift=2.0, n=20_000, plant=True):
    """An audit of a cohort in which one conjunction has more events than any variable in the model can say."""
    rng = np.random.default_rng([7, seed])
    patients = rng.integers(0, int(0.8 * n), n)
    columns = {f"v{at}": rng.choice(["a", "b", "c"], n, p=[0.5, 0.3, 0.2]) for at in range(5)}
    margin = -2.0 + 0.4 * (columns["v0"] == "b") - 0.3 * (columns["v1"] == "c") + rng.normal(0, 0.3, n)
    if plant:
        margin += shift * ((columns["v2"] == "b") & (columns["v3"] == "c"))
        margin -= 0.3 * shift * ((columns["v2"] == "b") ^ (columns["v3"] == "c"))
    rows = pd.DataFrame(
        {
            "encounter": [f"e{at}" for at in range(n)],
            "patient": [f"p{one}" for one in patients],
            **columns,
            "outcome": (rng.random(n) < 1 / (1 + np.exp(-margin))).astype(float),
        }
    )
    features = tuple(FeatureSpec(name, name.upper(), levels=()) for name in columns)
    schema = CohortSchema("encounter", "patient", "outcome", features, subgroups=tuple(columns))
    return Audit.fit(build_cohort(rows, schema, Provenance("planted.csv", "0" * 64, "table", n)), seed=seed)


@pytest.mark.parametrize("criterion", ["loss", "beyond_risk"])
@pytest.mark.parametrize("seed", range(4))
def test_a_planted_subgroup_is_the_worst_and_is_confirmed(seed, criterion):
    found = weak_subgroups(planted_audit(seed).study, options=SearchOptions(criterion=criterion))
    worst = found.found[0]
    assert {(one.key, one.level) for one in worst.conditions} == {("v2", "b"), ("v3", "c")}
    assert worst in found.confirmed
    assert worst.confirm.beyond_risk > 0


def test_the_planted_causes_that_touch_enough_encounters_are_found_and_confirmed(simulated_audit):
    """Of the four, the flipped labels and the unit error touch 69 and 38 audited encounters, the others 8 and 6."""
    found = weak_subgroups(simulated_audit.study)
    confirmed = {(condition.key, condition.level) for one in found.confirmed for condition in one.conditions}
    audited = simulated_audit.cohort.frame.iloc[simulated_audit.audited_rows]
    touched = {cause.name: len(cause.affected(audited)) for cause in simulated_audit.cohort.planted}
    large = [cause for cause in simulated_audit.cohort.planted if touched[cause.name] >= 30]
    assert len(large) == 2
    for cause in large:
        assert (cause.variable, cause.level) in confirmed


def test_all_planted_causes_are_found_where_very_few_encounters_are_asked_for(simulated_audit):
    options = SearchOptions(min_support=5, min_patients=5, most_variables=1, shown=60)
    confirmed = weak_subgroups(simulated_audit.study, options=options).confirmed
    audited = simulated_audit.audited_rows
    held = [one.inside[audited] for one in confirmed]
    for cause in simulated_audit.cohort.planted:
        frame = simulated_audit.cohort.frame
        touched = frame.index[audited].isin(cause.affected(frame).index)
        assert any(np.array_equal(touched, one) for one in held), cause.name


@pytest.mark.thorough
def test_what_is_found_where_nothing_is_planted_is_rarely_confirmed():
    """Criterion beyond the risks, in a model that is right: the share of searches that confirm anything."""
    wrong = sum(
        bool(weak_subgroups(planted_audit(seed, n=1_500, plant=False).study, options=BEYOND).confirmed)
        for seed in range(REPEATS)
    )
    assert wrong <= 0.1 * REPEATS


BEYOND = SearchOptions(criterion="beyond_risk", most_variables=2)


def test_the_error_on_the_confirming_encounters_is_that_of_clustered_regression():
    audit = planted_audit(0)
    one = weak_subgroups(audit.study).found[0]
    rows = audit.confirm_rows
    x = sm.add_constant(one.inside[rows].astype(float))
    groups = pd.factorize(audit.study.design.patient_ids[rows])[0]
    fitted = sm.OLS(errors(audit.study, rows, "loss"), x).fit(
        cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False}
    )
    assert one.confirm.excess == pytest.approx(fitted.params[1], abs=1e-12)
    reach = stdtrit(one.confirm.patients - 1, 0.975) * fitted.bse[1]
    assert one.high - one.low == pytest.approx(2 * reach, rel=2e-3)


def test_no_two_are_versions_of_one(simulated_audit):
    found = weak_subgroups(simulated_audit.study)
    rows = simulated_audit.audited_rows
    for size in (1, 2, 3):
        listed = [one for one in found.found if len(one.conditions) == size]
        for place, one in enumerate(listed):
            inside = one.inside[rows]
            alike = [worse.inside[rows] for worse in listed[:place] if worse.inside[rows].sum() <= 2 * inside.sum()]
            new = inside & ~np.any([np.zeros(len(rows), dtype=bool), *alike], axis=0)
            assert new.sum() >= 0.5 * inside.sum()
            assert inside.sum() == one.audited.encounters >= found.min_support
    assert found.set_aside > 0
    scores = [one.score for one in found.found]
    assert scores == sorted(scores, reverse=True)


def test_a_small_group_in_a_much_larger_one_is_no_version_of_it():
    """A unit error at one destination put hours into the number of stays: half its patients then seem to have many."""
    large, small, alike = np.zeros((3, 1_000), dtype=bool)
    large[:600], small[570:620], alike[300:700] = True, True, True
    assert not is_version(small, large[None], np.array([600]))
    assert is_version(alike, large[None], np.array([600]))
    assert not is_version(alike, np.empty((0, 1_000), dtype=bool), np.empty(0))


@pytest.mark.parametrize("criterion", ["loss", "beyond_risk"])
def test_the_list_is_the_same_however_few_slices_are_kept_on_the_way(simulated_audit, criterion, monkeypatch):
    options = SearchOptions(criterion=criterion, most_variables=2)
    whole = weak_subgroups(simulated_audit.study, options=options)
    monkeypatch.setattr("clinflu.analysis.slices.search.KEPT", 3)
    again = weak_subgroups(simulated_audit.study, options=options)
    assert [one.words for one in again.found] == [one.words for one in whole.found]
    assert len(whole.found) > 3


def test_no_subgroup_has_too_few_patients(simulated_audit):
    found = weak_subgroups(simulated_audit.study, options=SearchOptions(min_support=30, min_patients=60))
    assert found.found
    assert min(one.audited.patients for one in found.found) >= 60


def test_the_frame_holds_every_figure(simulated_audit):
    found = weak_subgroups(simulated_audit.study)
    frame = found.to_frame()
    assert list(frame["subgroup"]) == [one.words for one in found.found]
    assert frame["confirmed"].sum() == len(found.confirmed)
    assert "see .to_frame()" in repr(found)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"most_variables": 4}, "at most 3 variables"),
        ({"criterion": "nosuch"}, "loss and beyond_risk"),
        ({"level": 1.5}, "between 0 and 1"),
        ({"shown": 0}, "must be a whole number of 1 or more"),
        ({"min_support": 1}, "must be a whole number of 2 or more"),
    ],
)
def test_options_that_make_no_sense_are_one_line(options, words):
    with pytest.raises(DataError, match=words) as caught:
        SearchOptions(**options)
    assert "\n" not in caught.value.one_line


def test_without_any_grouping_nothing_is_found(simulated_audit):
    assert weak_subgroups(simulated_audit.study, ()).found == ()


def test_blocks_of_encounters_change_nothing(small_study, monkeypatch):
    whole = weak_subgroups(small_study)
    monkeypatch.setattr("clinflu.analysis.slices.search.BLOCK_ROWS", 50)
    again = weak_subgroups(small_study)
    assert len(whole.found) > 1
    assert again.counted == whole.counted
    pd.testing.assert_frame_equal(again.to_frame(), whole.to_frame(), rtol=1e-9)
