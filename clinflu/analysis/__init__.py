"""Analyses: a study in, a frozen result out."""

from collections.abc import Callable
from typing import Any

from clinflu.analysis.coefficients import coefficients
from clinflu.analysis.discrimination import discrimination
from clinflu.analysis.mistakes import mistakes
from clinflu.study import Study

ANALYSES: dict[str, Callable[[Study], Any]] = {
    "coefficients": coefficients,
    "discrimination": discrimination,
    "mistakes": mistakes,
}

__all__ = ["ANALYSES"]
