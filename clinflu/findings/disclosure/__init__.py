"""Disclosure control: which counts an export may hold."""

from clinflu.findings.disclosure.cells import LARGEST_HIDDEN, is_small
from clinflu.findings.disclosure.pattern import Pattern, Shown

__all__ = ["LARGEST_HIDDEN", "Pattern", "Shown", "is_small"]
