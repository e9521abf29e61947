"""Subgroups unrelated to the losses are rarely confirmed, though the encounters of a patient are alike."""

import numpy as np
import pandas as pd
import pytest

from clinflu.analysis.groupings import Grouping
from clinflu.analysis.slices import SearchOptions, weak_subgroups
from clinflu.analysis.slices.items import errors
from clinflu.data import CohortSchema, FeatureSpec, Provenance, build_cohort
from clinflu.study import Study

STUDIES, REPEATS = 8, 160
VARIABLES = 6
PATIENTS, MOST_ENCOUNTERS = 1_000, 4


def unrelated_study(seed):
    """A study whose patients differ in what the model does not know, so that their own losses are alike."""
    rng = np.random.default_rng([3, seed])
    of = np.repeat(np.arange(PATIENTS), rng.integers(1, MOST_ENCOUNTERS + 1, PATIENTS))
    n = len(of)
    known = rng.normal(size=n)
    margin = -1.8 + 0.8 * known + rng.normal(0.0, 1.5, PATIENTS)[of]
    rows = pd.DataFrame(
        {
            "encounter": [f"e{at}" for at in range(n)],
            "patient": [f"p{at}" for at in of],
            "known": known,
            "outcome": (rng.random(n) < 1.0 / (1.0 + np.exp(-margin))).astype(float),
        }
    )
    schema = CohortSchema("encounter", "patient", "outcome", (FeatureSpec("known", "Known"),))
    return Study.fit(build_cohort(rows, schema, Provenance("null", "0" * 64, "none", n, simulated=True))), of


@pytest.fixture(scope="module")
def unrelated_studies():
    return [unrelated_study(seed) for seed in range(STUDIES)]


def random_groupings(seed, of):
    """Variables of the patient, drawn without regard to anything."""
    rng, found = np.random.default_rng([5, seed]), []
    for at in range(VARIABLES):
        size = int(rng.integers(2, 5))
        codes = rng.choice(size, PATIENTS, p=rng.dirichlet(np.full(size, 3.0)))[of]
        found.append(Grouping(f"g{at}", f"G{at}", tuple("abcd"[:size]), codes.astype(np.intp)))
    return tuple(found)


@pytest.mark.thorough
@pytest.mark.parametrize("criterion", ["loss", "beyond_risk"])
def test_subgroups_drawn_at_random_are_rarely_confirmed(unrelated_studies, criterion):
    wrong, p = 0, []
    for repeat in range(REPEATS):
        study, of = unrelated_studies[repeat % STUDIES]
        found = weak_subgroups(study, random_groupings(repeat, of), SearchOptions(criterion=criterion))
        wrong += bool(found.confirmed)
        p += [one.p for one in found.found if np.isfinite(one.p)]
    assert len(p) > 5 * REPEATS
    assert wrong < 0.1 * REPEATS
    assert 0.02 < np.mean(np.array(p) < 0.05) < 0.07


def test_errors_that_take_encounters_for_patients_would_be_too_small(unrelated_studies):
    """The patients of these studies are alike enough for the test above to tell the two apart."""
    ratios = []
    for study, of in unrelated_studies:
        for one in weak_subgroups(study, random_groupings(0, of)).found:
            rows = study.split.confirm
            value, inside = errors(study, rows, "loss"), one.inside[rows]
            alone = np.sqrt(sum(value[side].var() / side.sum() for side in (inside, ~inside)))
            ratios.append((one.high - one.low) / (2 * 1.959964 * alone))
    assert np.nanmean(ratios) > 1.1
