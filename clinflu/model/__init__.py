"""Models with an exact optimum: families, the fit, and how a fit is kept."""

from clinflu.model.base import FittedModel, ModelFamily
from clinflu.model.logistic import LOGISTIC

FAMILIES: dict[str, ModelFamily] = {
    "logistic": LOGISTIC,
}

__all__ = ["FAMILIES", "FittedModel", "ModelFamily"]
