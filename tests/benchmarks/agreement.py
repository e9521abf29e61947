"""Every estimate against the truth: what 500 leave-one-out refits cost, and how near the estimates come to them."""

import numpy as np
from influences import strongest_and_random
from problems import Problem
from rounds import take_turns, timed
from rows import Row, at_least, at_most, below

from clinflu.errors import SingularHessianError
from clinflu.influence.agreement import Agreement, Pairs, agreement
from clinflu.influence.group import group_first_order, group_newton, group_second_order
from clinflu.influence.refit import Change, refit_each
from clinflu.influence.removal import one_step, removal_effect
from clinflu.influence.second_order import second_order

ROUNDS = 3
RESOLVED_AT = 1e-10  # log-odds; the fits stop nearer than that
BARS = {"one-step": (at_least(0.9999), at_most(2e-4))}
GROUPS = {"first-order": group_first_order, "second-order": group_second_order, "Newton": group_newton}


def agreement_rows(problem: Problem, each: int = 250) -> list[Row]:
    """Time the refits without each of the strongest and of as many random rows, and grade the estimates by them."""
    train, audited = problem.train, problem.x_audited
    rows = strongest_and_random(problem, each)
    changes = [Change.removal(train, np.array([row])) for row in rows]
    first = removal_effect(train, audited)
    train.leverage  # noqa: B018 computed once for all predictions
    times = take_turns(
        {
            "refits": timed(lambda: refit_each(train, changes)),
            "second order": timed(lambda: second_order(train, audited, first)),
        },
        ROUNDS,
    )
    truth = np.array([audited @ (one.theta - train.model.theta) for one in refit_each(train, changes)])
    estimates = {
        "first-order": first[rows],
        "second-order": second_order(train, audited, first)[rows],
        "one-step": one_step(train, first)[rows],
    }
    found = [
        Row(f"agreement: {len(rows)} leave-one-out refits", times.median("refits"), "s", below(4)),
        Row("agreement: second order of every row", 1e3 * times.median("second order"), "ms"),
    ]
    precision = np.full(len(rows), RESOLVED_AT)
    for name, estimate in estimates.items():
        found += _rows(agreement(name, Pairs(estimate, truth, precision)))
    return found + _group_rows(problem)


def _rows(grade: Agreement) -> list[Row]:
    r_bar, error_bar = BARS.get(grade.what, (None, None))
    label = f"agreement: {grade.what}"
    return [
        Row(f"{label}: Pearson r", grade.pearson_r, "r", r_bar, digits=8),
        Row(f"{label}: slope of the refit", grade.slope, "refit / estimate"),
        Row(f"{label}: median error", grade.median_relative_error, "relative", error_bar),
        Row(f"{label}: largest error", grade.largest_relative_error, "relative"),
        Row(f"{label}: same sign", grade.sign_agreement, "share"),
    ]


def _group_rows(problem: Problem) -> list[Row]:
    """Compare the estimates of each group of the problem with its refit."""
    train = problem.train
    refits = refit_each(train, [Change.removal(train, rows) for rows in problem.groups.values()])
    found = []
    for (label, rows), refitted in zip(problem.groups.items(), refits, strict=True):
        truth = float(problem.x_audited @ (refitted.theta - train.model.theta))
        for name, formula in GROUPS.items():
            try:
                error = abs(float(problem.x_audited @ formula(train, rows)) / truth - 1)
            except SingularHessianError:
                error = None
            found.append(Row(f"agreement, without {label}: {name} error", error, "relative"))
    return found
