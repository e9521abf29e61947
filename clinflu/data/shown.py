"""What a person sees of a recorded value: its text and unit, and an age over 89 only as "90+"."""

import pandas as pd

from clinflu.data.age import is_age, says_age, shown_age
from clinflu.data.schema import FeatureSpec

NOT_RECORDED = "not recorded"
ONES = "admission appointment day drug encounter hour medication month procedure stay test treatment visit week year"
COUNTED = {f"{one}s": one for one in ONES.split()} | {"diagnoses": "diagnosis"}  # units are free text


def shown(spec: FeatureSpec, recorded: object) -> str:
    """Return a recorded value, or a level, as a person sees it: plain text with its unit, not escaped.

    Parameters
    ----------
    spec : FeatureSpec
        What the value is of.
    recorded : object
        As the cohort's frame holds it.

    Returns
    -------
    str
        ``"not recorded"`` where it is missing; ``"90+"``, with the unit, where it is an age over 89.
    """
    return recorded_text(shown_age(recorded) if is_age(spec) else recorded, spec.unit)


def shown_value(recorded: object, variable: str, label: str, unit: object = None) -> object:
    """Return a recorded value as it may leave the cohort: ``"90+"`` for an age over 89, else as it is.

    Parameters
    ----------
    recorded : object
    variable, label : str
        Name of the recorded variable, and what a clinician calls it: one of them says that it is an age.
    unit : str, optional
        None, or missing, where it has none.
    """
    return shown_age(recorded) if says_age(variable, label, unit if isinstance(unit, str) else None) else recorded


def recorded_text(recorded: object, unit: object = None) -> str:
    """Return a recorded value with its unit in plain text, not escaped."""
    if pd.isna(recorded):
        return NOT_RECORDED
    text = f"{recorded:g}" if isinstance(recorded, float) else printable(str(recorded))
    if unit is None or pd.isna(unit):
        return text
    return f"{text} {COUNTED.get(str(unit), unit) if text == '1' else unit}"


def printable(text: str) -> str:
    """Return a text without the control characters that a terminal would obey."""
    return "".join(one if one.isprintable() else " " for one in text)
