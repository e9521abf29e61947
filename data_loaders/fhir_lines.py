"""The resources of a FHIR bulk export, one after another, however large its files are."""

import io
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from pydantic_core import from_json

from clinflu.errors import LoaderError
from data_loaders.fhir_nodes import Line, Log, Node
from data_loaders.tables.members import BLOCK_BYTES, Member, members, require_sound

SUFFIXES = (".ndjson", ".jsonl")
TELLING = ("Encounter", "Patient")
KIND = re.compile(rb'\s*\{\s*"resourceType"\s*:\s*"([A-Za-z]+)"')
MARK = b"\xef\xbb\xbf"
MOST_LINE_BYTES = 2**23
LOOKED_AT_FILES, LOOKED_AT_ROWS, LOOKED_AT_BYTES = 50, 100, 2**18
NOT_JSON = "is not a JSON object in UTF-8, complete on its line"
TOO_LONG = f"is longer than {MOST_LINE_BYTES // 2**20} MiB"


def files(source: Path) -> list[Member]:
    """Return the NDJSON files of a source."""
    return members(source, SUFFIXES)


def holds_resources(source: Path) -> bool:
    """Whether an Encounter or a Patient stands early in one of the files; never raises."""
    with suppress(LoaderError, OSError, ValueError):
        found = sorted(files(source), key=lambda one: not _is_named(one, TELLING))
        return any(_tells(member) for member in found[:LOOKED_AT_FILES])
    return False


class Export:
    """The files of an export.

    Parameters
    ----------
    found : list of Member
    log : Log
        Where problems go.
    wanted : collection of str
        Kinds of resource. A line that begins with another ``resourceType`` is not read further.
    """

    def __init__(self, found: list[Member], log: Log, wanted: Collection[str]) -> None:
        self.found, self.log, self.wanted = found, log, wanted

    def resources(self) -> Iterator[tuple[str, Node]]:
        """Give every resource that is wanted, with its kind."""
        for member in self.found:
            try:
                if member.is_packed or _is_named(member, self.wanted):
                    require_sound(member)
                with member.unpacked() as stream:
                    yield from self._of(member, stream)
            except LoaderError as error:
                self.log.wrong(str(error))

    def _of(self, member: Member, stream: IO[bytes]) -> Iterator[tuple[str, Node]]:
        for row, text in _rows(stream):
            started = KIND.match(text)
            if started and started[1].decode() not in self.wanted:
                continue
            line = Line(self.log, member.name, row)
            fields = _parsed(text, line)
            if fields is None:
                continue
            kind = fields.get("resourceType")
            if isinstance(kind, str):
                if kind in self.wanted:
                    yield kind, Node(fields, line)
            elif _is_named(member, self.wanted):  # the log of an export holds other lines
                line.wrong("resourceType", "expected text")


def _is_named(member: Member, kinds: Collection[str]) -> bool:
    return member.name.lower().startswith(tuple(kind.lower() for kind in kinds))


def _rows(stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Give the lines that are not blank, each with its number; one that is too long, cut short."""
    lines = io.BufferedReader(stream, BLOCK_BYTES)  # type: ignore[type-var]
    row = 0
    try:
        while text := lines.readline(MOST_LINE_BYTES + 1):
            row += 1
            rest = text
            while len(rest) > MOST_LINE_BYTES and not rest.endswith(b"\n"):
                rest = lines.readline(MOST_LINE_BYTES + 1)
            if row == 1:
                text = text.removeprefix(MARK)
            if not text.isspace():
                yield row, text
    finally:
        lines.detach()  # whoever opened the stream closes it


def _parsed(text: bytes, line: Line) -> dict[str, Any] | None:
    if len(text) > MOST_LINE_BYTES:
        line.wrong("", TOO_LONG)
        return None
    try:
        fields = from_json(text)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        line.wrong("", NOT_JSON)
        return None
    return fields


def _tells(member: Member) -> bool:
    with member.unpacked() as stream:
        head = stream.read(LOOKED_AT_BYTES).removeprefix(MARK)
    for text in head.split(b"\n", LOOKED_AT_ROWS)[:LOOKED_AT_ROWS]:
        with suppress(ValueError):
            started = KIND.match(text)
            fields = {"resourceType": started[1].decode()} if started else from_json(text)
            if isinstance(fields, dict) and fields.get("resourceType") in TELLING:
                return True
    return False
