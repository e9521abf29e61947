"""The fewest patients that flip a prediction: how few, beside the additive estimate, how surely and how fast."""

import time
from dataclasses import dataclass
from statistics import median

import numpy as np
from problems import SEED, Problem
from rows import Row, at_least, at_most, below

from clinflu.influence.flipset import Crossing
from clinflu.influence.flipset_search import Budget, find_flip_set
from clinflu.model.logistic import risk
from clinflu.model.newton import fit_logistic
from clinflu.study import ALERT_PERCENTILE

AUDITED = 200
NEAR = 1.0  # log-odds from the threshold
BUDGET_S = 30.0  # beyond the bar, so that a slow search is seen as one
PRODUCTS = 10
NOT_FOUND = np.inf


@dataclass(frozen=True)
class Searched:
    """One audited row: the size found, that of the additive estimate, and what it took."""

    size: float
    surrogate: float
    verified_cold: bool
    minimal: bool
    seconds: float
    products: float


def flipset_rows(problem: Problem, x_test: np.ndarray, *, audited: int = AUDITED, relabel: bool = False) -> list[Row]:
    """Search for the flip sets of random test rows within 1.0 of the 90th percentile of the training risks."""
    train = problem.train
    train.leverage  # noqa: B018 computed once for all predictions
    limit = float(np.percentile(train.risk, ALERT_PERCENTILE))
    threshold = float(np.log(limit / (1 - limit)))
    chosen = _near(x_test, x_test @ train.model.theta - threshold, audited)
    found = [_search(problem, row, threshold, relabel=relabel) for row in chosen]
    name = f"flip sets, {problem.title}, {'relabelling' if relabel else 'removal'}"
    return _as_rows(f"{name}, {len(found)} rows", found, beside_estimate=not relabel)


def _near(x_test: np.ndarray, distance: np.ndarray, count: int) -> np.ndarray:
    near = np.flatnonzero(np.abs(distance) <= NEAR)
    chosen = np.random.default_rng(SEED).choice(near, min(count, len(near)), replace=False)
    return x_test[np.sort(chosen)]


def _search(problem: Problem, row: np.ndarray, threshold: float, *, relabel: bool) -> Searched:
    train = problem.train
    upward = bool(risk(row @ train.model.theta) < risk(threshold))
    product = _product_seconds(problem, row)
    start = time.perf_counter()
    found = find_flip_set(Crossing(train, row, threshold, upward, relabel), Budget(BUDGET_S))
    seconds = time.perf_counter() - start
    product = median([product, _product_seconds(problem, row)])
    return Searched(
        size=len(found.patients) if found.verified else NOT_FOUND,
        surrogate=NOT_FOUND if found.surrogate_size is None else found.surrogate_size,
        verified_cold=found.verified and _is_across_from_cold(problem, row, found.rows, threshold, relabel=relabel),
        minimal=found.minimal,
        seconds=seconds,
        products=seconds / product,
    )


def _product_seconds(problem: Problem, row: np.ndarray) -> float:
    start = time.perf_counter()
    for _ in range(PRODUCTS):
        problem.train.x @ row
    return (time.perf_counter() - start) / PRODUCTS


def _is_across_from_cold(
    problem: Problem, row: np.ndarray, changed: np.ndarray, threshold: float, *, relabel: bool
) -> bool:
    """Fit from zero on the changed rows alone."""
    train, y = problem.train, problem.train.y.copy()
    kept = np.arange(len(y))
    if relabel:
        y[changed] = 1 - y[changed]
    else:
        kept = np.setdiff1d(kept, changed)
    cold = fit_logistic(train.x[kept], y[kept], train.weights[kept], train.model.penalty)
    was_alert, is_alert = (bool(risk(row @ theta) >= risk(threshold)) for theta in (train.model.theta, cold.theta))
    return was_alert != is_alert


def _as_rows(name: str, found: list[Searched], *, beside_estimate: bool) -> list[Row]:
    size, estimate = median(one.size for one in found), median(one.surrogate for one in found)
    saved = 100 * (1 - size / estimate) if np.isfinite(size) else -np.inf
    seconds = [one.seconds for one in found]
    reported = [one for one in found if np.isfinite(one.size)]
    return [
        Row(f"{name}: sets found", 100 * len(reported) / len(found), "%"),
        Row(
            f"{name}: sets that a cold refit confirms",
            _percent(one.verified_cold for one in reported),
            "%",
            at_least(100),
        ),
        Row(f"{name}: proven that none can be put back", _percent(one.minimal for one in reported), "%"),
        Row(f"{name}: median size", size, "patients"),
        Row(f"{name}: median size by the additive estimate", estimate, "patients"),
        Row(f"{name}: median under the estimate's", saved, "%", at_least(10) if beside_estimate else None),
        Row(f"{name}: median time", median(seconds), "s", below(1)),
        Row(f"{name}: 95th percentile of time", float(np.percentile(seconds, 95)), "s", at_most(10)),
        Row(f"{name}: median time / X @ v", median(one.products for one in found), "times"),
    ]


def _percent(flags: "list[bool] | object") -> float:
    values = list(flags)
    return 100 * sum(values) / len(values) if values else 0.0
