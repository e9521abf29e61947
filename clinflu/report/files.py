"""Write files that only their owner can read, all of a file or nothing."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from clinflu.errors import DataError


def write_private(contents: dict[Path, str]) -> None:
    """Write text files with mode 0600: all of them, or none; a file that is there is replaced once all are written.

    Raises
    ------
    DataError
        One of them cannot be written there.
    """
    written: dict[Path, Path] = {}
    current = Path()
    try:
        for current, text in contents.items():
            current.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            written[current] = _write_beside(current, text)
        for current, workplace in written.items():
            workplace.replace(current)
    except OSError:
        raise DataError(f"cannot write {current.name} there; give a path in a folder that you may write to") from None
    finally:
        for workplace in written.values():
            workplace.unlink(missing_ok=True)


def as_json(values: dict[str, Any]) -> str:
    """Return values as JSON; a number that JSON cannot hold is a defect of ours, never text."""
    return json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _write_beside(path: Path, text: str) -> Path:
    """Write the text into a new file of the same folder, and return it."""
    if path.is_dir():
        raise IsADirectoryError(path)
    descriptor, workplace = tempfile.mkstemp(prefix=".clinflu-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
    except OSError:
        Path(workplace).unlink(missing_ok=True)
        raise
    return Path(workplace)
