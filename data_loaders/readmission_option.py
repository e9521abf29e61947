"""The definition of a readmission as a person names it: a preset, or a TOML file."""

import inspect
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from clinflu.data import HOSPITAL_WIDE, ReadmissionSpec
from clinflu.errors import DataError, LoaderError
from data_loaders.loader import Loader
from data_loaders.table_description import read_toml
from data_loaders.toml_section import nearest

OWN_LABEL = "own-label"
PRESETS: Mapping[str, ReadmissionSpec] = {"unplanned": ReadmissionSpec(), "hospital-wide": HOSPITAL_WIDE}
SECTION = "readmission"
LISTS = ("leave_out", "admission_types")


def takes_definition(loader: Loader) -> bool:
    """Whether a loader makes its label of recorded stays, by a definition that can be chosen."""
    return "spec" in inspect.signature(loader.load).parameters


def definition(name: str) -> ReadmissionSpec | str:
    """Return a definition by the name of a preset, ``"own-label"``, or a TOML file with a section ``[readmission]``.

    Raises
    ------
    LoaderError
        It is neither, or the file holds something that is no part of a definition.
    """
    if name == OWN_LABEL:
        return OWN_LABEL
    if name in PRESETS:
        return PRESETS[name]
    if not name.endswith(".toml"):
        raise LoaderError(
            f"no definition of a readmission is called {name!r}; there are: {', '.join(PRESETS)}, {OWN_LABEL}, or a "
            "TOML file with a section [readmission]"
        )
    return _from_toml(Path(name))


def _from_toml(path: Path) -> ReadmissionSpec:
    document = read_toml(path)
    section = document.get(SECTION)
    if not isinstance(section, dict) or set(document) != {SECTION}:
        raise LoaderError(f"{path.name} must hold one section, [readmission], and nothing else")
    known = [field.name for field in fields(ReadmissionSpec)]
    unknown = [key for key in section if key not in known]
    if unknown:
        raise LoaderError(f"{path.name}: a definition has no {unknown[0]!r}{nearest(unknown[0], known)}")
    name = section.get("name", ReadmissionSpec().name)
    if not isinstance(name, str) or not name.strip():
        raise LoaderError(f"{path.name}: name must be a text in quotes")
    lists = [key for key in LISTS if not isinstance(section.get(key, []), list)]
    if lists:
        raise LoaderError(f"{path.name}: {lists[0]} must be a list of texts, such as ['A', 'B']")
    given: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in section.items()}
    try:
        return ReadmissionSpec(**given)
    except (DataError, TypeError) as error:
        raise LoaderError(f"{path.name}: {error}") from None
