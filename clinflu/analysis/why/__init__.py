"""Why the model fails a group, or does not."""

from clinflu.analysis.why.members import Members, WhyOptions
from clinflu.analysis.why.why import Why, why, whys

__all__ = ["Members", "Why", "WhyOptions", "why", "whys"]
