"""Problems to validate on: the digits, which come without a download, and the published hospital case."""

from functools import partial

import numpy as np

from clinflu.analysis.case_study import AUDITED_POSITION, LAM_MEAN, Protocol
from clinflu.analysis.validation.estimates import ONE_MARGIN
from clinflu.analysis.validation.problem import Labelled, Problem, Start, fit_problem
from clinflu.data.arrays import Vector
from clinflu.data.digits import Digits
from clinflu.model.base import ModelFamily
from clinflu.model.logistic import LOGISTIC, row_loss
from clinflu.model.mlp import Mlp
from clinflu.study import Study


def digits_problem(
    name: str, family: ModelFamily, only: tuple[int, ...] = (), penalty: float = 1.0, *, intercept: bool = True
) -> Problem:
    """Fit a family on handwritten digits, and ask about the test image that it predicts worst.

    Parameters
    ----------
    name : str
    family : ModelFamily
    only : tuple of int
        Digits to tell apart; by default all ten.
    penalty : float
        On the summed loss, the same for every coefficient; a single margin has a free intercept.
    intercept : bool
        Whether the pixels follow a column of ones; not for a network that needs the image itself.

    Raises
    ------
    DataError, FitError
    """
    digits = Digits.load(*only)
    x = digits.x if intercept else digits.pixels
    train, test = (Labelled.of(x[rows], digits.labels[rows]) for rows in (digits.train, digits.test))
    start = start_of(family, x.shape[1])
    size = None if start is None else len(start(0))
    return fit_problem(name, family, train, test, penalty_of(family, x.shape[1], penalty, size), start)


def case_study_problem(name: str, family: ModelFamily, protocol: Protocol) -> Problem:
    """Fit a family of one margin on the published case study, and ask about its published test patient.

    Parameters
    ----------
    name : str
    family : ModelFamily
    protocol : Protocol
        From :func:`clinflu.analysis.case_study.prepare`; it has no intercept.

    Raises
    ------
    FitError
    """
    design = protocol.design
    train, test = (Labelled.of(design.x[rows], design.y[rows]) for rows in (protocol.modified, protocol.test))
    penalty = np.full(design.x.shape[1], len(train.x) * LAM_MEAN)
    return fit_problem(name, family, train, test, penalty).at(AUDITED_POSITION)


def study_problem(name: str, study: Study) -> Problem:
    """Return the logistic model of a study as it is, and ask about the audited encounter that it predicts worst.

    Raises
    ------
    DataError
        The study's model is of another family.
    """
    study.require_logistic("this validation")
    design, split = study.design, study.split
    train, test = (
        Labelled(design.x[rows], design.y[rows], design.weights[rows]) for rows in (split.train, split.audited)
    )
    worst = int(np.argmax(row_loss(study.margins[split.audited], test.y)))
    return Problem(name, LOGISTIC, train, test, study.model.penalty, study.model, worst)


def start_of(family: ModelFamily, columns: int) -> Start | None:
    """Return the random starts of a family that is not convex, from a seed to theta; None for a convex one."""
    start: Start | None = getattr(family, "start", None)
    return partial(family.start, columns) if isinstance(family, Mlp) else start


def penalty_of(family: ModelFamily, columns: int, strength: float, size: int | None = None) -> Vector:
    """Return the penalty of each coefficient, (d,): the same for all but a free intercept of a single margin."""
    if isinstance(family, ONE_MARGIN):
        return np.concatenate([[0.0], np.full(columns - 1, strength)])
    return np.full(size or getattr(family, "classes", 1) * columns, strength)
