"""Write a report into a folder: all of it, or nothing."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from clinflu.errors import DataError
from clinflu.findings.document import Document
from clinflu.progress import Progress, silent
from clinflu.report.browser import draw
from clinflu.report.chromium import find_browser
from clinflu.report.csv_files import csv_text
from clinflu.report.html_report import html_page, notices
from clinflu.report.json_file import json_text
from clinflu.report.place import check_writable, close, give_usual_rights, whole
from clinflu.report.xlsx import workbook

FORMATS = ("html", "pdf", "xlsx", "csv", "figures", "json")
DRAWN = ("pdf", "figures")
HTML, PDF, XLSX, JSON, TABLES, FIGURES, NOTICE = (
    *("report.html", "report.pdf", "report.xlsx", "report.json"),
    *("tables", "figures", "INTERNAL.txt"),
)
OWN = frozenset((HTML, PDF, XLSX, JSON, TABLES, FIGURES, NOTICE))
OWN_FILE = re.compile(r"[a-z0-9_]+\.(csv|png|svg)")
KEY = re.compile(r"[a-z][a-z0-9_]{0,60}")


@dataclass(frozen=True, slots=True)
class Written:
    """Where a report was written.

    Parameters
    ----------
    folder : Path
    paths : tuple of Path
        Its files, and the folders of tables and figures.
    """

    folder: Path
    paths: tuple[Path, ...]


def check_target(out: Path, formats: tuple[str, ...]) -> None:
    """Raise DataError where a report cannot be written there, before anything is computed.

    Raises
    ------
    DataError
        A format is none, the folder holds something else or cannot be written, or there is no browser for the PDF and
        the figures.
    """
    unknown = [one for one in formats if one not in FORMATS]
    if unknown or not formats:
        raise DataError(f"a format is one of {', '.join(FORMATS)}; give one or several of them")
    try:
        foreign = out.is_symlink() or (out.exists() and not _may_be_replaced(out))
    except OSError:
        raise DataError(f"{out.name} cannot be read; give a folder that you may write to") from None
    if foreign:
        raise DataError(f"{out.name} is there already and is not a report, or not only; give a new folder")
    try:
        check_writable(out)
    except OSError as error:
        raise _not_written(out, error) from None
    if set(formats) & set(DRAWN):
        find_browser()


def write_report(
    document: Document, out: Path, formats: tuple[str, ...] = FORMATS, progress: Progress = silent
) -> Written:
    """Write a report; one that is there already is replaced as a whole.

    Parameters
    ----------
    document : Document
        One with small cells is readable by its owner alone.
    out : Path
        Folder.
    formats : tuple of str
        Of ``FORMATS``.
    progress : Progress
        Over what is drawn.

    Raises
    ------
    DataError
        See :func:`check_target`; or the folder cannot be written, or the browser does not draw.
    """
    check_target(out, formats)
    _check_keys(document)
    place = out.absolute()
    try:
        with whole(place) as new:
            _fill(document, new, formats, progress)
            close(new) if document.internal else give_usual_rights(new)
    except OSError as error:
        raise _not_written(place, error) from None
    return Written(out, tuple(sorted(out.iterdir())))


def _not_written(place: Path, error: OSError) -> DataError:
    reason = error.strerror or "it cannot be written"
    return DataError(f"{place.name} was not written: {reason}; free some space, or give another folder")


def _fill(document: Document, new: Path, formats: tuple[str, ...], progress: Progress) -> None:
    if document.internal:
        _text(new / NOTICE, "\n".join(notices(document)) + "\n")
    page = html_page(document) if {"html", *DRAWN} & set(formats) else ""
    parts: dict[str, Callable[[], object]] = {
        "json": lambda: _text(new / JSON, json_text(document)),
        "html": lambda: _text(new / HTML, page),
        "xlsx": lambda: (new / XLSX).write_bytes(workbook(document)),
        "csv": lambda: _tables(document, new / TABLES),
    }
    for kind, write in parts.items():
        if kind in formats:
            write()
    figures = new / FIGURES if "figures" in formats and document.charts() else None
    if figures:
        figures.mkdir()
    if figures or "pdf" in formats:
        draw(document, page, new / PDF if "pdf" in formats else None, figures, progress)


def _tables(document: Document, folder: Path) -> None:
    folder.mkdir()
    for table in document.tables():
        _text(folder / f"{table.key}.csv", csv_text(table))


def _text(path: Path, text: str) -> None:
    """Write a text; half a character, which UTF-8 cannot hold, becomes a question mark."""
    path.write_text(text, encoding="utf-8", errors="replace", newline="")


def _check_keys(document: Document) -> None:
    """Raise ValueError where a key of ours is no name of a file, or a chart has no table."""
    tables = [part.key for part in document.tables()]
    keys = [*tables, *(part.key for part in document.charts()), *(section.key for section in document.sections)]
    wrong = [key for key in keys if not KEY.fullmatch(key)]
    if wrong:
        raise ValueError(f"keys of parts are small letters, digits and underscores, not {wrong[0]!r}")
    alone = [part.key for part in document.charts() if part.table not in tables]
    if alone:
        raise ValueError(f"every chart names a table of its report; {alone[0]!r} does not")


def _may_be_replaced(folder: Path) -> bool:
    """Whether nothing but a report would be lost."""
    if not folder.is_dir():
        return False
    found = {path.name for path in folder.iterdir()}
    parts = [path for name in (TABLES, FIGURES) for path in (folder / name).glob("*")]
    return found <= OWN and all(OWN_FILE.fullmatch(path.name) and path.is_file() for path in parts)
