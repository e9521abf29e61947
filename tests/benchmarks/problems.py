"""What is measured: a fit, a prediction to audit, and groups of rows to remove."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from clinflu import Audit
from clinflu.analysis.case_study import AUDITED_POSITION, _fit, prepare
from clinflu.analysis.influence_on import influence_on
from clinflu.influence.removal import one_step, removal_effect
from clinflu.influence.training import TrainingRows
from clinflu.model.logistic import risk

SEED = 0
AGE = "[70-80)"


@dataclass(frozen=True)
class Problem:
    """A fitted model at its rows, one audited row, and the groups to refit without."""

    title: str
    train: TrainingRows
    x_audited: np.ndarray
    y_audited: float
    groups: dict[str, np.ndarray]

    @property
    def x(self) -> np.ndarray:
        return self.train.x

    @property
    def y(self) -> np.ndarray:
        return self.train.y

    @property
    def penalty(self) -> np.ndarray:
        return self.train.model.penalty

    @cached_property
    def common_penalty(self) -> float:
        """The penalty, where it is the same for every column, as the peers need it."""
        if np.ptp(self.penalty) > 0:
            raise ValueError("the peers know only one penalty for all columns")
        return float(self.penalty[0])

    def gradient_norm(self, theta: np.ndarray) -> float:
        """2-norm of the gradient at theta, divided by the number of rows."""
        gradient = (risk(self.x @ theta) - self.y) @ self.x + self.penalty * theta
        return float(np.linalg.norm(gradient)) / len(self.x)

    def strongest(self, k: int) -> np.ndarray:
        """Return the k rows whose removal moves the audited margin most."""
        change = one_step(self.train, removal_effect(self.train, self.x_audited))
        return np.argsort(-np.abs(change))[:k]


def random_rows(rows: int, k: int) -> np.ndarray:
    """Return k different rows, always the same."""
    return np.random.default_rng(SEED).choice(rows, k, replace=False)


def case_study_problem(table: Path) -> Problem:
    """Return the published case study after the mismatch, at its published test row."""
    from data_loaders.diabetes130 import read_raw

    protocol = prepare(read_raw(table)[0])
    train = _fit(protocol.design, protocol.modified)
    audited = protocol.test[AUDITED_POSITION]
    in_seventies = train.x[:, protocol.design.columns.index(f"age={AGE}")] == 1
    children = np.flatnonzero(protocol.is_child(protocol.modified))
    groups = {
        "1 row, a child": children[:1],
        "the 4 children": children,
        "100 random rows": random_rows(len(train.x), 100),
        "1,000 random rows": random_rows(len(train.x), 1_000),
        f"all of {AGE}": np.flatnonzero(in_seventies),
    }
    y_audited = float(protocol.design.y[audited])
    return Problem("case study", train, protocol.design.x[audited], y_audited, groups)


def case_study_test_rows(table: Path) -> np.ndarray:
    """Return the encoded test rows of the published protocol, about 81,800 of them."""
    from data_loaders.diabetes130 import read_raw

    protocol = prepare(read_raw(table)[0])
    return protocol.design.x[protocol.test]


def uci_audit(table: Path) -> Audit:
    """Return the default model on the UCI table."""
    from data_loaders import load

    return Audit.fit(load("diabetes130", table))


def uci_problem(audit: Audit) -> Problem:
    """Return the default model at its worst miss."""
    study, worst = audit.study, audit.worst_miss()
    strongest = influence_on(study, worst).strongest_rows(20)
    in_seventies = (study.train_frame["age"] == AGE).to_numpy()
    groups = {
        "the strongest row": strongest[:1],
        "the 4 strongest": strongest[:4],
        "100 random rows": random_rows(len(study.train.x), 100),
        "1,000 random rows": random_rows(len(study.train.x), 1_000),
        f"all of {AGE}": np.flatnonzero(in_seventies),
    }
    return Problem("UCI default", study.train, study.x(worst), float(study.design.y[study.row(worst)]), groups)
