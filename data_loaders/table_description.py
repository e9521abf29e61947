"""The TOML that describes a table: read key by key, with every problem kept for one message."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clinflu.data import BaselineSpec, CohortSchema, FeatureSpec
from clinflu.data.schema import FEWEST, LARGEST_SEPARATOR
from clinflu.errors import DataError, LoaderError
from data_loaders.toml_section import Section, nearest

MAX_BYTES = 2**20
SUFFIXES = (".csv", ".parquet")
KEYS = ("encounter_id", "patient_id", "outcome")
NUMBER_KEYS = ("unit", "bounds", "log1p")
DATABASE = "database"


@dataclass(frozen=True, slots=True)
class Rule:
    """Rows to leave out: those whose column holds one of the values."""

    column: str
    values: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, repr=False)
class Database:
    """Rows of a database: its URL, never shown, and either a query or the name of a table."""

    url: str
    query: str | None
    table: str | None


@dataclass(frozen=True, slots=True)
class Description:
    """What a TOML says of a table.

    Parameters
    ----------
    file : str, optional
        Name of the table, in the folder of the TOML; by default the stem of the TOML tells.
    columns : tuple of str
        Every column that is named, each once.
    schema : CohortSchema, optional
        ``None`` where there are problems.
    outcome_event : str, optional
        The value of the outcome column that means the event; by default the column holds 0 and 1.
    outcome_others : tuple of str, optional
        The values that mean that there was no event; by default any other does.
    missing : tuple of str
        What stands for a missing value.
    rules : tuple of Rule
        Exclusions, in order.
    database : Database, optional
        Where the rows are, if not in a file.
    problems : tuple of str
        All that is wrong with the description.
    """

    file: str | None
    columns: tuple[str, ...]
    schema: CohortSchema | None
    outcome_event: str | None
    outcome_others: tuple[str, ...] | None
    missing: tuple[str, ...]
    rules: tuple[Rule, ...]
    database: Database | None
    problems: tuple[str, ...]


def read_toml(path: Path) -> dict[str, Any]:
    """Return the content of a TOML file.

    Raises
    ------
    LoaderError
        It is absent, too large to be a description, not UTF-8 or not TOML; the line is named.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError:
        raise LoaderError(f"{path.name} cannot be read; check that it is there and that you may open it") from None
    if len(content) > MAX_BYTES:
        raise LoaderError(f"{path.name} is too large to describe a table; check that it is the right file")
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise LoaderError(f"{path.name} is not UTF-8; save it as UTF-8 and try again") from None
    except (ValueError, RecursionError) as error:
        place = re.search(r"\(at (line \d+, column \d+)\)", str(error))
        where = f" at {place[1]}" if place else ""
        raise LoaderError(f"{path.name} is not TOML{where}; mend that line (texts need quotes)") from None


def is_table_name(name: object) -> bool:
    """Whether this is the plain name of a CSV or Parquet file, without any folder."""
    if not isinstance(name, str) or not name.isprintable() or "/" in name or "\\" in name:
        return False
    return Path(name).name == name and Path(name).suffix.lower() in SUFFIXES


def read_description(path: Path) -> Description:
    """Return what the TOML says, with all its problems.

    Raises
    ------
    LoaderError
        It cannot be read as TOML at all.
    """
    return description_of(read_toml(path))


def description_of(content: dict[str, Any]) -> Description:
    """Return what the content of a TOML says, with all its problems."""
    problems: list[str] = []
    document = Section("the description", content, problems)
    table = Section("[table]", document.take("table", {}), problems)
    features = _features(document.take("features", {}), problems)
    baselines = _baselines(document.take("baselines", {}), problems)
    rules = _rules(document.take("exclude", []), problems)
    database = _database(document.take(DATABASE), problems) if DATABASE in document else None
    document.close()
    file = table.text("file")
    if file and database:
        table.problem(f"file and [{DATABASE}] both say where the rows are; leave one out")
    keys = {key: table.text(key, required=True) for key in KEYS}
    _require_distinct_keys(keys, features, baselines, problems)
    event, others = table.text("outcome_event"), table.texts("outcome_others")
    if others and (event is None or event in others):
        table.problem("outcome_others are the values beside outcome_event that mean no event; give both, apart")
    label = table.text("outcome_label") or (keys["outcome"] or "").replace("_", " ")
    missing = table.texts("missing")
    subgroups = _subgroups(table, features)
    table.close()
    schema = None if problems else _schema(keys, (features, baselines), label, subgroups, problems)
    named = [*keys.values(), *(rule.column for rule in rules), *features, *baselines]
    columns = tuple(dict.fromkeys(name for name in named if name))
    return Description(
        file, columns, schema, event, others, ("",) if missing is None else missing, rules, database, tuple(problems)
    )


def _database(content: object, problems: list[str]) -> Database:
    section = Section(f"[{DATABASE}]", content, problems)
    url, query, table = section.text("url", required=True), section.text("query"), section.text("table")
    section.close()
    if (query is None) == (table is None):
        section.problem("needs either a query or the name of a table")
    return Database(url or "", query, table)


def _schema(
    keys: dict[str, str | None],
    columns: tuple[dict[str, FeatureSpec | None], dict[str, BaselineSpec | None]],
    label: str,
    subgroups: tuple[str, ...],
    problems: list[str],
) -> CohortSchema | None:
    names = {key: str(name) for key, name in keys.items()}
    features = tuple(spec for spec in columns[0].values() if spec is not None)
    baselines = tuple(spec for spec in columns[1].values() if spec is not None)
    try:
        return CohortSchema(**names, features=features, outcome_label=label, subgroups=subgroups, baselines=baselines)
    except DataError as error:
        problems.append(str(error))
        return None


def _features(content: object, problems: list[str]) -> dict[str, FeatureSpec | None]:
    """Return the features by column; ``None`` for one that has a problem."""
    if not isinstance(content, dict) or not content:
        problems.append("the description: name at least one feature, as [features.COLUMN]")
        return {}
    return {name: _feature(name, value, problems) for name, value in content.items()}


def _feature(name: str, content: object, problems: list[str]) -> FeatureSpec | None:
    before = len(problems)
    section = Section(f"feature {name!r}", content, problems)
    label, unit = section.text("label"), section.text("unit")
    bounds, log1p = section.bounds("bounds"), section.flag("log1p")
    levels, category = section.texts("levels"), section.flag("category")
    separator = section.text("separator")
    fewest = section.whole("fewest") if "fewest" in section else section.take("fewest")
    section.close()
    if not name.strip():
        section.problem("needs the name of a column")
    numeric = [key for key in NUMBER_KEYS if key in section]
    if (levels is not None or category) and numeric:
        section.problem(f"is a category, so it takes no {' and no '.join(numeric)}; or take out levels and category")
    _require_one_kind(section, separator)
    if levels == ():
        section.problem("levels is empty; name them, or write category = true to learn them")
    if levels is not None and "category" in section and not category:
        section.problem("has levels, but category is false; take one of them out")
    if log1p and (bounds is None or bounds[0] < 0):
        section.problem("log1p needs bounds that start at 0 or above")
    if len(problems) > before:
        return None
    if separator is not None:
        return FeatureSpec(name, label or name, separator=separator, fewest=FEWEST if fewest is None else fewest)
    return FeatureSpec(name, label or name, unit, () if category and levels is None else levels, bounds, log1p)


def _require_one_kind(section: Section, separator: str | None) -> None:
    """Note where something goes with a set of codes alone, or not with one."""
    others = [key for key in ("levels", "category", *NUMBER_KEYS) if key in section]
    if others and "separator" in section:
        section.problem(f"has a separator, so it is a set of codes and takes no {' and no '.join(others)}")
    if "fewest" in section and "separator" not in section:
        section.problem("fewest goes with a set of codes alone; say what stands between them: separator = ';'")
    if separator is not None and len(separator) > LARGEST_SEPARATOR:
        section.problem(f"separator must be a text of at most {LARGEST_SEPARATOR} characters")


def _baselines(content: object, problems: list[str]) -> dict[str, BaselineSpec | None]:
    """Return the scores to compare the model with by column; ``None`` for one that has a problem."""
    if not isinstance(content, dict):
        problems.append("the description: write each score to compare with as [baselines.COLUMN]")
        return {}
    return {name: _baseline(name, value, problems) for name, value in content.items()}


def _baseline(name: str, content: object, problems: list[str]) -> BaselineSpec | None:
    before = len(problems)
    section = Section(f"baseline {name!r}", content, problems)
    label, note, approximate = section.text("label"), section.text("note"), section.flag("approximate")
    largest = section.whole("largest")
    section.close()
    if not name.strip():
        section.problem("needs the name of a column")
    silent = "note" not in section if note is None else not note.strip()
    if approximate and silent:
        section.problem("is approximate, so it needs a note that says what is missing")
    if len(problems) > before or largest is None:
        return None
    return BaselineSpec(name, label or name, approximate, note or "", largest)


def _rules(content: object, problems: list[str]) -> tuple[Rule, ...]:
    if not isinstance(content, list):
        problems.append("the description: write each exclusion as [[exclude]], in double brackets")
        return ()
    return tuple(_rule(f"[[exclude]] {place}", value, problems) for place, value in enumerate(content, start=1))


def _rule(title: str, content: object, problems: list[str]) -> Rule:
    section = Section(title, content, problems)
    column, reason = section.text("column", required=True), section.text("reason", required=True)
    values = section.texts("values")
    section.close()
    if not values and ("values" not in section or values == ()):
        section.problem("values must name at least one value")
    return Rule(column or "", values or (), reason or "")


def _require_distinct_keys(
    keys: dict[str, str | None],
    features: dict[str, FeatureSpec | None],
    baselines: dict[str, BaselineSpec | None],
    problems: list[str],
) -> None:
    roles: dict[str, str] = {}
    problems += [
        f"baseline {name!r}: this column is a feature; a score that the model uses is none to compare it with"
        for name in baselines
        if name in features
    ]
    for role, name in keys.items():
        if name is None:
            continue
        if name in roles:
            problems.append(f"[table]: {roles[name]} and {role} are the same column {name!r}; give each its own")
        elif name in features:
            problems.append(f"feature {name!r}: this column is the {role}; take it out of the features")
        elif name in baselines:
            problems.append(f"baseline {name!r}: this column is the {role}; take it out of the baselines")
        roles.setdefault(name, role)


def _subgroups(table: Section, features: dict[str, FeatureSpec | None]) -> tuple[str, ...]:
    """Return the subgroups named, by default all categories."""
    named = table.texts("subgroups")
    if named is None:
        return tuple(name for name, spec in features.items() if spec is not None and spec.is_category)
    for name in named:
        if name not in features:
            table.problem(f"subgroups: {name!r} is not a feature{nearest(name, features)}")
        elif (spec := features[name]) is not None and not spec.is_category:
            what = "a number" if spec.is_number else spec.in_words
            table.problem(f"subgroups: {name!r} is {what}; name a category, or band it first")
    return named
