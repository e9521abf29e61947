"""Sections of the subgroup report, in their order: each takes the material and returns a Section."""

from collections.abc import Callable

from clinflu.findings.document import Section
from clinflu.findings.material import Material
from clinflu.findings.sections import data, limits, method, model, performance, provenance, subgroups, summary, why

SECTIONS: dict[str, Callable[[Material], Section]] = {
    "summary": summary.section,
    "data": data.section,
    "model": model.section,
    "performance": performance.section,
    "subgroups": subgroups.section,
    "why": why.section,
    "limits": limits.section,
    "method": method.section,
    "provenance": provenance.section,
}

TITLES = {
    "summary": summary.TITLE,
    "data": data.TITLE,
    "model": model.TITLE,
    "performance": performance.TITLE,
    "subgroups": subgroups.TITLE,
    "why": why.TITLE,
    "limits": limits.TITLE,
    "method": method.TITLE,
    "provenance": provenance.TITLE,
}

__all__ = ["SECTIONS", "TITLES"]
