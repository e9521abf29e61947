"""The estimate beside the refit: how well each estimate foretells what leaving a training row out does."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from clinflu.analysis.validation.estimates import ESTIMATES, INFLUENCE, RIVALS, estimates_of, influence
from clinflu.analysis.validation.problem import Problem
from clinflu.analysis.validation.retraining import FromTheFit, Retraining
from clinflu.data.arrays import Flags, Rows, Vector
from clinflu.errors import DataError
from clinflu.influence.agreement import Agreement, Pairs, agreement, correlation_text, spearman
from clinflu.influence.solvers import SOLVERS

EXACT, APPROXIMATE = "exact", "approximate"


@dataclass(frozen=True, slots=True)
class Plan:
    """Which training rows are left out, one at a time.

    Parameters
    ----------
    strongest : int
        Those of the largest estimated influence, by magnitude.
    random : int
        Of the others.
    seed : int
        Of the random ones.
    """

    strongest: int = 50
    random: int = 50
    seed: int = 0


@dataclass(frozen=True, eq=False, repr=False)
class LeaveOneOutAgreement:
    """Estimated and actual changes of the loss of one test row, each training row left out on its own.

    Parameters
    ----------
    name : str
        Of the problem.
    rows : (k,)
        Positions of the training rows left out: the strongest first, then those at random.
    is_strongest : (k,)
    predicted : dict
        By estimate, (k,): in nats for those of ``ESTIMATES``, in units of its own for each of ``RIVALS``.
    actual : (k,)
        Change of the loss after retraining, nats.
    precision : (k,)
        How far each actual change may be from that of the exact optimum; 0 where not known.
    solver_words, truth_words : str
        What the solver says of its solution, and how the model was trained again.
    approximate_words : str
        What kind of point the model is at where the objective is not convex; empty where it is.
    """

    name: str
    rows: Rows
    is_strongest: Flags
    predicted: dict[str, Vector]
    actual: Vector
    precision: Vector
    solver_words: str
    truth_words: str
    approximate_words: str = ""

    def __repr__(self) -> str:
        return self.words

    @property
    def grade_word(self) -> str:
        """``"exact"`` where the optimum is the only one, else ``"approximate"``."""
        return APPROXIMATE if self.approximate_words else EXACT

    @property
    def words(self) -> str:
        """The finding in a sentence or two."""
        r, rank = (correlation_text(self.pearson(INFLUENCE)), correlation_text(self.spearman(INFLUENCE)))
        found = (
            f"{self.name}: {len(self.rows)} rows left out one by one, refitted {self.truth_words}; estimate against "
            f"refit: r {r}, rank correlation {rank}, slope {self.slope(INFLUENCE):.3g}"
        )
        return f"{found} (approximate: {self.approximate_words})" if self.approximate_words else found

    def pairs(self, method: str) -> Pairs:
        """Return an estimate beside the refits."""
        return Pairs(self.predicted[method], self.actual, self.precision)

    def grade(self, method: str = INFLUENCE) -> Agreement:
        """Return the grade of an estimate, errors relative to the refit among it."""
        return agreement(f"{self.name}, {method}", self.pairs(method))

    def pearson(self, method: str = INFLUENCE) -> float:
        """Return the correlation of an estimate with the refits."""
        return self.grade(method).pearson_r

    def spearman(self, method: str = INFLUENCE) -> float:
        """Return the correlation of the ranks."""
        return spearman(self.pairs(method))

    def slope(self, method: str = INFLUENCE) -> float:
        """Return the slope of the refit on the estimate through the origin; above 1 where estimates are too small."""
        return self.grade(method).slope

    def to_frame(self) -> pd.DataFrame:
        """Return the rows, whether each is one of the strongest, every estimate, and the actual change."""
        values = {"train_row": self.rows, "is_strongest": self.is_strongest, **self.predicted, "refit": self.actual}
        return pd.DataFrame(values)

    def summary(self) -> pd.DataFrame:
        """Return a row for each estimate: its Pearson and Spearman correlation with the refits, slope and median error.

        Slope and error are empty for what has another unit than the change.
        """
        values = [self._figures(method) for method in self.predicted]
        return pd.DataFrame(values, index=pd.Index(list(self.predicted), name="estimate"))

    def _figures(self, method: str) -> dict[str, float]:
        grade, has_unit = self.grade(method), method in ESTIMATES
        return {
            "pearson": grade.pearson_r,
            "spearman": self.spearman(method),
            "slope": grade.slope if has_unit else np.nan,
            "median_relative_error": grade.median_relative_error if has_unit else np.nan,
        }


def leave_one_out_agreement(
    problem: Problem,
    plan: Plan = Plan(),
    *,
    solver: str = "cholesky",
    truth: Retraining | None = None,
    seed: int = 0,
) -> LeaveOneOutAgreement:
    """Estimate what leaving rows out does to the loss of the test row, and leave them out.

    Parameters
    ----------
    problem : Problem
        Of any family.
    plan : Plan
    solver : str
        A name in ``SOLVERS``.
    truth : Retraining, optional
        By default the model trained again from where it is.
    seed : int
        Of the solver, where it draws.

    Raises
    ------
    DataError
        The plan asks for more rows than there are, or for none.
    FitError
    """
    retraining = FromTheFit(problem) if truth is None else truth
    solution = SOLVERS[solver](problem.oracle, problem.test_gradient, seed=seed)
    rows = chosen_rows(influence(problem, solution.solution), plan)
    actual = retraining.without_each(rows)
    return LeaveOneOutAgreement(
        name=problem.name,
        rows=rows,
        is_strongest=np.arange(len(rows)) < plan.strongest,
        predicted=estimates_of(problem, solution.solution, rows),
        actual=actual.change,
        precision=actual.precision,
        solver_words=f"{solver}: {solution.words}",
        truth_words=retraining.words,
        approximate_words=str(getattr(problem.model, "words", "")),
    )


def solved_by(found: LeaveOneOutAgreement, problem: Problem, solver: str, seed: int = 0) -> LeaveOneOutAgreement:
    """Return the same rows and refits beside estimates by another solver.

    Parameters
    ----------
    found : LeaveOneOutAgreement
    problem : Problem
        The one it was found for.
    solver : str
        A name in ``SOLVERS``.
    seed : int
        Of the solver, where it draws.

    Raises
    ------
    FitError
    """
    solution = SOLVERS[solver](problem.oracle, problem.test_gradient, seed=seed)
    return replace(
        found,
        name=f"{found.name}, {solver}",
        predicted=estimates_of(problem, solution.solution, found.rows),
        solver_words=f"{solver}: {solution.words}",
    )


def chosen_rows(effects: Vector, plan: Plan) -> Rows:
    """Return the strongest rows, strongest first, then random ones of the others.

    Raises
    ------
    DataError
    """
    wanted = plan.strongest + plan.random
    if plan.strongest < 0 or plan.random < 0 or not 0 < wanted <= len(effects):
        raise DataError(f"a plan needs 1 to {len(effects):,} rows to leave out, not {wanted:,}")
    order = np.argsort(-np.abs(effects), kind="stable")
    others = np.sort(order[plan.strongest :])
    drawn = np.random.default_rng(plan.seed).choice(others, plan.random, replace=False)
    return np.concatenate([order[: plan.strongest], drawn])


def validation_table(found: Sequence[LeaveOneOutAgreement]) -> pd.DataFrame:
    """Return a row for each validation: how well influence and one Newton step agree with the refits."""
    return pd.DataFrame(
        {
            "model": one.name,
            "refitted": one.truth_words,
            "rows": len(one.rows),
            "pearson": one.pearson(),
            "spearman": one.spearman(),
            "slope": one.slope(),
            "pearson_one_step": one.pearson(ESTIMATES[1]),
            "grade": one.grade_word,
        }
        for one in found
    )


def rivals_table(found: Sequence[LeaveOneOutAgreement]) -> pd.DataFrame:
    """Return the Pearson correlation with the refits of influence and of each rival, a row for each validation."""
    methods = (INFLUENCE, *RIVALS)
    values = [[one.pearson(method) for method in methods] for one in found]
    return pd.DataFrame(values, index=pd.Index([one.name for one in found], name="model"), columns=list(methods))
