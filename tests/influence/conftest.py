"""A small problem with rows that matter: patients with several encounters, weights, a rare level, high leverage."""

from dataclasses import dataclass

import numpy as np
import pytest

from clinflu.influence.training import TrainingRows

HIGH_LEVERAGE = (0, 1, 2)
RARE = tuple(range(3, 10))


@dataclass(frozen=True)
class Problem:
    x: np.ndarray
    y: np.ndarray
    weights: np.ndarray
    patients: np.ndarray
    audited: np.ndarray  # (t, p)

    def fit(self, penalty=2.0):
        """Fit with a free intercept."""
        return TrainingRows.fit(self.x, self.y, self.weights, self.penalty(penalty), self.patients)

    def penalty(self, penalty):
        return np.where(np.all(self.x == 1, axis=0), 0.0, penalty)

    def take(self, rows):
        return Problem(self.x[rows], self.y[rows], self.weights[rows], self.patients[rows], self.audited)

    def without_intercept(self):
        return Problem(self.x[:, 1:], self.y, self.weights, self.patients, self.audited[:, 1:])


def build(seed=0, n=600):
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(n + 12, 5)) @ (np.eye(5) + 0.3 * rng.normal(size=(5, 5))) + np.arange(5) / 4
    rare = np.zeros(n + 12)
    rare[[*RARE, n, n + 1]] = 1
    x = np.column_stack([np.ones(n + 12), numbers, rng.random(n + 12) < 0.3, rare])
    x[list(HIGH_LEVERAGE), 1:6] *= 3
    theta = np.array([-1.0, 0.8, -0.5, 0.3, 0.0, 0.4, 0.6, 1.0])
    y = (rng.random(n) < 1 / (1 + np.exp(-x[:n] @ theta))).astype(float)
    y[list(HIGH_LEVERAGE)] = 1 - (x[list(HIGH_LEVERAGE)] @ theta > 0)
    y[list(RARE)] = [1, 1, 1, 0, 1, 0, 1]
    patients = np.sort(rng.integers(0, 250, n))
    _, patients = np.unique(patients, return_inverse=True)
    return Problem(x[:n], y, rng.choice([0.5, 1.0, 2.0], n), rng.permutation(patients), x[n:])


@pytest.fixture(scope="session")
def problem():
    return build()


@pytest.fixture(scope="session")
def with_level(problem):
    """Give a fit without a penalty in which some rows, chosen at random, have a level of their own: column 7."""

    def make(seed, size):
        rng = np.random.default_rng(seed)
        y = problem.y
        rows = np.union1d(
            rng.choice(np.flatnonzero(y == 1), size // 2, replace=False),
            rng.choice(np.flatnonzero(y == 0), size // 2, replace=False),
        )
        x = problem.x.copy()
        x[:, 7] = np.isin(np.arange(len(x)), rows)
        return TrainingRows.fit(x, y, problem.weights, np.zeros(8)), rows

    return make


@pytest.fixture(scope="session")
def train(problem):
    return problem.fit()
