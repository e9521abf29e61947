"""Which family a user asks for, and what every view must say about a model of it."""

from clinflu.data.asking import in_words, nearest
from clinflu.errors import DataError
from clinflu.model import FAMILIES
from clinflu.model.base import FittedModel
from clinflu.model.margin import MarginFamily
from clinflu.model.minimise import StationaryPoint

SCALED = (
    "Its margins are no log-odds; a line fitted to them on patients left out makes them so, the same in every refit "
    "and interval."
)
APPROXIMATE = "Its loss has several optima: estimates hold near the one that was fitted, and refits start there."


def chosen_family(family: object) -> MarginFamily:
    """Return a family by its name, or as it was given.

    Raises
    ------
    DataError
        There is no such family.
    """
    if isinstance(family, MarginFamily):
        return family
    if isinstance(family, str) and family in FAMILIES:
        return FAMILIES[family]
    said = f"no family is called {family!r}{nearest(family, FAMILIES)}" if isinstance(family, str) else in_words(family)
    raise DataError(f"{said}; there are: {', '.join(FAMILIES)}")


def family_notes(model: FittedModel) -> tuple[str, ...]:
    """Return what to know before trusting numbers of a family other than the logistic one."""
    if model.is_logistic:
        return ()
    what = f"{model.of_margin.title}, not a logistic regression."
    found = [what, *([] if model.of_margin.is_linear else [APPROXIMATE])]
    if isinstance(model, StationaryPoint):
        found.append(f"It is fitted to {model.words}.")
    return (*found, *([] if model.of_margin.has_log_odds else [SCALED]))


def options_words(family: MarginFamily) -> str:
    """Return what a family was asked for beside its penalty, in words; empty where there is nothing to ask for."""
    asked = ((name, value) for name, value in family.options().items() if not name.startswith("is_"))
    return ", ".join(f"{name} {value:g}" if value == int(value) else f"{name} {value:.3g}" for name, value in asked)


def content_of(family: MarginFamily) -> tuple[object, ...]:
    """Return what a family is known by: its options and what it took from the training rows, in the order of names."""
    return *sorted(family.options().items()), *(array for _, array in sorted(family.arrays().items()))
