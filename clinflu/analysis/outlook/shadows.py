"""Shadow models: fits to random halves of the training rows, and what they betray of each row."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, rankdata

from clinflu.data.arrays import Flags, Matrix, Rows, Vector
from clinflu.data.asking import check_count
from clinflu.errors import DataError
from clinflu.influence.training import TrainingRows
from clinflu.model.newton import fit_logistic
from clinflu.progress import Progress, silent

ONLINE, OFFLINE = "online", "offline"
MODES = (ONLINE, OFFLINE)
SHADOWS = 128
FEWEST_SHADOWS = 16
FOLDS = 2
SMALLEST_SPREAD = 1e-12


@dataclass(frozen=True, eq=False, repr=False)
class Shadows:
    """Models fitted to random halves of the training rows.

    Parameters
    ----------
    inside : (S, n) bool
        Which rows each model learned from. Of the models of either fold, exactly half learned from each row, and which
        ones is independent of every other row: if a row teaches nothing, they are a random half.
    confidence : (S, n)
        Margin in favour of the row's own outcome, log-odds: log p / (1 - p) of what happened.
    """

    inside: Flags
    confidence: Matrix

    @property
    def folds(self) -> tuple[Rows, Rows]:
        """Two halves of the models: the Gaussians of one judge the models of the other."""
        count = len(self.inside)
        return np.arange(count // FOLDS), np.arange(count // FOLDS, count)

    def separation(self, known: Rows) -> Vector:
        """Return by how many standard deviations some models that learned from a row are surer of it, (n,)."""
        mean_in, mean_out, spread = gaussians(self, known)
        return (mean_in - mean_out) / spread


def fit_shadows(train: TrainingRows, shadows: int = SHADOWS, seed: int = 0, progress: Progress = silent) -> Shadows:
    """Fit models to random halves, with half of the penalty on the summed loss.

    A penalty that stays would shrink a model of half the rows twice as much as the one that is attacked.

    Raises
    ------
    DataError
        The number of shadows is none.
    FitError
        A half cannot be fitted; its kinds say why.
    """
    count = check_count(shadows, "the number of shadow models", FEWEST_SHADOWS)
    if count % (2 * FOLDS):
        raise DataError(f"the number of shadow models must be a multiple of {2 * FOLDS}, such as {SHADOWS}")
    inside = _halves(count, len(train.y), check_count(seed, "the seed of the halves"))
    confidence = np.empty(inside.shape)
    for place, chosen in enumerate(inside):
        progress(place, count)
        model = fit_logistic(train.x, train.y, train.weights * chosen, train.model.penalty / 2.0, train.model.theta)
        confidence[place] = (2.0 * train.y - 1.0) * (train.x @ model.theta)
    progress(count, count)
    return Shadows(inside, confidence)


def gaussians(shadows: Shadows, known: Rows) -> tuple[Vector, Vector, Vector]:
    """Return the mean confidence with and without each row, and their common standard deviation, (n,) each."""
    inside, confidence = shadows.inside[known], shadows.confidence[known]
    mean_in, mean_out = _mean(confidence, inside), _mean(confidence, ~inside)
    left = confidence - np.where(inside, mean_in, mean_out)
    spread = np.sqrt(np.square(left).sum(axis=0) / (len(known) - 2))
    return mean_in, mean_out, spread.clip(min=SMALLEST_SPREAD)


def evidence(shadows: Shadows, known: Rows, judged: Rows, mode: str) -> Matrix:
    r"""Return the evidence that each of the judged models learned from each row, (k, n).

    Online the log likelihood ratio of two Gaussians of one spread,
    :math:`[(c - \mu_{out})^2 - (c - \mu_{in})^2] / 2 \sigma^2`; offline the deviation :math:`(c - \mu_{out}) /
    \sigma_{out}` from the models that did not.
    """
    confidence = shadows.confidence[judged]
    mean_in, mean_out, spread = gaussians(shadows, known)
    if mode == ONLINE:
        return (np.square(confidence - mean_out) - np.square(confidence - mean_in)) / (2.0 * np.square(spread))
    outside = ~shadows.inside[known]
    left = np.where(outside, shadows.confidence[known] - mean_out, 0.0)
    alone: Vector = np.sqrt(np.square(left).sum(axis=0) / (outside.sum(axis=0) - 1))
    deviation: Matrix = (confidence - mean_out) / alone.clip(min=SMALLEST_SPREAD)
    return deviation


def pairs_in_order(values: Matrix, inside: Flags) -> Vector:
    """Return the AUROC of values (k, n) between the models with and without each row, (n,); ties count half."""
    members = inside.sum(axis=0)
    ranks = np.where(inside, rankdata(values, axis=0), 0.0).sum(axis=0)
    auroc: Vector = (ranks - members * (members + 1) / 2.0) / (members * (len(inside) - members))
    return auroc


def p_values(auroc: Vector, inside: Flags) -> Vector:
    """Return the one-sided p-value of each AUROC, (n,): Mann-Whitney's, by its normal approximation."""
    members = inside.sum(axis=0)
    others = len(inside) - members
    found: Vector = norm.sf((auroc - 0.5) / np.sqrt((members + others + 1) / (12.0 * members * others)))
    return found


def _halves(count: int, n: int, seed: int) -> Flags:
    rng = np.random.default_rng(seed)
    fold = count // FOLDS
    ordered = np.tile((np.arange(fold) < fold // 2)[:, None], (1, n))
    return np.concatenate([rng.permuted(ordered, axis=0) for _ in range(FOLDS)])


def _mean(values: Matrix, where: Flags) -> Vector:
    mean: Vector = np.where(where, values, 0.0).sum(axis=0) / where.sum(axis=0)
    return mean
