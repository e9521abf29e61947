"""Refits without a group of rows: how many products with X they cost, and how near a fit from cold they end."""

import numpy as np
from fits import newton_cholesky
from problems import Problem
from rounds import Times, take_turns, timed
from rows import Row, at_most

from clinflu.influence.refit import Change, refit, refit_each
from clinflu.model.newton import fit_logistic

SHORT = 10
BATCHED = 20


def refit_rows(problem: Problem, *, beside_sklearn: bool) -> list[Row]:
    """Measure the refit without each group of the problem."""
    return [row for label in problem.groups for row in _group_rows(problem, label, beside_sklearn=beside_sklearn)]


def batch_rows(problem: Problem) -> list[Row]:
    """Time refits without each of the strongest rows, all in one call."""
    train = problem.train
    changes = [Change.removal(train, np.array([row])) for row in problem.strongest(BATCHED)]
    times = take_turns({"batch": timed(lambda: refit_each(train, changes))})
    return [Row(f"refit, {problem.title}: {len(changes)} single rows, batched", times.median("batch"), "s")]


def _group_rows(problem: Problem, label: str, *, beside_sklearn: bool) -> list[Row]:
    train, rows = problem.train, problem.groups[label]
    kept = np.setdiff1d(np.arange(len(train.x)), rows)
    x, y = train.x[kept], train.y[kept]
    actions = {
        "product": timed(lambda: train.x @ problem.x_audited, SHORT),
        "refit": timed(lambda: refit(train, Change.removal(train, rows))),
    }
    if beside_sklearn:
        actions["newton-cholesky"] = timed(lambda: newton_cholesky(x, y, problem.common_penalty))
    times = take_turns(actions)
    cold = fit_logistic(x, y, train.weights[kept], train.model.penalty)
    apart = float(np.abs(refit(train, Change.removal(train, rows)).theta - cold.theta).max())
    return _as_rows(f"refit, {problem.title}, without {label}", times, apart)


def _as_rows(name: str, times: Times, apart: float) -> list[Row]:
    rows = [
        Row(name, 1e3 * times.median("refit"), "ms"),
        Row(f"{name}: / X @ v", times.ratio("refit", "product"), "times"),
        Row(f"{name}: max |theta - cold|", apart, "log-odds", at_most(1e-9)),
    ]
    if "newton-cholesky" in times.seconds:
        rows.append(Row(f"{name}: newton-cholesky / refit", times.ratio("newton-cholesky", "refit"), "times"))
    return rows
