"""Influence along the way of training beside influence at the optimum, both against runs without the row."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from clinflu.analysis.outlook.sgd import SgdPlan, SgdRun
from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.data.asking import row_positions
from clinflu.data.matrix import whole
from clinflu.errors import DataError
from clinflu.influence.agreement import PERCENT, Pairs, agreement, spearman
from clinflu.model.base import FittedModel, ModelFamily
from clinflu.model.logistic import LOGISTIC
from clinflu.model.minimise import minimise, stationary_point
from clinflu.progress import Progress, silent
from clinflu.study import Study

SGD, OPTIMUM, TRACIN = "sgd", "optimum", "tracin"
TRUTH = "without_run"
ESTIMATES = (SGD, OPTIMUM, TRACIN)


@dataclass(frozen=True, eq=False, repr=False)
class SgdComparison:
    """Changes of one audited loss when training rows are left out of a run, by three estimates and by the run itself.

    Parameters
    ----------
    plans : tuple of SgdPlan
        The runs, shortest first.
    rows : (k,) int
        Training rows that were left out, one at a time.
    changes : tuple of DataFrame
        One a plan. Index: position among the training rows. Columns: ``sgd``, ``optimum``, ``tracin`` (estimates) and
        ``without_run`` (the same run without the row: the truth), nats.
    distances : (plans,)
        How far each run ended from the optimum, max |theta - optimum|.
    """

    plans: tuple[SgdPlan, ...]
    rows: Rows
    changes: tuple[pd.DataFrame, ...]
    distances: Vector

    def __repr__(self) -> str:
        epochs = ", ".join(f"{plan.epochs:,}" for plan in self.plans)
        return f"SgdComparison of {len(self.rows):,} rows left out of runs of {epochs} epochs; see .to_frame(), .words"

    def to_frame(self) -> pd.DataFrame:
        """Return how well each estimate agrees with the runs without the rows.

        Returns
        -------
        DataFrame
            Index: epochs. ``distance_to_optimum``; for each estimate ``_pearson`` and ``_spearman`` with the truth,
            and ``_error``: the length of the estimates' error over that of the truth (TracIn has no scale to be
            judged by, so it has none). ``sgd_from_optimum``: the length of the difference of the two influences over
            that of the optimum's; it goes to 0 as the run reaches the optimum.
        """
        lines = [
            {"epochs": plan.epochs, "distance_to_optimum": float(distance), **_graded(frame)}
            for plan, distance, frame in zip(self.plans, self.distances, self.changes, strict=True)
        ]
        return pd.DataFrame(lines).set_index("epochs")

    @property
    def words(self) -> str:
        """What the longest and the shortest run say, in a sentence."""
        frame = self.to_frame()
        first, last = frame.iloc[0], frame.iloc[-1]
        last_of = f"{last['sgd_pearson']:.3f} and {last['optimum_pearson']:.3f}"
        return (
            f"After {_epochs(int(frame.index[0]))} the influence along the run agrees with runs without the row at r = "
            f"{first['sgd_pearson']:.3f}, the optimum's at {first['optimum_pearson']:.3f}; after "
            f"{_epochs(int(frame.index[-1]))} at {last_of}, and the two influences differ by "
            f"{PERCENT * last['sgd_from_optimum']:.2g} %."
        )


def sgd_comparison(
    study: Study,
    encounter_id: str,
    plan: SgdPlan,
    *,
    epochs: Sequence[int] = (1, 3, 10, 30, 100),
    rows: Rows | None = None,
    progress: Progress = silent,
) -> SgdComparison:
    """Compare the influences on the loss of one prediction, had the model of a study been trained by SGD.

    Parameters
    ----------
    study : Study
    encounter_id : str
        The audited encounter.
    plan : SgdPlan
        Its number of epochs is replaced by each of ``epochs``.
    epochs : sequence of int
    rows : (k,) int, optional
        Positions of training rows to leave out, one at a time; by default every row.
    progress : Progress

    Raises
    ------
    DataError
        No such encounter or row.
    """
    study.require_logistic("influence along SGD")
    train, audited = study.train, study.row(encounter_id)
    query = Query(LOGISTIC, study.design.x[audited], float(study.design.y[audited]))
    start = np.zeros(len(study.model.theta))
    run = SgdRun(LOGISTIC, whole(train.x, "a run of SGD"), train.y, train.weights, train.model.penalty, plan, start)
    return compare_runs(run, query, study.model, epochs, rows, progress=progress)


@dataclass(frozen=True, eq=False)
class Query:
    """The loss of one audited row, x (p,) and y."""

    family: ModelFamily
    x: Vector
    y: float

    def loss(self, theta: Vector) -> float:
        """Return the loss at theta, nats."""
        return float(self.family.losses(theta, *self._row)[0])

    def gradient(self, theta: Vector) -> Vector:
        """Return its gradient at theta, (d,)."""
        return self.family.gradient(theta, *self._row, np.ones(1))

    @property
    def _row(self) -> tuple[Matrix, Vector]:
        return self.x[None, :], np.array([self.y])


def compare_runs(
    run: SgdRun,
    query: Query,
    optimum: FittedModel,
    epochs: Sequence[int],
    rows: Rows | None = None,
    *,
    progress: Progress = silent,
) -> SgdComparison:
    """Compare influences on arrays, for any family; see :func:`sgd_comparison`.

    Parameters
    ----------
    run : SgdRun
        Its plan's number of epochs is replaced by each of ``epochs``.
    query : Query
    optimum : FittedModel
        From :func:`optimum_of`.
    epochs : sequence of int
    rows : (k,) int, optional
    progress : Progress
    """
    lengths = sorted(set(epochs))
    if not lengths:
        raise DataError("give at least one number of epochs")
    chosen = np.arange(len(run.x)) if rows is None else row_positions(rows, len(run.x))
    at_optimum = optimum_influence(run, query, optimum)[chosen]
    runs = [replace(run, plan=replace(run.plan, epochs=length)) for length in lengths]
    changes = []
    for done, one in enumerate(runs):
        progress(done, len(runs))
        changes.append(_changes(one, query, at_optimum, chosen))
    progress(len(runs), len(runs))
    distances = np.array([np.abs(one.theta - optimum.theta).max() for one in runs])
    return SgdComparison(tuple(one.plan for one in runs), chosen, tuple(changes), distances)


def optimum_of(run: SgdRun) -> FittedModel:
    """Return the minimum that the run goes to; of a family that is not convex, the one next to where it ended."""
    arrays = (run.family, run.x, run.y, run.weights, run.penalty)
    if hasattr(run.family, "start"):  # only a family that is not convex must be told where to begin
        return stationary_point(*arrays, run.theta)
    return minimise(*arrays, run.theta)


def optimum_influence(run: SgdRun, query: Query, optimum: FittedModel) -> Vector:
    r"""Return the first-order change of the audited loss when each row is removed, at the optimum, (n,).

    .. math:: w_i \nabla l_i(\theta)^\top H^{-1} \nabla l_t(\theta)
    """
    pulled = optimum.solve(query.gradient(optimum.theta))
    return run.weights * run.family.losses_along(optimum.theta, run.x, run.y, pulled)


def _changes(run: SgdRun, query: Query, at_optimum: Vector, rows: Rows) -> pd.DataFrame:
    before = query.loss(run.theta)
    return pd.DataFrame(
        {
            SGD: run.influence(query.gradient(run.theta))[rows],
            OPTIMUM: at_optimum,
            TRACIN: run.tracin(query.gradient)[rows],
            TRUTH: [query.loss(end) - before for end in run.without_each(rows)],
        },
        index=pd.Index(rows, name="position"),
    )


def _graded(frame: pd.DataFrame) -> dict[str, float]:
    truth = frame[TRUTH].to_numpy()
    found = {}
    for name in ESTIMATES:
        estimate = frame[name].to_numpy()
        pairs = Pairs(estimate, truth, np.zeros(len(truth)))
        found[f"{name}_pearson"] = agreement(name, pairs).pearson_r
        found[f"{name}_spearman"] = spearman(pairs)
        if name != TRACIN:
            found[f"{name}_error"] = _apart(estimate, truth)
    return {**found, "sgd_from_optimum": _apart(frame[SGD].to_numpy(), frame[OPTIMUM].to_numpy())}


def _apart(one: Vector, truth: Vector) -> float:
    size = float(np.linalg.norm(truth))
    return float(np.linalg.norm(one - truth)) / size if size > 0 else np.nan


def _epochs(count: int) -> str:
    return "1 epoch" if count == 1 else f"{count:,} epochs"
