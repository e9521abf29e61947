"""Models with an exact optimum: families, the fit, and how a fit is kept."""

from clinflu.model.base import FittedModel, ModelFamily
from clinflu.model.logistic import LOGISTIC
from clinflu.model.margin import MarginFamily
from clinflu.model.mlp import Mlp
from clinflu.model.rbf_svm import RbfSvm
from clinflu.model.smooth_hinge import SmoothHinge

FAMILIES: dict[str, MarginFamily] = {
    "logistic": LOGISTIC,
    "smooth_hinge": SmoothHinge(0.1),  # sharper, too few rows have a curvature for an estimate to be near its refit
    "rbf_svm": RbfSvm(),
    "mlp": Mlp(),
}

__all__ = ["FAMILIES", "FittedModel", "MarginFamily", "ModelFamily"]
