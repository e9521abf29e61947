"""What every loader offers."""

from pathlib import Path
from typing import Protocol

from clinflu.data import Cohort


class Loader(Protocol):
    """A module with these two functions."""

    def recognises(self, source: Path) -> bool:
        """Whether the file or folder looks like this loader's; cheap, and never an error."""

    def load(self, source: Path | None) -> Cohort:
        """Read the source, or say in one LoaderError all that is wrong with it."""
