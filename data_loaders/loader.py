"""What every loader offers, and those that other packages register."""

from importlib.metadata import entry_points
from typing import Protocol

from clinflu.data import Cohort, ReadmissionSpec
from clinflu.errors import LoaderError
from data_loaders.tables.source import Source

GROUP = "clinflu.loaders"


class Loader(Protocol):
    """A module, or any object, with these two functions."""

    def recognises(self, source: Source) -> bool:
        """Whether the file, folder or database looks like this loader's; cheap, and never an error."""

    def load(self, source: Source | None) -> Cohort:
        """Read the source, or say in one LoaderError all that is wrong with it."""


class StayLoader(Loader, Protocol):
    """A loader of recorded stays, which makes the label by a definition that can be chosen."""

    def load(self, source: Source | None, spec: ReadmissionSpec | None = None) -> Cohort:
        """Read the source as it is, with the label of the definition; by default any unplanned readmission."""


def registered() -> dict[str, Loader]:
    """Return the loaders that installed packages register under the entry point ``clinflu.loaders``, by name.

    Raises
    ------
    LoaderError
        One of them cannot be imported, or is no loader.
    """
    found: dict[str, Loader] = {}
    for point in entry_points(group=GROUP):
        try:
            loader = point.load()
        except Exception as error:  # noqa: BLE001 -- whatever a package does when it is imported
            raise LoaderError(
                f"the loader {point.name!r} of another package cannot be imported ({type(error).__name__}); mend or "
                "remove that package"
            ) from None
        if not callable(getattr(loader, "recognises", None)) or not callable(getattr(loader, "load", None)):
            raise LoaderError(f"the loader {point.name!r} of another package has no recognises() and load(); mend it")
        found[point.name] = loader
    return found
