"""What is fitted to handwritten digits: a network, linear models on pixels or frozen features, a kernel machine."""

from dataclasses import dataclass

import numpy as np

from clinflu.analysis.explanations.taught import Taught
from clinflu.data.arrays import Matrix, Vector
from clinflu.data.digits import SIDE, Digits
from clinflu.errors import DataError
from clinflu.model.cnn import Cnn
from clinflu.model.frozen_features import ColumnMap, FrozenFeatures
from clinflu.model.logistic import LOGISTIC
from clinflu.model.minimise import minimise, stationary_point
from clinflu.model.rbf import KernelMap, fit_kernel_machine, median_gamma
from clinflu.model.smooth_hinge import SmoothHinge
from clinflu.model.softmax import Softmax

FROZEN, MACHINE = "logistic regression on frozen features", "RBF machine on pixels"


@dataclass(frozen=True)
class ImagePlan:
    """What is fitted to images.

    Parameters
    ----------
    channels, hidden : int
        Of the network.
    network_penalty : float
        Of all its parameters, on the summed loss.
    penalty : float
        Of the models on its features, on pixels and on the kernel; intercepts of two classes are free of it.
    temperature : float
        Of the smooth hinge. At 0.01 and below first-order influence strays far from refits: few rows have curvature.
    narrower : float
        What the kernel's gamma is multiplied by, from that of the median distance.
    seed : int
        Of the network's start.
    """

    channels: int = 4
    hidden: int = 8
    network_penalty: float = 0.5
    penalty: float = 1.0
    temperature: float = 0.1
    narrower: float = 1.0
    seed: int = 0


DEFAULT_PLAN = ImagePlan()


def only(digits: Digits, *names: str) -> Digits:
    """Return the images of these digits alone, split as they were, so that no test image was ever trained on.

    Raises
    ------
    DataError
        Fewer than two, or a digit that is not there.
    """
    if len(set(names)) < 2 or not set(names) <= set(digits.names):
        raise DataError(f"name two or more different digits of these: {', '.join(digits.names)}")
    codes = [float(digits.names.index(name)) for name in names]
    kept = np.flatnonzero(np.isin(digits.labels, codes))
    labels = np.array([float(codes.index(label)) for label in digits.labels[kept]])
    train, test = (np.flatnonzero(np.isin(kept, rows)) for rows in (digits.train, digits.test))
    return Digits(digits.pixels[kept], labels, names, train, test)


def training_rows(digits: Digits) -> tuple[Matrix, Vector, Vector]:
    """Return pixels, classes and weights of 1 of the training images."""
    return digits.pixels[digits.train], digits.labels[digits.train], np.ones(len(digits.train))


def network(digits: Digits, plan: ImagePlan = DEFAULT_PLAN) -> Taught:
    """Return a small convolutional network at a stationary point, fitted to the training images.

    Raises
    ------
    FitError
    """
    rows, y, weights = training_rows(digits)
    family = Cnn(len(digits.names), SIDE, plan.channels, plan.hidden)
    penalty = np.full(family.parameters(), plan.network_penalty)
    fit = stationary_point(family, rows, y, weights, penalty, family.start(plan.seed))
    return Taught("convolutional network", family, fit, rows, y, weights, has_intercept=False)


def frozen(net: Taught) -> FrozenFeatures:
    """Return the hidden layer of a fitted network, to learn no more.

    Raises
    ------
    DataError
        The model is no such network.
    """
    if not isinstance(net.family, Cnn):
        raise DataError(f"only a convolutional network has a hidden layer to freeze, not {net.name}")
    return FrozenFeatures(net.family, net.fit.theta)


def linear_model(digits: Digits, columns: ColumnMap | None, name: str, plan: ImagePlan = DEFAULT_PLAN) -> Taught:
    """Return logistic regression (two classes, free intercept) or softmax (more) on columns, or on the pixels.

    Raises
    ------
    FitError
    """
    rows, y, weights = training_rows(digits)
    made = rows if columns is None else columns.transform(rows)
    x, classes = np.column_stack([np.ones(len(rows)), made]), len(digits.names)
    if classes == 2:
        penalty = np.append(0.0, np.full(made.shape[1], plan.penalty))
        return Taught(name, LOGISTIC, minimise(LOGISTIC, x, y, weights, penalty), rows, y, weights, columns)
    family = Softmax(classes)
    fit = minimise(family, x, y, weights, np.full(classes * x.shape[1], plan.penalty))
    return Taught(name, family, fit, rows, y, weights, columns)


def kernel_machine(digits: Digits, plan: ImagePlan = DEFAULT_PLAN, name: str = MACHINE) -> Taught:
    """Return a support vector machine with a Gaussian kernel on the pixels, smooth enough for influence.

    Raises
    ------
    FitError
        Among others where there are more than two classes.
    """
    rows, y, weights = training_rows(digits)
    columns = KernelMap.learn(rows, gamma=plan.narrower * median_gamma(rows))
    fitted = fit_kernel_machine(columns, rows, y, weights, SmoothHinge(plan.temperature), plan.penalty)
    return Taught(name, fitted.family, fitted.fit, rows, y, weights, columns)
