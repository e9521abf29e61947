"""Subgroups that the model predicts worse than everyone else, found by search and confirmed on other patients."""

from clinflu.analysis.slices.items import Condition
from clinflu.analysis.slices.weak import SearchOptions, WeakSubgroup, WeakSubgroups, weak_subgroups

__all__ = ["Condition", "SearchOptions", "WeakSubgroup", "WeakSubgroups", "weak_subgroups"]
