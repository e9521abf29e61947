"""How long the search of weak subgroups takes, which planted causes it finds, and how often it is wrong."""

import time
from collections.abc import Iterable

import numpy as np
import pandas as pd
from rows import Row, at_most, below

from clinflu.analysis.slices import SearchOptions, WeakSubgroup, WeakSubgroups, weak_subgroups
from clinflu.analysis.slices.items import CRITERIA, Criterion
from clinflu.data import CohortSchema, FeatureSpec, PlantedCause, Provenance, build_cohort
from clinflu.study import Study
from data_loaders.simulated import load_simulated

MOST_SECONDS = 10.0
SIZES, SPLITS = (20_000, 101_766), range(5)
NULLS, NULL_ENCOUNTERS = 200, 6_000
FALSE = 0.1


def weak_time_rows(study: Study) -> list[Row]:
    """Return processor time and work of the default search, by criterion."""
    found = []
    for criterion in CRITERIA:
        start = time.process_time()
        result = weak_subgroups(study, options=SearchOptions(criterion=criterion))
        seconds, counted = time.process_time() - start, result.counted
        name = f"weak subgroups, {len(study.split.audited):,} audited, {criterion}"
        found += [
            Row(f"{name}: time", seconds, "s", below(MOST_SECONDS)),
            Row(f"{name}: measured", counted.measured, "slices", digits=9),
            Row(f"{name}: left out by a bound", counted.by_bound, "slices", digits=9),
            Row(f"{name}: left out for want of support", counted.by_support, "slices", digits=9),
            Row(f"{name}: confirmed of {len(result.found)}", len(result.confirmed), "slices"),
        ]
    return found


def weak_planted_rows(sizes: Iterable[int] = SIZES, splits: Iterable[int] = SPLITS) -> list[Row]:
    """Return, by size of the cohort and cause, in what share of the splits it is found and confirmed."""
    rows, chosen = [], tuple(splits)
    for size in sizes:
        cohort = load_simulated(size)
        studies = [Study.fit(cohort, seed=seed) for seed in chosen]
        for criterion in CRITERIA:
            found = [weak_subgroups(study, options=SearchOptions(criterion=criterion)) for study in studies]
            for cause in cohort.planted:
                rows += _cause_rows(studies, found, cause, criterion)
    return rows


def _cause_rows(
    studies: list[Study], found: list[WeakSubgroups], cause: PlantedCause, criterion: Criterion
) -> list[Row]:
    frame = studies[0].cohort.frame
    others = ~frame.index.isin(cause.affected(frame).index)
    audited = [int((~others[study.split.audited]).sum()) for study in studies]
    name = f"weak subgroups, {len(frame):,} encounters, {cause.name} ({min(audited)} to {max(audited)} audited)"
    listed, confirmed = (
        sum(any(_lies_outside(one, others) for one in part) for part in parts) / len(studies)
        for parts in ([one.found for one in found], [one.confirmed for one in found])
    )
    rows = {"found": listed, "confirmed": confirmed}
    return [Row(f"{name}, {criterion}: {what}", share, "of splits") for what, share in rows.items()]


def _lies_outside(one: WeakSubgroup, others: np.ndarray) -> bool:
    """Return whether a subgroup holds none of the other encounters, whatever it is called: ages have several names."""
    return not bool((one.inside & others).any())


def weak_false_rows(searches: int = NULLS, encounters: int = NULL_ENCOUNTERS) -> list[Row]:
    """Return how often a search beyond the risks confirms anything about a model that is of the right form."""
    wrong = 0
    for seed in range(searches):
        result = weak_subgroups(_right_study(seed, encounters), options=SearchOptions(criterion="beyond_risk"))
        wrong += bool(result.confirmed)
    name = f"weak subgroups, nothing planted, {searches} cohorts of {encounters:,}: share that confirms any"
    return [Row(name, wrong / searches, "", at_most(FALSE))]


def _right_study(seed: int, encounters: int) -> Study:
    rng = np.random.default_rng([13, seed])
    columns = {f"v{at}": rng.choice(["a", "b", "c"], encounters, p=[0.5, 0.3, 0.2]) for at in range(5)}
    margin = -2.0 + 0.4 * (columns["v0"] == "b") - 0.3 * (columns["v1"] == "c")
    rows = pd.DataFrame(
        {
            "encounter": [f"e{at}" for at in range(encounters)],
            "patient": [f"p{one}" for one in rng.integers(0, int(0.8 * encounters), encounters)],
            **columns,
            "outcome": (rng.random(encounters) < 1.0 / (1.0 + np.exp(-margin))).astype(float),
        }
    )
    features = tuple(FeatureSpec(name, name.upper(), levels=()) for name in columns)
    schema = CohortSchema("encounter", "patient", "outcome", features, subgroups=tuple(columns))
    source = Provenance("right", "0" * 64, "none", encounters, simulated=True)
    return Study.fit(build_cohort(rows, schema, source))
