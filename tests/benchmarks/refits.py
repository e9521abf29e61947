"""Refits without a group of rows: how many products with X they cost, and how near a fit from cold they end."""

import numpy as np
from fits import newton_cholesky
from problems import Problem
from rounds import take_turns, timed
from rows import Bar, Row, at_least, at_most, below

from clinflu.influence.refit import Change, refit, refit_each
from clinflu.model.newton import fit_logistic

SHORT = 10
SCREEN = 20
MOST_PRODUCTS = (20, 20, 35, 50, 90)  # for 1 row, 4, 100, 1,000 and all of an age band
LEAST_SPEEDUP = (15, 15, 10)  # over newton-cholesky from cold, for the first three


def refit_rows(problem: Problem, *, beside_sklearn: bool) -> list[Row]:
    """Measure the refit without each group of the problem."""
    found = []
    for place, label in enumerate(problem.groups):
        products = at_most(MOST_PRODUCTS[place])
        speedup = at_least(LEAST_SPEEDUP[place]) if place < len(LEAST_SPEEDUP) else None
        found += _group_rows(problem, label, products, speedup, beside_sklearn=beside_sklearn)
    return found


def screen_rows(problem: Problem) -> list[Row]:
    """Time the refits that one screen shows: without each of the strongest rows, all in one call."""
    train = problem.train
    changes = [Change.removal(train, np.array([row])) for row in problem.strongest(SCREEN)]
    times = take_turns({"screen": timed(lambda: refit_each(train, changes))})
    return [Row(f"refit, {problem.title}: without each of {SCREEN} rows", times.median("screen"), "s", below(1))]


def _group_rows(problem: Problem, label: str, products: Bar, speedup: Bar | None, *, beside_sklearn: bool) -> list[Row]:
    train, rows = problem.train, problem.groups[label]
    kept = np.setdiff1d(np.arange(len(train.x)), rows)
    x, y = np.ascontiguousarray(train.x[kept]), train.y[kept]
    actions = {
        "product": timed(lambda: train.x @ problem.x_audited, SHORT),
        "refit": timed(lambda: refit(train, Change.removal(train, rows)), SHORT),
    }
    if beside_sklearn:
        actions["newton-cholesky"] = timed(lambda: newton_cholesky(x, y, problem.common_penalty))
    times = take_turns(actions)
    cold = fit_logistic(x, y, train.weights[kept], train.model.penalty)
    apart = float(np.abs(refit(train, Change.removal(train, rows)).theta - cold.theta).max())
    name = f"refit, {problem.title}, without {label}"
    found = [
        Row(name, 1e3 * times.median("refit"), "ms"),
        Row(f"{name}: / X @ v", times.ratio("refit", "product"), "times", products),
        Row(f"{name}: max |theta - cold|", apart, "log-odds", at_most(1e-9)),
    ]
    if beside_sklearn:
        ratio = times.ratio("newton-cholesky", "refit")
        found.append(Row(f"{name}: newton-cholesky / refit", ratio, "times", speedup))
    return found
