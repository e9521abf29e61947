"""Public tables that can be downloaded, with the hashes that they must have."""

import contextlib
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from clinflu.errors import LoaderError
from data_loaders.reading import read_member

DIABETES130_URL = "https://archive.ics.uci.edu/static/public/296/diabetes+130-us+hospitals+for+years+1999-2008.zip"
DIABETES130_SHA256 = "0689e7ec031237dc63031b938805c48377748761a3b26acab621567afa24df97"
DIABETES130_FILE = "dataset_diabetes.zip"


def default_folder() -> Path:
    """Return the folder of this user in which fetched tables are kept."""
    import platformdirs

    return Path(platformdirs.user_data_dir("clinflu"))


def fetched_diabetes130() -> Path:
    """Return where the UCI table is: in ``$CLINFLU_DATA``, or where ``clinflu data fetch`` put it.

    Raises
    ------
    LoaderError
        It has not been fetched.
    """
    path = Path(os.environ.get("CLINFLU_DATA") or default_folder()) / DIABETES130_FILE
    if not path.exists():
        raise LoaderError(
            "the UCI table is not on this machine: run 'clinflu data fetch diabetes130', or give --data PATH"
        )
    return path


def fetch_diabetes130(folder: Path) -> Path:
    """Download the UCI table (dataset 296), check it and put it into the folder.

    The sha256 is that of ``diabetic_data.csv`` inside the archive, since archives are repacked.

    Returns
    -------
    Path
        The archive.

    Raises
    ------
    LoaderError
        The download failed, or what came is not the published table; nothing is left behind.
    """
    import pooch
    import requests

    target = folder / DIABETES130_FILE
    if target.exists():
        _require_published(target, "remove it and fetch it again")
        return target
    by_hand = f"download {DIABETES130_URL} on a machine that can, and put it at {target}"
    with tempfile.TemporaryDirectory() as workplace:
        pooch.get_logger().setLevel("ERROR")
        try:
            downloaded = pooch.retrieve(DIABETES130_URL, known_hash=None, fname=DIABETES130_FILE, path=workplace)
        except (requests.RequestException, OSError):
            raise LoaderError(f"cannot reach the UCI repository: {by_hand}") from None
        _require_published(Path(downloaded), by_hand)
        _put(Path(downloaded), target)
    return target


def _put(downloaded: Path, target: Path) -> None:
    """Move the file to its place, where it appears whole or not at all."""
    partial = target.with_suffix(".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(downloaded, partial)
        partial.replace(target)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise LoaderError(f"cannot write {target}; name a folder that you may write to, with space left") from None


def _require_published(archive: Path, otherwise: str) -> None:
    content, _ = read_member(archive, "diabetic_data.csv")
    if hashlib.sha256(content).hexdigest() != DIABETES130_SHA256:
        raise LoaderError(f"{archive.name} is not the published table (its sha256 differs): {otherwise}")
