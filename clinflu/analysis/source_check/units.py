"""Numbers of which some look as if they were recorded in another unit."""

from dataclasses import dataclass

import numpy as np

from clinflu.analysis.source_check.clusters import Cluster, clusters
from clinflu.analysis.source_check.coded import Coded, enough_patients, numbers_of, patient_codes
from clinflu.data.arrays import Flags, Vector
from clinflu.data.cohort import Cohort
from clinflu.influence.result import PERCENT

FACTORS = (
    (10.0, "a decimal point, or a unit ten times smaller", ()),
    (100.0, "per cent and shares, or metres and centimetres", ()),
    (1440.0, "days and minutes", ()),
    (1000.0, "a unit a thousand times smaller, as g and mg", ()),
    (1e6, "a unit a million times smaller, as per L and per µL", ()),
    (24.0, "days and hours", ()),
    (60.0, "hours and minutes, or minutes and seconds", ()),
    (12.0, "years and months", ()),
    (7.0, "weeks and days", ()),
    (365.25, "years and days", ()),
    (2.2046, "kilograms and pounds", ("weight", "mass")),
    (2.54, "inches and centimetres", ("height", "length", "waist")),
    (2.664, "°C and °F", ("temp",)),
    (88.4, "mg/dL and µmol/L of creatinine", ("creat",)),
    (18.02, "mmol/L and mg/dL of glucose", ("gluc", "sugar")),
    (38.67, "mmol/L and mg/dL of cholesterol", ("chol", "ldl", "hdl")),
    (17.1, "mg/dL and µmol/L of bilirubin", ("bili",)),
    (2.801, "mmol/L and mg/dL of urea nitrogen", ("bun", "urea")),
    (7.501, "kPa and mmHg", ("pressure", "pco2", "po2", "paco2", "pao2")),
)
WHOLE_FACTORS = (1440, 60, 24)
TOLERANCE, NOISE, LARGEST_TOLERANCE = 0.08, 3.0, 0.25
ALIKE = 2.5
ONE_VALUE = 0.9
MOST_OF_IT, OFTENER = 0.8, 4.0


@dataclass(frozen=True, slots=True)
class Suspicious:
    """Values of one variable that cannot be, or that look as if they meant something else.

    Parameters
    ----------
    kind : str
        ``"unit"``, ``"code"``, ``"apart"``, ``"negative"``, ``"bounds"``, ``"age"`` or ``"separator"``.
    says : str
        What is wrong, to be read after the label of the variable.
    ratio : float, optional
        Of two clusters: the median of the smaller over that of the rest.
    where : str, optional
        The level of another variable that most of them share, and few of the rest.
    """

    name: str
    label: str
    kind: str
    says: str
    encounters: int
    percent_of_recorded: float
    ratio: float | None = None
    where: str | None = None


def other_units(cohort: Cohort, columns: list[Coded]) -> tuple[Suspicious, ...]:
    """Return the numbers that fall into two clusters, and which change of unit lies between them, if one does.

    Parameters
    ----------
    cohort : Cohort
    columns : list of Coded
        Every recorded variable, in which what the smaller cluster shares is looked for.

    Notes
    -----
    A cluster is found where it is at least 11 patients, 0.1 % of the positive values, a factor of 1.8 and three
    spreads of the main body away, with a valley between; see :mod:`clinflu.analysis.source_check.clusters`. Units that
    differ by less than about six standard deviations of the logarithms go unnoticed. A factor is named where the ratio
    of the medians is within 8 % of it, or more where few values leave it less sure, and both clusters are about as
    wide; 1440, 60 and 24 also where every value of the smaller cluster is a multiple. One single value far below the
    rest is where counts and limits of detection begin, as 1 laboratory test does, and is not told.
    """
    patients = patient_codes(cohort)
    found = []
    for column in columns:
        if not column.spec.is_number:
            continue
        numbers = numbers_of(cohort, column.spec)
        found += [
            _suspicious(column, numbers, one, columns)
            for one in clusters(numbers)
            if enough_patients(patients, one.rows) and not _is_floor(numbers, one)
        ]
    return tuple(found)


def _suspicious(column: Coded, numbers: Vector, cluster: Cluster, columns: list[Coded]) -> Suspicious:
    kind, what = _explained(numbers, cluster, f"{column.spec.name} {column.spec.label}".casefold())
    place = f"{_short(cluster.ratio)} times" if cluster.ratio >= 1 else f"one {_short(1 / cluster.ratio)}th of"
    return Suspicious(
        name=column.spec.name,
        label=column.spec.label,
        kind=kind,
        says=f"a second cluster lies at {place} the rest: {what}",
        encounters=int(cluster.rows.sum()),
        percent_of_recorded=PERCENT * float(cluster.rows.sum() / np.isfinite(numbers).sum()),
        ratio=cluster.ratio,
        where=_shared(cluster.rows, [one for one in columns if one is not column]),
    )


def _short(times: float) -> str:
    return f"{times:,.0f}" if times >= PERCENT else f"{times:.3g}"


def _explained(numbers: Vector, cluster: Cluster, words: str) -> tuple[str, str]:
    values = numbers[cluster.rows]
    if _is_one_value(values):
        return "code", "almost all of it is one value, as a code for something else would be"
    if cluster.ratio > 1 and (whole := _whole_factor(values, numbers[np.isfinite(numbers) & ~cluster.rows])):
        return "unit", f"each of its values is a multiple of {whole}, as {_named(float(whole))} would give"
    factor = _factor(cluster, words)
    if factor is None:
        return "apart", "no known unit differs by that factor"
    return "unit", f"it looks like another unit (a factor of {factor:g}: {_named(factor)})"


def _is_floor(numbers: Vector, cluster: Cluster) -> bool:
    return cluster.ratio < 1 and _is_one_value(numbers[cluster.rows])


def _is_one_value(values: Vector) -> bool:
    _, counts = np.unique(values, return_counts=True)
    return bool(counts.max() >= ONE_VALUE * len(values))


def _whole_factor(values: Vector, rest: Vector) -> int | None:
    """Return the factor that divides every value of the cluster, but not those of the rest."""
    for factor in WHOLE_FACTORS:
        if (values % factor == 0).all() and (rest[rest > 0] % factor == 0).mean() < 0.5:
            return factor
    return None


def _factor(cluster: Cluster, words: str) -> float | None:
    """Return the known factor that is nearest to the ratio, one whose quantity the label names before all others."""
    if not 1 / ALIKE <= cluster.spread_ratio <= ALIKE:
        return None
    tolerance = min(TOLERANCE + NOISE * cluster.noise, LARGEST_TOLERANCE)
    off = {factor: abs(abs(np.log(cluster.ratio)) - np.log(factor)) for factor, _, _ in FACTORS}
    near = [one for one in FACTORS if off[one[0]] <= tolerance]
    rank = {True: 0, False: 2}
    chosen = sorted(near, key=lambda one: (rank[any(word in words for word in one[2])] if one[2] else 1, off[one[0]]))
    return chosen[0][0] if chosen else None


def _named(factor: float) -> str:
    return next(what for one, what, _ in FACTORS if one == factor)


def _shared(rows: Flags, columns: list[Coded]) -> str | None:
    """Return the level that at least 80 % of some encounters have, and four times more often than the others."""
    best, said = OFTENER, None
    for column in (one for one in columns if one.spec.is_category):
        inside, outside = column.counts(rows) / rows.sum(), column.counts(~rows) / max(1, (~rows).sum())
        top = int(inside.argmax())
        if inside[top] >= MOST_OF_IT and column.named[top] and inside[top] >= best * outside[top]:
            best, said = inside[top] / max(outside[top], 1e-12), f"{column.spec.label}: {column.names[top]}"
    return said
