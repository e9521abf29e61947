"""The ``cohort.toml`` of a folder of Parquet parts: what its columns mean, where its rows come from, and its parts.

It says of the columns what the description of a table says, see :mod:`data_loaders.table`, and besides::

    [source]                                      # optional
    simulated = true                              # optional: the patients are invented; every view will say so
    rows_read = 100000                            # optional: before any exclusion; otherwise what the rest adds up to
    definition = ["..."]                          # optional: what counts as a readmission, in sentences
    notes = ["..."]                               # optional: what the source leaves open
    planted = "planted.parquet"                   # optional: the causes of error that a simulator planted

    [[excluded]]                                  # optional: any number; these rows are in no part
    reason = "died in hospital"
    rows = 1639

    [[parts]]                                     # one or more, in the order of the rows
    file = "part-00000.parquet"
    rows = 65000
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clinflu.data import BaselineSpec, CohortSchema, Exclusion, FeatureSpec
from clinflu.data.validation import SHOWN
from clinflu.errors import LoaderError
from data_loaders.table_description import Description, description_of, is_table_name, read_toml
from data_loaders.toml_section import Section

COHORT_FILE = "cohort.toml"
PARTS = "parts"
SOURCE, EXCLUDED = "source", "excluded"
SUFFIX = ".parquet"
NOTICE = "# SIMULATED encounters: nobody here is real."


@dataclass(frozen=True, slots=True)
class PartFile:
    """One file of the folder, and how many rows it must hold."""

    file: str
    rows: int


@dataclass(frozen=True, slots=True)
class FolderDescription:
    """What a ``cohort.toml`` says.

    Parameters
    ----------
    schema : CohortSchema
        What the columns of every part mean.
    parts : tuple of PartFile
        In the order of the rows.
    rows_read : int
        Before any exclusion.
    exclusions : tuple of Exclusion
    simulated : bool
        Whether the patients are invented.
    planted : str, optional
        File of the planted causes.
    definition, notes : tuple of str
        As in ``Provenance``.
    """

    schema: CohortSchema
    parts: tuple[PartFile, ...]
    rows_read: int
    exclusions: tuple[Exclusion, ...] = ()
    simulated: bool = False
    planted: str | None = None
    definition: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """How many rows all parts hold together."""
        return sum(part.rows for part in self.parts)


def refuse(name: str, problems: list[str]) -> None:
    """Raise if there are problems, with all of them in one message."""
    if not problems:
        return
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    raise LoaderError(f"{name}: {count}: {'; '.join(problems[:SHOWN])}{more}. Mend the folder and load it again")


def read_folder_description(path: Path) -> FolderDescription:
    """Return what the description says.

    Raises
    ------
    LoaderError
        It cannot be read, or all that is wrong with it in one message.
    """
    content = read_toml(path)
    own = {key: content.pop(key, default) for key, default in ((SOURCE, {}), (EXCLUDED, []), (PARTS, []))}
    columns = description_of(content)
    problems = [*columns.problems, *_of_a_table_alone(columns)]
    source = Section(f"[{SOURCE}]", own[SOURCE], problems)
    simulated, planted = source.flag("simulated"), source.text("planted")
    definition, notes = source.texts("definition") or (), source.texts("notes") or ()
    rows_read = source.whole("rows_read") if "rows_read" in source else source.take("rows_read")
    source.close()
    exclusions = tuple(_excluded(own[EXCLUDED], problems))
    parts = tuple(_parts(own[PARTS], problems))
    if planted is not None and not (simulated and _is_part_name(planted)):
        source.problem("planted names the Parquet file of a simulated folder; leave it out where patients are real")
    if len({part.file for part in parts} | {planted}) <= len(parts):
        problems.append(f"[[{PARTS}]]: a file stands there more than once")
    kept = sum(part.rows for part in parts) + sum(one.rows for one in exclusions)
    if rows_read is not None and rows_read != kept and not problems:
        source.problem(f"rows_read is {rows_read:,}, but the rows of the parts and those excluded add up to {kept:,}")
    refuse(path.name, problems)
    if columns.schema is None:
        raise LoaderError(f"{path.name} does not say what the columns mean; see the description of a table")
    return FolderDescription(columns.schema, parts, kept, exclusions, simulated, planted, definition, notes)


def _of_a_table_alone(columns: Description) -> list[str]:
    """Return what may describe one table, but no folder, whose rows are as the cohort has them."""
    said = {
        "file": columns.file,
        "outcome_event": columns.outcome_event,
        "outcome_others": columns.outcome_others,
        "missing": columns.missing != ("",),
        "[[exclude]]": columns.rules,
        "[database]": columns.database,
    }
    return [f"{key} cannot stand in the description of a folder of parts" for key, value in said.items() if value]


def _excluded(content: object, problems: list[str]) -> Iterator[Exclusion]:
    for section in _sections(EXCLUDED, content, problems):
        reason, rows = section.text("reason", required=True), section.whole("rows", smallest=0)
        section.close()
        yield Exclusion(reason or "", rows or 0)


def _parts(content: object, problems: list[str]) -> Iterator[PartFile]:
    sections = _sections(PARTS, content, problems)
    if not sections:
        problems.append(f"[[{PARTS}]]: name at least one file")
    for section in sections:
        file, rows = section.text("file", required=True), section.whole("rows")
        section.close()
        if file is not None and not _is_part_name(file):
            section.problem(f"file must be the plain name of a {SUFFIX} in the same folder")
        yield PartFile(file or "", rows or 0)


def _is_part_name(name: str) -> bool:
    return is_table_name(name) and name.lower().endswith(SUFFIX)


def _sections(key: str, content: object, problems: list[str]) -> list[Section]:
    if not isinstance(content, list):
        problems.append(f"the description: write each as [[{key}]], in double brackets")
        return []
    return [Section(f"[[{key}]] {place}", value, problems) for place, value in enumerate(content, start=1)]


def written_description(described: FolderDescription) -> str:
    """Return the text of a ``cohort.toml``."""
    schema = described.schema
    table = {
        "encounter_id": schema.encounter_id,
        "patient_id": schema.patient_id,
        "outcome": schema.outcome,
        "outcome_label": schema.outcome_label,
        "subgroups": schema.subgroups,
    }
    source = {
        "simulated": described.simulated,
        "rows_read": described.rows_read,
        "definition": described.definition or None,
        "notes": described.notes or None,
        "planted": described.planted,
    }
    sections: list[tuple[str, dict[str, Any]]] = [
        ("[table]", table),
        (f"[{SOURCE}]", source),
        *((f"[[{EXCLUDED}]]", {"reason": one.reason, "rows": one.rows}) for one in described.exclusions),
        *((f"[features.{_toml(spec.name)}]", _of_feature(spec)) for spec in schema.features),
        *((f"[baselines.{_toml(spec.name)}]", _of_baseline(spec)) for spec in schema.baselines),
        *((f"[[{PARTS}]]", {"file": part.file, "rows": part.rows}) for part in described.parts),
    ]
    text = "\n\n".join("\n".join([title, *_lines(values)]) for title, values in sections)
    return f"{NOTICE}\n\n{text}\n" if described.simulated else f"{text}\n"


def _of_feature(spec: FeatureSpec) -> dict[str, Any]:
    if spec.is_codes:
        return {"label": spec.label, "separator": spec.separator, "fewest": spec.fewest}
    if spec.levels is not None:
        return {"label": spec.label, **({"levels": spec.levels} if spec.levels else {"category": True})}
    return {"label": spec.label, "unit": spec.unit, "bounds": spec.bounds, "log1p": spec.log1p}


def _of_baseline(spec: BaselineSpec) -> dict[str, Any]:
    return {"label": spec.label, "approximate": spec.approximate, "note": spec.note or None, "largest": spec.largest}


def _lines(values: dict[str, Any]) -> list[str]:
    return [f"{key} = {_toml(value)}" for key, value in values.items() if value is not None]


def _toml(value: object) -> str:
    """Return a value in TOML, whose texts, numbers and lists are those of JSON but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
