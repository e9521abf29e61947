"""The fit: how fast beside other Newton solvers at equal gradient norm, and how much memory it takes."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from peers import Peers
from problems import Problem
from rounds import take_turns, timed
from rows import Row, at_most, below

from clinflu.model.newton import fit_logistic

TOLERANCE = 1e-10  # of the mean gradient, for every solver; all of them end far below it


def newton_cholesky(x: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    """Return the coefficients of scikit-learn's newton-cholesky, fitted from cold to the common tolerance."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(solver="newton-cholesky", C=1 / penalty, fit_intercept=False, tol=TOLERANCE)
    return model.fit(x, y).coef_[0]


def fit_rows(problem: Problem, peers: Peers | None) -> list[Row]:
    """Compare the time of a fit from cold."""
    x, y, ones, penalty = problem.x, problem.y, np.ones(len(problem.y)), problem.common_penalty
    actions = {
        "clinflu": timed(lambda: fit_logistic(x, y, ones, problem.penalty)),
        "newton-cholesky": timed(lambda: newton_cholesky(x, y, penalty)),
    }
    if peers:
        actions["glum"] = lambda: peers.seconds("glum", tolerance=TOLERANCE)
    times = take_turns(actions)
    norms = {
        "clinflu": fit_logistic(x, y, ones, problem.penalty).gradient_norm,
        "newton-cholesky": problem.gradient_norm(newton_cholesky(x, y, penalty)),
    }
    if peers:
        norms["glum"] = problem.gradient_norm(peers.values("glum", tolerance=TOLERANCE))
    rows = [Row(f"fit: {name}", 1e3 * times.median(name), "ms") for name in actions]
    rows += [Row(f"fit: mean gradient left by {name}", norm, "norm") for name, norm in norms.items()]
    rows.append(Row("fit: clinflu / newton-cholesky", times.ratio("clinflu", "newton-cholesky"), "times", at_most(1)))
    rows.append(Row("fit: clinflu / glum irls-ls", times.ratio("clinflu", "glum") if peers else None, "times"))
    return rows


def memory_rows(problem: Problem) -> list[Row]:
    """Measure the memory of a fit beyond what was held before it, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "problem.npz"
        np.savez(path, x=problem.x, y=problem.y, penalty=problem.penalty)
        child = [sys.executable, Path(__file__).with_name("fit_memory.py"), path]
        peak = json.loads(subprocess.run(child, check=True, capture_output=True, text=True).stdout)
    return [
        Row("fit memory: peak traced in Python", peak["traced"] / problem.x.nbytes, "x design", below(3)),
        Row(
            "fit memory: peak of the process",
            None if peak["resident"] is None else peak["resident"] / problem.x.nbytes,
            "x design",
            below(3),
        ),
    ]
