"""Write a report into a folder: all of it, or nothing."""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from clinflu.errors import DataError
from clinflu.findings.document import Document
from clinflu.progress import Progress, silent
from clinflu.report.browser import draw, find_browser
from clinflu.report.csv_files import csv_text
from clinflu.report.html_report import html_page, notices
from clinflu.report.json_file import json_text
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
WORKPLACE = ".clinflu-"
LEFT_BEHIND_S = 24 * 3600.0
PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700


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
        A format is none, the folder holds something else, or there is no browser for the PDF and the figures.
    """
    unknown = [one for one in formats if one not in FORMATS]
    if unknown or not formats:
        raise DataError(f"a format is one of {', '.join(FORMATS)}; give one or several of them")
    if out.exists() and not _may_be_replaced(out):
        raise DataError(f"{out.name} is there already and is not a report, or not only; give a new folder")
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
        See :func:`check_target`; or the folder cannot be written.
    """
    check_target(out, formats)
    _check_keys(document)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _clear_left_behind(out.parent)
        workplace = Path(tempfile.mkdtemp(prefix=WORKPLACE, dir=out.parent))
    except OSError:
        raise DataError(f"cannot write beside {out.name}; give a folder that you may write to") from None
    try:
        new = workplace / "new"
        new.mkdir(mode=PRIVATE_FOLDER)
        _fill(document, new, formats, progress)
        _close(new) if document.internal else _open(new)
        _exchange(out, new, workplace / "old")
    except OSError as error:
        reason = error.strerror or "it cannot be written"
        raise DataError(f"{out.name} was not written: {reason}; free some space, or give another folder") from None
    finally:
        if out.exists() or not (workplace / "old").exists():  # never the only copy of the report that was there
            shutil.rmtree(workplace, ignore_errors=True)
    return Written(out, tuple(sorted(out.iterdir())))


def _clear_left_behind(folder: Path) -> None:
    """Remove what reports that were killed have left here a day ago or earlier."""
    for path in folder.glob(f"{WORKPLACE}*"):
        found = path.lstat()
        old = time.time() - found.st_mtime > LEFT_BEHIND_S
        if old and found.st_uid == os.geteuid() and (path / "new").is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)


def _fill(document: Document, new: Path, formats: tuple[str, ...], progress: Progress) -> None:
    if document.internal:
        (new / NOTICE).write_text("\n".join(notices(document)) + "\n", encoding="utf-8")
    texts: dict[str, tuple[str, Callable[[], str]]] = {
        "json": (JSON, lambda: json_text(document)),
        "html": (HTML, lambda: html_page(document)),
    }
    for kind, (name, make) in texts.items():
        if kind in formats or (kind == "html" and "pdf" in formats):
            (new / name).write_text(make(), encoding="utf-8")
    if "xlsx" in formats:
        (new / XLSX).write_bytes(workbook(document))
    if "csv" in formats:
        (new / TABLES).mkdir()
        for table in document.tables():
            (new / TABLES / f"{table.key}.csv").write_text(csv_text(table), encoding="utf-8", newline="")
    if set(formats) & set(DRAWN):
        figures = new / FIGURES if "figures" in formats and document.charts() else None
        if figures:
            figures.mkdir()
        draw(document, new / HTML, new / PDF if "pdf" in formats else None, figures, progress)
    if "html" not in formats:
        (new / HTML).unlink(missing_ok=True)


def _check_keys(document: Document) -> None:
    """Raise ValueError where a key of ours is no name of a file."""
    keys = [part.key for part in document.tables()] + [part.key for part in document.charts()]
    keys += [section.key for section in document.sections]
    wrong = [key for key in keys if not KEY.fullmatch(key)]
    if wrong:
        raise ValueError(f"keys of parts are small letters, digits and underscores, not {wrong[0]!r}")


def _may_be_replaced(folder: Path) -> bool:
    """Whether nothing but a report would be lost."""
    if not folder.is_dir() or folder.is_symlink():
        return False
    found = {path.name for path in folder.iterdir()}
    parts = [path for name in (TABLES, FIGURES) for path in (folder / name).glob("*")]
    return found <= OWN and all(OWN_FILE.fullmatch(path.name) and path.is_file() for path in parts)


def _close(folder: Path) -> None:
    """Close a report to everyone but its owner."""
    for path in folder.rglob("*"):
        path.chmod(PRIVATE_FOLDER if path.is_dir() else PRIVATE_FILE)


def _open(folder: Path) -> None:
    """Give a report the rights that new files of this user have."""
    mask = os.umask(0)
    os.umask(mask)
    folder.chmod(0o777 & ~mask)
    for path in folder.rglob("*"):
        path.chmod((0o777 if path.is_dir() else 0o666) & ~mask)


def _exchange(folder: Path, new: Path, old: Path) -> None:
    """Put the new folder in place; where that fails, the old one is back."""
    if folder.exists():
        folder.rename(old)
    try:
        new.rename(folder)
    except BaseException:
        if old.exists():
            old.rename(folder)
        raise
