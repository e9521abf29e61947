"""Everything against the truth: estimates of many removals beside the model refitted without them."""

from clinflu.analysis.check.points import Plan
from clinflu.analysis.check.result import Check, grade_words
from clinflu.analysis.check.run import DEFAULT_PLAN, check

__all__ = ["DEFAULT_PLAN", "Check", "Plan", "check", "grade_words"]
