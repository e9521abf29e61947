"""Every family fitted to the same images: what it is, what it costs, how well it does and how far its solver agrees."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
import pandas as pd

from clinflu.analysis.explanations.models import (
    DEFAULT_PLAN,
    ImagePlan,
    frozen,
    kernel_machine,
    linear_model,
    network,
    training_rows,
)
from clinflu.analysis.explanations.taught import Taught
from clinflu.data.digits import Digits
from clinflu.influence.solvers import SOLVERS, HessianOracle, Solution
from clinflu.model.base import torch_device
from clinflu.model.minimise import StationaryPoint, minimise_along, stationary_point
from clinflu.model.mlp import Mlp
from clinflu.model.smooth_hinge import SmoothHinge

SAME = 1e-6  # relative: what conjugate gradients and a factorisation may differ by
SHARP = 0.01
CG_TOLERANCE = 1e-8  # of the residual


@dataclass(frozen=True, repr=False)
class FamilyFit:
    """One family, fitted.

    Parameters
    ----------
    model : Taught
    seconds : float
        Of the fit, wall clock.
    accuracy : float
        Share of test images that it gets right.
    conjugate : Solution
        H^-1 times the gradient of the first test loss by conjugate gradients, which never form H.
    difference : float
        Of that from the solution by a factorisation, relative.
    """

    model: Taught
    seconds: float
    accuracy: float
    conjugate: Solution
    difference: float

    @property
    def point(self) -> str:
        """What kind of point the fit is at, in words."""
        fit = self.model.fit
        return fit.words if isinstance(fit, StationaryPoint) else "the only minimum"


@dataclass(frozen=True, repr=False)
class Families:
    """Families fitted to the same images.

    Parameters
    ----------
    names : tuple of str
        Of the classes.
    images : int
        That they were trained on.
    fits : tuple of FamilyFit
    """

    names: tuple[str, ...]
    images: int
    fits: tuple[FamilyFit, ...]

    def __repr__(self) -> str:
        return f"{len(self.fits)} families on {self.images:,} images of the digits {', '.join(self.names)}"

    @property
    def network(self) -> Taught:
        """The convolutional network among them."""
        return next(one.model for one in self.fits if one.model.family.name == "cnn")

    def to_frame(self) -> pd.DataFrame:
        """Return one line a family."""
        lines = [
            {
                "family": one.model.name,
                "classes": len(self.names),
                "convex": not isinstance(one.model.fit, StationaryPoint),
                "parameters": len(one.model.fit.theta),
                "fit_seconds": one.seconds,
                "test_accuracy": one.accuracy,
                "fit": one.point,
                "cg_difference": one.difference,
                "cg_agrees": bool(one.conjugate.converged and one.difference <= SAME),
                "cg": one.conjugate.words,
            }
            for one in self.fits
        ]
        return pd.DataFrame(lines).set_index("family")


def families(digits: Digits, plan: ImagePlan = DEFAULT_PLAN) -> Families:
    """Fit every family that these digits allow.

    Two classes: logistic regression, linear and kernel machines, both networks, and logistic regression on frozen
    features. More: softmax regression, the convolutional network, and softmax on its frozen features.

    Parameters
    ----------
    digits : Digits
    plan : ImagePlan

    Raises
    ------
    FitError
    """
    torch_device()  # torch is loaded before the first fit is timed
    two = len(digits.names) == 2
    linear = "logistic regression" if two else "softmax regression"
    fits = [_timed(digits, lambda: linear_model(digits, None, f"{linear} on pixels", plan))]
    if two:
        fits += [_timed(digits, make) for make in _of_two_classes(digits, plan)]
    net = _timed(digits, lambda: network(digits, plan))
    columns = frozen(net.model)
    last = _timed(digits, lambda: linear_model(digits, columns, f"{linear} on frozen features", plan))
    return Families(digits.names, len(digits.train), (*fits, net, last))


def _of_two_classes(digits: Digits, plan: ImagePlan) -> list[Callable[[], Taught]]:
    warm, sharp = plan.temperature, replace(plan, temperature=SHARP)
    return [
        lambda: _linear_machine(digits, plan),
        lambda: kernel_machine(digits, plan, f"RBF machine, temperature {warm:g}"),
        lambda: kernel_machine(digits, sharp, f"RBF machine, temperature {SHARP:g}"),
        lambda: _one_layer(digits, plan),
    ]


def _linear_machine(digits: Digits, plan: ImagePlan) -> Taught:
    rows, y, weights = training_rows(digits)
    x, family = np.column_stack([np.ones(len(rows)), rows]), SmoothHinge(plan.temperature)
    penalty = np.append(0.0, np.full(rows.shape[1], plan.penalty))
    fit = minimise_along(family.path(), x, y, weights, penalty)
    return Taught(f"linear machine, temperature {plan.temperature:g}", family, fit, rows, y, weights)


def _one_layer(digits: Digits, plan: ImagePlan) -> Taught:
    rows, y, weights = training_rows(digits)
    x, family = np.column_stack([np.ones(len(rows)), rows]), Mlp(plan.hidden)
    penalty = np.full(family.parameters(x.shape[1]), plan.network_penalty)
    fit = stationary_point(family, x, y, weights, penalty, family.start(x.shape[1], plan.seed))
    return Taught("network of one hidden layer", family, fit, rows, y, weights)


def _timed(digits: Digits, make: Callable[[], Taught]) -> FamilyFit:
    begin = perf_counter()
    model = make()
    seconds = perf_counter() - begin
    images, labels = digits.pixels[digits.test], digits.labels[digits.test]
    oracle = HessianOracle.of(model.fit, model.family, model.x, model.y, model.weights)
    gradient = model.family.gradient(model.fit.theta, model.design(images[:1]), labels[:1], np.ones(1))
    exact, found = model.fit.solve(gradient), SOLVERS["cg"](oracle, gradient, tolerance=CG_TOLERANCE)
    difference = float(np.linalg.norm(found.solution - exact) / np.linalg.norm(exact))
    return FamilyFit(model, seconds, float((model.predicted(images) == labels).mean()), found, difference)
