"""Write files that only their owner can read, all of a file or nothing."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from clinflu.errors import DataError


def write_private(path: Path, text: str) -> None:
    """Write a text file with mode 0600, replacing one that is there only once all of it is written.

    Raises
    ------
    DataError
        It cannot be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, workplace = tempfile.mkstemp(prefix=".clinflu-", dir=path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(text)
            Path(workplace).replace(path)
        finally:
            Path(workplace).unlink(missing_ok=True)
    except OSError:
        raise DataError(f"cannot write {path.name} there; give a path in a folder that you may write to") from None


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write values as JSON with mode 0600; numbers that JSON cannot hold are an error of ours, never text."""
    write_private(path, json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
