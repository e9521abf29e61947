"""Sections of what is found, in their order: each takes the material and returns a Section.

A new one is a file here, a line in ``SECTIONS`` and its title in :mod:`clinflu.findings.titles`.
"""

from collections.abc import Callable

from clinflu.findings.document import Section
from clinflu.findings.material import Material
from clinflu.findings.sections import (
    calibration,
    checklists,
    data,
    limits,
    method,
    model,
    performance,
    provenance,
    subgroups,
    summary,
    weak_subgroups,
    why,
)
from clinflu.findings.titles import TITLES

SECTIONS: dict[str, Callable[[Material], Section]] = {
    "summary": summary.section,
    "data": data.section,
    "model": model.section,
    "performance": performance.section,
    "calibration": calibration.section,
    "subgroups": subgroups.section,
    "weak_subgroups": weak_subgroups.section,
    "why": why.section,
    "limits": limits.section,
    "method": method.section,
    "provenance": provenance.section,
    "checklists": checklists.section,
}

__all__ = ["SECTIONS", "TITLES"]
