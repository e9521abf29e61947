"""Loaders: one file a source, each with ``recognises(source)`` and ``load(source) -> Cohort``."""

from pathlib import Path

from clinflu.data import Cohort, ReadmissionSpec
from clinflu.errors import LoaderError
from data_loaders import diabetes130, eicu, fhir, meds, mimic, omop, parquet, simulated, sql, synthea, table
from data_loaders.diabetes130 import uci_table
from data_loaders.loader import Loader, registered
from data_loaders.readmission_option import OWN_LABEL, takes_definition
from data_loaders.tables.source import Source, open_store
from data_loaders.tables.url import DatabaseUrl, database_url, is_url

__all__ = ["LOADERS", "all_loaders", "load", "recognise", "uci_table"]

LOADERS: dict[str, Loader] = {
    "simulated": simulated,
    "diabetes130": diabetes130,
    "table": table,
    "parquet": parquet,
    "omop": omop,
    "mimic": mimic,
    "eicu": eicu,
    "synthea": synthea,
    "fhir": fhir,
    "meds": meds,
    "sql": sql,
}


def load(
    loader: str | None = None, path: str | Path | None = None, spec: ReadmissionSpec | str | None = None
) -> Cohort:
    """Read a cohort.

    Parameters
    ----------
    loader : str, optional
        Name in ``LOADERS``, or one that an installed package registers under ``clinflu.loaders``. By default the one
        that recognises the source; without a source, ``"simulated"``.
    path : str or Path, optional
        File, folder, zip or, as text, the URL of a database; loaders that invent their patients need none.
    spec : ReadmissionSpec or str, optional
        What counts as a readmission, where stays are recorded: a definition, or ``"own-label"`` for the label that a
        source holds itself. By default the source's own label or, where it has none, any unplanned readmission within
        30 days.

    Returns
    -------
    Cohort

    Raises
    ------
    LoaderError
        No loader of that name, no or several loaders that recognise the source, a source that cannot be read, or a
        definition where the label is given.
    """
    source = _source(path)
    loaders = all_loaders()
    if loader is None:
        loader = "simulated" if source is None else recognise(source)
    if loader not in loaders:
        raise LoaderError(f"no loader is called {loader!r}; there are: {', '.join(loaders)}")
    chosen = loaders[loader]
    if spec is None or (spec == OWN_LABEL and not takes_definition(chosen)):
        return chosen.load(source)
    if not isinstance(spec, ReadmissionSpec):
        raise LoaderError(f"{loader!r} records stays and no label of its own; leave the definition out, or choose one")
    if not takes_definition(chosen):
        raise LoaderError(f"{loader!r} brings its own label, which cannot be defined anew; leave the definition out")
    return chosen.load(source, spec)  # type: ignore[call-arg]


def all_loaders() -> dict[str, Loader]:
    """Return the loaders of ``LOADERS`` and those that installed packages register, by name."""
    return {**registered(), **LOADERS}


def recognise(source: Source) -> str:
    """Return the name of the one loader that recognises the source.

    Raises
    ------
    LoaderError
        None does, or several do.
    """
    if isinstance(source, DatabaseUrl):
        _require_tables(source)  # what is wrong with it is told, and not taken for a source of no loader
    loaders = all_loaders()
    names = [name for name, loader in loaders.items() if loader.recognises(source)]
    shown = source.name if isinstance(source, DatabaseUrl) else repr(source.name)
    if not names:
        raise LoaderError(
            f"no loader recognises {shown}; name one with --loader ({', '.join(loaders)}), or describe your own table "
            "in a TOML file beside it (see the README)"
        )
    if len(names) > 1:
        raise LoaderError(f"{' and '.join(names)} all recognise {shown}; name one with --loader")
    return names[0]


def _require_tables(source: DatabaseUrl) -> None:
    with open_store(source, ()) as store:
        if not store.tables:
            schema = f"schema {source.schema!r}" if source.schema else "the schema that it opens in"
            raise LoaderError(f"the {source.name} has no tables in {schema} that this user may see; add ?schema=NAME")


def _source(path: str | Path | None) -> Source | None:
    if path is None:
        return None
    if isinstance(path, str) and is_url(path):
        return database_url(path)
    source = Path(path)
    if not source.exists():
        raise LoaderError(f"there is no file or folder {source.name!r} there; check the path")
    return source
