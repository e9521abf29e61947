"""How often the intervals of the subgroup table hold the truth, over samples of patients from a known population."""

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache, partial
from multiprocessing import get_context

import numpy as np
import pandas as pd
from rows import Bar, Row

from clinflu.analysis.groupings import Grouping
from clinflu.analysis.subgroups import MEASURES, Bootstrap, subgroup_table
from clinflu.analysis.subgroups.judged import Judged, Members
from clinflu.analysis.subgroups.table import exact

SAMPLES, REPLICATES, WORKERS = 2_000, 400, 2
TRUTH_OF = 1_000_000  # patients of the population
FEWEST_SHOWN = 0.95  # of the samples
KEYS = ["group", "measure", "figure"]


@dataclass(frozen=True)
class Group:
    """A group of patients: how many of the population, and how the model fails it.

    Parameters
    ----------
    name : str
    share : float
    intercept, slope : float
        Of the true log-odds against the predicted ones, both counted from their usual value, before what the model
        does not know is added.
    shift : float
        Of the predicted log-odds.
    """

    name: str
    share: float
    intercept: float
    slope: float
    shift: float = 0.0


GROUPS = (
    Group("25 events", 0.045, 0.0, 0.7, 0.1),
    Group("30 events", 0.045, 0.0, 1.2, 0.1),
    Group("60 events", 0.082, 0.3, 1.0),
    Group("150 events", 0.286, -0.3, 0.8, 0.3),
    Group("all others", 0.542, 0.0, 0.9),
)


@dataclass(frozen=True)
class Population:
    """Patients with one to four encounters, which resemble each other in risk and in outcome.

    Parameters
    ----------
    groups : tuple of Group
        A patient is in one of them.
    patients : int
        In a sample.
    mean, between_sd, within_sd : float
        Of the predicted log-odds: mean, and standard deviation of patients and of the encounters of one.
    effect_sd : float
        Standard deviation of what the model does not know of a patient, log-odds.
    threshold : float
    acute : float
        Share of the encounters, not of the patients, in the first group of a second grouping.
    most : int
        Encounters of a patient at the most.
    """

    groups: tuple[Group, ...] = GROUPS
    patients: int = 2200
    mean: float = -2.3
    between_sd: float = 0.6
    within_sd: float = 0.4
    effect_sd: float = 0.7
    threshold: float = 0.2
    acute: float = 0.3
    most: int = 4
    names: tuple[str, ...] = field(default=("acute", "planned"))

    def draw(self, rng: np.random.Generator, patients: int) -> tuple[Judged, tuple[Grouping, ...]]:
        """Return the encounters of some patients, and both groupings of them."""
        shares = np.array([one.share for one in self.groups])
        group = rng.choice(len(shares), patients, p=shares / shares.sum())
        of = np.repeat(np.arange(patients), rng.integers(1, self.most + 1, patients))
        n, code = len(of), group[of]
        intercept, slope, shift = (
            np.array([getattr(one, name) for one in self.groups])[code] for name in ("intercept", "slope", "shift")
        )
        severity = rng.normal(0.0, self.between_sd, patients)[of] + rng.normal(0.0, self.within_sd, n)
        margin = self.mean + shift + severity
        acute = rng.random(n) < self.acute
        unknown = rng.normal(0.0, self.effect_sd, patients)[of] + 0.3 * acute
        logit = self.mean + intercept + slope * (margin - self.mean) + unknown - 0.3
        y = (rng.random(n) < 1.0 / (1.0 + np.exp(-logit))).astype(float)
        by_patient = Grouping("group", "Group", tuple(one.name for one in self.groups), code.astype(np.intp))
        by_encounter = Grouping("kind", "Kind", self.names, np.where(acute, 0, 1).astype(np.intp))
        return Judged(np.arange(n), y, margin, of, self.threshold), (by_patient, by_encounter)

    def sample(self, seed: int) -> tuple[Judged, tuple[Grouping, ...]]:
        """Return the sample of this seed."""
        return self.draw(np.random.default_rng([7, seed]), self.patients)


@lru_cache(maxsize=4)
def truth(population: Population, patients: int) -> dict[tuple[str, str, str], float]:
    """Return every figure of the population, as (group, measure, ``"value"`` or ``"difference"``)."""
    judged, groupings = population.draw(np.random.default_rng(12345), patients)
    found = {}
    for one in groupings:
        for code, level in enumerate(one.levels):
            inside, outside = (exact(Members(judged, mask)) for mask in (one.codes == code, one.codes != code))
            for name in MEASURES:
                found[level, name, "value"] = inside[name]
                found[level, name, "difference"] = inside[name] - outside[name]
    return found


def intervals(population: Population, replicates: int, seed: int) -> list[tuple[str, str, str, float, float, float]]:
    """Return group, measure, figure, value and interval (NaN where withheld) in the sample of a seed.

    Of a figure the interval that counts patients, as a report gives it.
    """
    judged, groupings = population.sample(seed)
    table = subgroup_table(judged, groupings, Bootstrap(replicates, seed))
    values = [
        (one.level, name, "value", found.value, found.patient_low, found.patient_high)
        for one in table.groups
        for name, found in one.estimates.items()
    ]
    return values + [
        (one.level, name, "difference", found.value, found.low, found.high)
        for one in table.groups
        for name, found in one.differences.items()
    ]


def covered(
    seeds: Iterable[int],
    replicates: int,
    workers: int = 1,
    population: Population | None = None,
    truth_of: int = TRUTH_OF,
) -> pd.DataFrame:
    """Return, by group, measure and figure, how often there was an interval and how often it held the truth.

    Columns ``shown``, ``coverage``, and ``below`` and ``above``: how often the truth was under and over the interval.

    Parameters
    ----------
    seeds : iterable of int
        Of the samples.
    replicates : int
        Of the bootstrap of each sample.
    workers : int
        Processes.
    population : Population, optional
    truth_of : int
        Patients of the population from whom the truth is computed.
    """
    population = population or Population()
    expected = truth(population, truth_of)
    work = partial(intervals, population, replicates)
    if workers > 1:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            found = list(pool.map(work, seeds, chunksize=10))
    else:
        found = [work(seed) for seed in seeds]
    frame = pd.DataFrame([row for one in found for row in one], columns=[*KEYS, "value", "low", "high"])
    frame["truth"] = [expected[key] for key in zip(*(frame[key] for key in KEYS), strict=True)]
    frame["shown"] = frame["low"].notna()
    kept = frame[frame["shown"]].assign(
        below=lambda rows: rows["truth"] < rows["low"], above=lambda rows: rows["truth"] > rows["high"]
    )
    summary = kept.groupby(KEYS, sort=False)[["below", "above"]].mean()
    shown = frame.groupby(KEYS, sort=False)["shown"].mean()
    return summary.assign(coverage=1.0 - summary.sum(axis=1), shown=shown)


def coverage(
    samples: int = SAMPLES, replicates: int = REPLICATES, workers: int = WORKERS, population: Population | None = None
) -> pd.DataFrame:
    """Measure the coverage of 95 % intervals, print it by measure and group, and return it."""
    found = covered(range(samples), replicates, workers, population)
    for figure, part in found.groupby("figure", sort=False):
        print(f"\ncoverage of 95 % intervals, {figure}; {samples:,} samples of {replicates} replicates each")
        for name in ("coverage", "shown"):
            print(f"{name}:", part[name].unstack("group", sort=False).round(3).to_string(), sep="\n")
    return found


def coverage_rows(samples: int = SAMPLES, replicates: int = REPLICATES, workers: int = WORKERS) -> list[Row]:
    """Return the lowest and the highest coverage of each measure over the groups.

    With one to four encounters a patient, and with one. A group near the minimum of events is left out where its
    figures are often withheld: those that are left had more events than usual, so that low ones are not missed.
    """
    spread = 2.0 * float(np.sqrt(0.05 * 0.95 / samples))
    bar = Bar("0.93 to 0.97, +- 2 se", lambda figure: 0.93 - spread <= figure <= 0.97 + spread)
    rows = []
    for title, population in (("clustered", Population()), ("one a patient", Population(patients=5500, most=1))):
        found = coverage(samples, replicates, workers, population)
        kept = found[found["shown"] >= FEWEST_SHOWN]["coverage"]
        for (measure, figure), part in kept.groupby(["measure", "figure"], sort=False):
            for which, value in (("lowest", part.min()), ("highest", part.max())):
                rows.append(Row(f"coverage, {title}, {measure}, {figure}: {which}", float(value), "", bar))
    return rows
