"""Trace a wrong readmission prediction to the past patients, features and subgroups that taught it to the model.

Names are imported when they are first used, so that ``import clinflu`` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clinflu import dashboard, figures, report
    from clinflu.analysis.case_study import case_study
    from clinflu.analysis.case_study_audit import case_study_study
    from clinflu.analysis.sentence import headline
    from clinflu.analysis.what_if import Add, Edit, Relabel, Remove, Reweight
    from clinflu.audit import Audit
    from clinflu.errors import ClinfluError
    from clinflu.model.estimator import LogisticRegression

__version__ = "0.1.0"

__all__ = [
    "Add",
    "Audit",
    "ClinfluError",
    "Edit",
    "LogisticRegression",
    "Relabel",
    "Remove",
    "Reweight",
    "case_study",
    "case_study_study",
    "dashboard",
    "figures",
    "headline",
    "report",
]

_HOMES = {
    "Add": "clinflu.analysis.what_if",
    "Audit": "clinflu.audit",
    "ClinfluError": "clinflu.errors",
    "Edit": "clinflu.analysis.what_if",
    "LogisticRegression": "clinflu.model.estimator",
    "Relabel": "clinflu.analysis.what_if",
    "Remove": "clinflu.analysis.what_if",
    "Reweight": "clinflu.analysis.what_if",
    "case_study": "clinflu.analysis.case_study",
    "case_study_study": "clinflu.analysis.case_study_audit",
    "headline": "clinflu.analysis.sentence",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name in ("dashboard", "figures", "report"):
        return import_module(f"clinflu.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'clinflu' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
