"""Alter a few training images so little that nobody sees it, and turn predictions that were right."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from clinflu.analysis.adversarial.allowed import GreyLevels
from clinflu.analysis.adversarial.image_model import ImageModel, right
from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.data.asking import check_count, row_positions
from clinflu.data.digits import BRIGHTEST
from clinflu.data.matrix import whole
from clinflu.errors import DataError
from clinflu.influence.perturbation import perturbation_influence
from clinflu.influence.training import TrainingRows

STEP_LEVELS = 1.0


@dataclass(frozen=True)
class Effort:
    """How hard an attack tries.

    Parameters
    ----------
    trials : int
        How many of the training images that promise most are tried, one set after the other.
    steps : int
        Steps for each, with a refit after every one.
    """

    trials: int = 5
    steps: int = 10

    def __post_init__(self) -> None:
        check_count(self.trials, "the number of images tried", least=1)
        check_count(self.steps, "the number of steps", least=1)


DEFAULT_EFFORT = Effort()


@dataclass(frozen=True, repr=False, eq=False)
class Attack:
    """Training images altered to turn predictions, and what the model fitted anew from zero then says.

    Parameters
    ----------
    targets : (t,) int
        Test images, by position.
    rows : (k,) int
        Training images, by position.
    altered : (k, 64)
        Their pixels after.
    margins_before, margins_after : (t,)
        Log-odds of 1 of the targets; after: of a fit from zero.
    flipped : int
        How many of the targets are now wrong.
    others_flipped : int
        How many other test images that were right are now wrong.
    refits : int
        What it took.
    """

    targets: Rows
    rows: Rows
    altered: Matrix
    margins_before: Vector
    margins_after: Vector
    flipped: int
    others_flipped: int
    refits: int

    def __repr__(self) -> str:
        images = "1 image" if len(self.rows) == 1 else f"{len(self.rows)} images"
        return f"Attack: {images} altered, {self.flipped} of {len(self.targets)} targets turned, {self.refits} refits"


def promise(model: ImageModel, targets: Rows, allowed: GreyLevels) -> Vector:
    """Return how much each training image could raise the loss of the targets, if slopes told all, (n,), nats.

    Each pixel goes to the end of its range that raises the loss: the slope times the way there, summed.
    """
    slopes = _slopes(model, model.train, targets, np.arange(model.rows), model.pixels)
    low, high = allowed.limits(model.pixels)
    reach: Vector = np.where(slopes > 0, slopes * (high - model.pixels), slopes * (low - model.pixels)).sum(axis=1)
    return reach


def attack(
    model: ImageModel,
    targets: "Rows | list[int]",
    *,
    allowed: GreyLevels,
    images: int = 1,
    rows: "Rows | list[int] | None" = None,
    effort: Effort = DEFAULT_EFFORT,
) -> Attack:
    r"""Alter training images along the sign of their influence, until the right predictions of the targets turn.

    .. math:: z_i \leftarrow \Pi\left(z_i + \alpha \, \mathrm{sign}(I_{pert,loss}(z_i, \text{targets}))\right)

    with the model refitted after every step, alpha one grey level and the projection that of ``allowed``. The slope is
    that of the targets that are still right. Images are tried in the order of :func:`promise`, several at a time where
    several are altered. The flips are counted by a fit from zero.

    Parameters
    ----------
    model : ImageModel
    targets : list of int
        Test images that are right, by position.
    allowed : GreyLevels
    images : int
        How many training images are altered, k.
    rows : list of int, optional
        Training images that may be altered, by position; by default all.
    effort : Effort

    Raises
    ------
    DataError
        A target is no test image or is wrong already, or there are not so many training images.

    References
    ----------
    Koh & Liang (2017), arXiv:1703.04730, section 5.2.
    """
    chosen = row_positions(targets, len(model.test_y))
    if not len(chosen) or not model.is_right[chosen].all():
        raise DataError("an attack turns predictions that are right; give some of model.some_right(...)")
    images = check_count(images, "the number of images altered", least=1)
    among = np.arange(model.rows) if rows is None else row_positions(rows, model.rows)
    if images > len(among):
        raise DataError(f"{images} images cannot be altered where there are {len(among)} to choose from")
    order = among[np.argsort(-promise(model, chosen, allowed)[among], kind="stable")]
    climbs: list[_Climb] = []
    for trial in range(min(effort.trials, len(order) // images)):
        climbs.append(_climb(model, chosen, order[trial * images : (trial + 1) * images], allowed, effort.steps))
        if climbs[-1].left[0] == 0:
            break
    best = min(climbs, key=lambda one: one.left)
    return _verified(model, chosen, best, sum(one.refits for one in climbs))


@dataclass(frozen=True, eq=False)
class _Climb:
    """The best point of one climb; ``left``: targets still right, and how far they are from turning, log-odds."""

    rows: Rows
    altered: Matrix
    left: tuple[int, float]
    refits: int


def _climb(model: ImageModel, targets: Rows, rows: Rows, allowed: GreyLevels, steps: int) -> _Climb:
    original, train = model.pixels[rows], model.train
    now = original
    best = _Climb(rows, now, _left(model, train, targets), 0)
    for step in range(1, steps + 1):
        slopes = _slopes(model, train, targets, rows, now)
        now = allowed.project(original, now + STEP_LEVELS / BRIGHTEST * np.sign(slopes))
        train = model.fitted(_with(model, rows, now), train.model)
        left = _left(model, train, targets)
        best = _Climb(rows, now, left, step) if left < best.left else best
        if left[0] == 0:
            break
    return _Climb(best.rows, best.altered, best.left, step)


def _slopes(model: ImageModel, train: TrainingRows, targets: Rows, rows: Rows, pixels: Matrix) -> Matrix:
    """Return the slope of the loss of the targets that are still right in each pixel of some rows, (k, 64)."""
    sides = 2.0 * model.test_y[targets] - 1.0
    towards = sides * (model.test_x[targets] @ train.model.theta)
    pull = np.where(towards > 0, sides * expit(-towards), 0.0)
    direction = pull @ model.test_x[targets]
    features = perturbation_influence(train, direction, 1.0, rows)[:, 1:]
    return model.column_map.pull(pixels, features)


def _left(model: ImageModel, train: TrainingRows, targets: Rows) -> tuple[int, float]:
    margins = (2.0 * model.test_y[targets] - 1.0) * (model.test_x[targets] @ train.model.theta)
    still = right(model.test_x[targets] @ train.model.theta, model.test_y[targets])
    return int(still.sum()), float(margins[still].sum())


def _with(model: ImageModel, rows: Rows, pixels: Matrix) -> Matrix:
    x = whole(model.train.x, "an attack").copy()
    x[rows] = model.encoded(pixels)
    return x


def _verified(model: ImageModel, targets: Rows, best: _Climb, refits: int) -> Attack:
    theta = model.fitted(_with(model, best.rows, best.altered)).model.theta
    after = model.test_x @ theta
    wrong = ~right(after, model.test_y) & model.is_right
    flipped = int(wrong[targets].sum())
    return Attack(
        targets=targets,
        rows=best.rows,
        altered=best.altered,
        margins_before=model.test_margins[targets],
        margins_after=after[targets],
        flipped=flipped,
        others_flipped=int(wrong.sum()) - flipped,
        refits=refits + 1,
    )
