"""How well each way to rank past encounters puts the planted cause of an error first."""

from collections.abc import Iterable

import pandas as pd
from rows import Row, at_least, at_most

from clinflu.analysis.ranking import RANKINGS, PlantedRanking, planted_ranking
from clinflu.study import Study
from data_loaders.simulated import load_simulated

ENCOUNTERS = 20_000
REFITTED_ENCOUNTERS = 5_000
SPLITS = range(5)
REFITTED_SEEDS = range(5)
ESTIMATES = tuple(name for name in RANKINGS if name != "refit")
REMOVAL = "removal effect"
LEAST_MEAN, LEAST_WORST = 0.5, 0.25  # average precision of the removal effect, over the causes
MOST_APART = 0.02


def planted_rows(encounters: int = ENCOUNTERS, splits: Iterable[int] = SPLITS) -> list[Row]:
    """Judge every estimate on the default cohort, the audited encounters of several splits together."""
    cohort = load_simulated(encounters)
    ranking = together(planted_ranking(Study.fit(cohort, seed=split), methods=ESTIMATES) for split in splits)
    return rows_of(ranking, "planted")


def planted_refit_rows(
    encounters: int = REFITTED_ENCOUNTERS, seeds: Iterable[int] = REFITTED_SEEDS, methods: tuple[str, ...] = ("refit",)
) -> list[Row]:
    """Judge refits without each training encounter beside the estimates, on smaller cohorts."""
    studies = (Study.fit(load_simulated(encounters, seed), seed=seed) for seed in seeds)
    ranking = together(planted_ranking(study, methods=(*methods, REMOVAL)) for study in studies)
    table = ranking.summary["average_precision"].unstack("method")
    apart = float((table["refit"] - table[REMOVAL]).abs().max())
    name = f"planted, {encounters:,} encounters: average precision, removal effect - refit, largest of the causes"
    return [*rows_of(ranking, f"planted, {encounters:,} encounters"), Row(name, apart, "", at_most(MOST_APART))]


def together(rankings: Iterable[PlantedRanking]) -> PlantedRanking:
    """Pool the audited encounters of several studies."""
    return PlantedRanking(pd.concat([one.frame for one in rankings], ignore_index=True))


def rows_of(ranking: PlantedRanking, title: str) -> list[Row]:
    """Return the average precision of each method for each cause, its mean and its worst over the causes."""
    table = ranking.summary["average_precision"].unstack("cause")
    rows = []
    for method in ranking.frame["method"].unique():
        least = {"mean": at_least(LEAST_MEAN), "worst": at_least(LEAST_WORST)} if method == REMOVAL else {}
        found = table.loc[method]
        rows += [Row(f"{title}: {cause}: {method}", float(value), "AP") for cause, value in found.items()]
        rows.append(Row(f"{title}: mean of the causes: {method}", float(found.mean()), "AP", least.get("mean")))
        rows.append(Row(f"{title}: worst of the causes: {method}", float(found.min()), "AP", least.get("worst")))
    return rows
