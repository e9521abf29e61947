"""What a source holds and what looks wrong in it, before any model is fitted."""

from clinflu.analysis.source_check.result import Alarm, SourceCheck
from clinflu.analysis.source_check.run import source_check

__all__ = ["Alarm", "SourceCheck", "source_check"]
