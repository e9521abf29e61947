"""Loaders: one file a source, each with ``recognises(path)`` and ``load(path) -> Cohort``."""

from pathlib import Path

from clinflu.data import Cohort
from clinflu.errors import LoaderError
from data_loaders import diabetes130, simulated, table
from data_loaders.diabetes130 import uci_table
from data_loaders.loader import Loader

__all__ = ["LOADERS", "load", "recognise", "uci_table"]

LOADERS: dict[str, Loader] = {
    "simulated": simulated,
    "diabetes130": diabetes130,
    "table": table,
}


def load(loader: str | None = None, path: str | Path | None = None) -> Cohort:
    """Read a cohort.

    Parameters
    ----------
    loader : str, optional
        Name in ``LOADERS``. By default the one that recognises the path; without a path, ``"simulated"``.
    path : str or Path, optional
        File or folder; loaders that invent their patients need none.

    Returns
    -------
    Cohort

    Raises
    ------
    LoaderError
        No loader of that name, no or several loaders that recognise the path, or a source that cannot be read.
    """
    source = None if path is None else Path(path)
    if source is not None and not source.exists():
        raise LoaderError(f"there is no file or folder {source.name!r} there; check the path")
    if loader is None:
        loader = "simulated" if source is None else recognise(source)
    if loader not in LOADERS:
        raise LoaderError(f"no loader is called {loader!r}; there are: {', '.join(LOADERS)}")
    return LOADERS[loader].load(source)


def recognise(source: Path) -> str:
    """Return the name of the one loader that recognises the source.

    Raises
    ------
    LoaderError
        None does, or several do.
    """
    names = [name for name, loader in LOADERS.items() if loader.recognises(source)]
    if not names:
        raise LoaderError(
            f"no loader recognises {source.name!r}; name one with --loader ({', '.join(LOADERS)}), or describe your "
            "own table in a TOML file beside it (see the README)"
        )
    if len(names) > 1:
        raise LoaderError(f"{' and '.join(names)} all recognise {source.name!r}; name one with --loader")
    return names[0]
