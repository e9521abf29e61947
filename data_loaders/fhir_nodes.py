"""The parts of a FHIR resource, each read in the type that it must have; what is wrong is told by its path."""

import re
from calendar import monthrange
from collections import Counter
from datetime import date
from functools import lru_cache
from math import isfinite
from typing import Any, NamedTuple, Protocol

from clinflu.data import Finding
from clinflu.data.validation import SHOWN
from clinflu.errors import LoaderError

NO_TIME = -(2**63)  # what numpy takes for none
FIRST_YEAR, LAST_YEAR = 1700, 2300
DAY_SECONDS, HOUR_SECONDS, MINUTE_SECONDS = 86_400, 3_600, 60
EPOCH = date(1970, 1, 1).toordinal()
LONGEST_TIME, LONGEST_ID = 40, 256
TIME = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII
)
A_TIME = "expected a time"
IN_YEARS = f"expected a time of the years {FIRST_YEAR} to {LAST_YEAR}"
VERSION = "/_history/"
URNS = ("urn:uuid:", "urn:oid:")


class Log:
    """What is wrong with an export, and what was noticed in it; grows with neither.

    Problems keep the export from being loaded; they name the file, the row and the path, and never the value.
    """

    def __init__(self) -> None:
        self.count = 0
        self._shown: list[str] = []
        self._noticed: Counter[tuple[str, str, str]] = Counter()

    def wrong(self, problem: str) -> None:
        """Add a problem."""
        self.count += 1
        if len(self._shown) < SHOWN:
            self._shown.append(problem)

    def notice(self, table: str, column: str, what: str, rows: int = 1) -> None:
        """Count rows that are read in part or not at all."""
        if rows:
            self._noticed[table, column, what] += rows

    def findings(self) -> tuple[Finding, ...]:
        """Return what was noticed, by table and column."""
        return tuple(Finding(*key, rows) for key, rows in sorted(self._noticed.items()))

    def require_none(self) -> None:
        """Raise one error that names the first problems and how many there are."""
        if not self.count:
            return
        count = "1 problem" if self.count == 1 else f"{self.count:,} problems"
        more = f"; and {self.count - SHOWN:,} more" if self.count > SHOWN else ""
        raise LoaderError(
            f"nothing was loaded: {count}: {'; '.join(self._shown)}{more}. Mend the files and load them again"
        )


class Above(Protocol):
    """What a part belongs to."""

    def wrong(self, path: str, expected: str) -> None:
        """Say what should stand at a path."""


class Line:
    """One line of a file."""

    __slots__ = ("file", "log", "row")

    def __init__(self, log: Log, file: str, row: int) -> None:
        self.log, self.file, self.row = log, file, row

    def wrong(self, path: str, expected: str) -> None:
        """Add a problem of this line; without a path it is one of the whole line."""
        self.log.wrong(f"{self.file} row {self.row}{f', {path}' if path else ''}: {expected}")


class Moment(NamedTuple):
    """A time as it is written: on the clock of the ward, whatever its offset from UTC.

    ``seconds`` count from 1970 to the start of what is written, a date alone being midnight; ``latest`` is the same,
    but the last second of a year or month that stands alone.
    """

    seconds: int
    latest: int
    zone: str

    @property
    def is_exact(self) -> bool:
        """Whether the day is known."""
        return self.seconds == self.latest


class Coding(NamedTuple):
    """A code of some system, or words alone."""

    system: str
    code: str
    words: str


class Node:
    """An object of a resource; a part that is absent reads as an empty one."""

    __slots__ = ("above", "fields", "name")

    def __init__(self, fields: dict[str, Any], above: Above, name: str = "") -> None:
        self.fields, self.above, self.name = fields, above, name

    def wrong(self, path: str, expected: str) -> None:
        """Say what should stand at a path below this part."""
        self.above.wrong(f"{self.name}.{path}" if self.name else path, expected)

    def text(self, name: str) -> str | None:
        """Return a text, None where it is absent or empty."""
        value = self.fields.get(name)
        if value is None or isinstance(value, str):
            return value or None
        self.wrong(name, "expected text")
        return None

    def number(self, name: str) -> float | None:
        """Return a finite number."""
        value = self.fields.get(name)
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                number = float(value)
            except OverflowError:
                number = float("inf")
            if isfinite(number):
                return number
        self.wrong(name, "expected a finite number")
        return None

    def is_true(self, name: str) -> bool:
        """Return a flag, false where it is absent."""
        value = self.fields.get(name)
        if value is not None and not isinstance(value, bool):
            self.wrong(name, "expected true or false")
        return value is True

    def moment(self, name: str) -> Moment | None:
        """Return a time."""
        text = self.text(name)
        if text is None:
            return None
        try:
            return moment(text)
        except ValueError as error:
            self.wrong(name, str(error))
            return None

    def node(self, name: str) -> "Node":
        """Return an object."""
        value = self.fields.get(name)
        if isinstance(value, dict):
            return Node(value, self, name)
        if value is not None:
            self.wrong(name, "expected an object")
        return Node({}, self, name)

    def nodes(self, name: str) -> list["Node"]:
        """Return the objects of a list."""
        value = self.fields.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self.wrong(name, "expected a list")
            return []
        found = []
        for place, one in enumerate(value):
            if isinstance(one, dict):
                found.append(Node(one, self, f"{name}[{place}]"))
            else:
                self.wrong(f"{name}[{place}]", "expected an object")
        return found

    def codings(self, name: str, *, plain: bool = False) -> list[Coding]:
        """Return the codes of a Coding, a CodeableConcept or a list of them, and last their words.

        Parameters
        ----------
        name : str
        plain : bool
            A text alone, as before R4, is a code too.
        """
        value = self.fields.get(name)
        if value is None:
            return []
        if plain and isinstance(value, str):
            return [Coding("", value, "")]
        concepts = self.nodes(name) if isinstance(value, list) else [self.node(name)]
        return [coding for concept in concepts for coding in _codings(concept)]

    def reference(self, name: str, kind: str) -> str | None:
        """Return the id of a resource of a kind that is referred to, None where the reference is to none."""
        text = self.node(name).text("reference")
        return None if text is None else id_in(text, kind)

    def identity(self) -> str | None:
        """Return the id of this resource."""
        text = self.text("id")
        if text is None and not self.fields.get("id"):
            self.wrong("id", "missing, but every resource needs it")
        if text is not None and len(text) > LONGEST_ID:
            self.wrong("id", f"expected at most {LONGEST_ID} characters")
        return text


def id_in(reference: str, kind: str) -> str | None:
    """Return the id in a reference to a resource of a kind, None where it leads to something else.

    ``Patient/x``, an address that ends so, with or without a version, and ``urn:uuid:x`` are read; what is contained,
    or described by a search, is not.
    """
    if reference.startswith(URNS):
        return reference.rpartition(":")[2]
    before, _, found = reference.partition(VERSION)[0].rpartition("/")
    return found if found and (before == kind or before.endswith(f"/{kind}")) else None


def moment(text: str) -> Moment:
    """Return a FHIR dateTime, date or instant; raise ValueError with what was expected."""
    if len(text) > LONGEST_TIME:
        raise ValueError(A_TIME)
    return _moment(text)


@lru_cache(maxsize=2**14)
def _moment(text: str) -> Moment:
    found = TIME.fullmatch(text)
    if found is None:
        raise ValueError(A_TIME)
    year, month, day, *clock = (int(one) if one else None for one in found.groups()[:6])
    hour, minute, second = (one or 0 for one in clock)
    if year is None or not FIRST_YEAR <= year <= LAST_YEAR:
        raise ValueError(IN_YEARS)
    if hour >= 24 or minute >= 60 or second > 60:
        raise ValueError(A_TIME)
    try:
        start = (date(year, month or 1, day or 1).toordinal() - EPOCH) * DAY_SECONDS
        last_month = month or 12
        end = (date(year, last_month, monthrange(year, last_month)[1]).toordinal() - EPOCH + 1) * DAY_SECONDS - 1
    except ValueError:
        raise ValueError(A_TIME) from None
    start += HOUR_SECONDS * hour + MINUTE_SECONDS * minute + min(second, 59)
    return Moment(start, start if day else end, found[7] or "")


def _codings(concept: Node) -> list[Coding]:
    parts = concept.nodes("coding") if "coding" in concept.fields else [concept]
    found = [Coding(part.text("system") or "", part.text("code") or "", part.text("display") or "") for part in parts]
    words = concept.text("text")
    return [*found, Coding("", "", words)] if words else found
