"""The influence of every training row on one prediction: how fast, and how near the refit."""

from dataclasses import replace

import numpy as np
from peers import Peers
from problems import SEED, Problem
from rounds import Times, take_turns, timed
from rows import Row, at_least, at_most

from clinflu.influence.removal import loss_change, one_step, removal_effect
from clinflu.influence.training import TrainingRows
from clinflu.model.logistic import weighted_gram

SHORT = 25  # repeats of what takes less than a millisecond
ONCE_ROUNDS = 3
LEAST_SPEEDUP = {"pyDVL": at_least(30), "dattri": None}


def influence_rows(problem: Problem, peers: Peers | None) -> list[Row]:
    """Time one prediction's influence, beside one product with X and beside the peers."""
    train, audited = problem.train, problem.x_audited
    train.leverage  # noqa: B018 computed once for all predictions
    actions = {
        "product": timed(lambda: train.x @ audited, SHORT),
        "clinflu": timed(lambda: one_step(train, removal_effect(train, audited)), SHORT),
    }
    if peers:
        actions["pyDVL"] = lambda: peers.seconds("pydvl")
        actions["dattri"] = lambda: peers.seconds("dattri")
        for task in ("pydvl_once", "dattri_once"):
            peers.seconds(task)
    times = take_turns(actions)
    once = take_turns({"clinflu": timed(lambda: _once(train))}, ONCE_ROUNDS)
    rows = [
        Row("influence: one product X @ v", 1e3 * times.median("product"), "ms"),
        Row("influence: clinflu, once", 1e3 * once.median("clinflu"), "ms"),
        Row("influence: clinflu, a prediction", 1e3 * times.median("clinflu"), "ms"),
        Row("influence: clinflu / X @ v", times.ratio("clinflu", "product"), "times", at_most(3)),
    ]
    return rows + [row for name in LEAST_SPEEDUP for row in _beside(name, problem, times, peers)]


def _once(train: TrainingRows) -> None:
    """Do what is done once for a model: the Hessian, its factor, residuals and leverages."""
    fresh = replace(train, model=replace(train.model, hessian=train.model.hessian))
    hessian = weighted_gram(fresh.x, fresh.curvature) + np.diag(fresh.model.penalty)
    fresh = replace(fresh, model=replace(fresh.model, hessian=hessian))
    fresh.leverage, fresh.residual  # noqa: B018


def _beside(name: str, problem: Problem, times: Times, peers: Peers | None) -> list[Row]:
    """Return the rows of one peer: its times, and how far it disagrees on the change of the audited loss."""
    figures: list[float | None] = [None] * 5
    if peers:
        task = name.lower()
        once = take_turns({name: lambda: peers.seconds(f"{task}_once")}, ONCE_ROUNDS)
        theirs, ours = peers.values(task), _removal_loss_change(problem)
        apart = np.abs(theirs - ours)
        figures = [
            once.median(name),
            1e3 * times.median(name),
            times.ratio(name, "clinflu"),
            apart.max() / np.abs(ours).max(),
            float(np.median(apart / np.abs(ours))),
        ]
    return [
        Row(f"influence: {name}, once", figures[0], "s"),
        Row(f"influence: {name}, a prediction", figures[1], "ms"),
        Row(f"influence: {name} / clinflu", figures[2], "times", LEAST_SPEEDUP[name]),
        Row(f"influence: {name} differs, of the largest effect", figures[3], "relative", at_most(1e-10)),
        Row(f"influence: {name} differs, median row", figures[4], "relative"),
    ]


def _removal_loss_change(problem: Problem) -> np.ndarray:
    """First-order change of the audited loss, formulas 1: positive where the row is helpful."""
    first_order = removal_effect(problem.train, problem.x_audited)
    margin = float(problem.x_audited @ problem.train.model.theta)
    return loss_change(first_order, margin, problem.y_audited)


def strongest_and_random(problem: Problem, each: int) -> np.ndarray:
    """Return the strongest rows, and as many of the others at random."""
    strongest = problem.strongest(each)
    others = np.setdiff1d(np.arange(len(problem.x)), strongest)
    return np.concatenate([strongest, np.random.default_rng(SEED).choice(others, each, replace=False)])
