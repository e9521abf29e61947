"""What is odd about a model after a change of its training rows, in words."""

from collections.abc import Iterable

import numpy as np

from clinflu.data.arrays import Flags, Matrix, Rows, Vector
from clinflu.data.matrix import AnyMatrix, DesignMatrix
from clinflu.data.matrix.sparse import SparseMatrix
from clinflu.data.shown import shown
from clinflu.influence.change import Change, rows_after
from clinflu.influence.training import TrainingRows
from clinflu.study import Study

NAMED = 10


def warnings_after(study: Study, change: Change) -> tuple[str, ...]:
    """Return which columns and reference levels the changed training rows no longer show.

    What no row shows is held by the penalty alone.

    Parameters
    ----------
    study : Study
        Before the change; its columns stay.
    change : Change
    """
    x, _, weights = rows_after(study.train, change)
    silent = silent_columns(study.train, change)
    columns = [_shown(study, int(place)) for place in np.flatnonzero(silent)]
    lost = _references(study, study.train.x, study.train.weights) - _references(study, x, weights)
    found = []
    if columns:
        found.append(
            f"Training no longer tells {_listed(columns)} apart from the rest: what the model now says of it is a "
            "guess, held by the penalty alone."
        )
    if lost:
        found.append(
            f"Training no longer holds {_listed(sorted(lost))}, against which the other levels are compared: odds "
            "ratios against it are a guess, held by the penalty alone."
        )
    return tuple(found)


def silent_columns(train: TrainingRows, change: Change) -> Flags:
    """Return which columns varied before a change and no longer do, (p,); only the penalty holds their coefficients."""
    x, _, weights = rows_after(train, change)
    return _varies(train.x, train.weights) & ~_varies(x, weights)


def _varies(x: AnyMatrix, weights: Vector) -> Flags:
    """Return which columns take more than one value in the rows that count, (p,)."""
    counts = weights > 0
    if isinstance(x, SparseMatrix):
        return x.differing(counts, x[int(counts.argmax())]) > 0
    if isinstance(x, DesignMatrix):
        differ = x.sums(_differing, counts, fixed=(x[int(counts.argmax())],))[0]
        return differ > 0
    varies: Flags = x.max(axis=0, where=counts[:, None], initial=-np.inf) > x.min(
        axis=0, where=counts[:, None], initial=np.inf
    )
    return varies


def _differing(x: Matrix, counts: Flags, first: Vector) -> tuple[Rows]:
    """Return how many of the rows that count differ from a first one in each column, (p,)."""
    return ((x[counts] != first).sum(axis=0),)


def _all_zero(x: Matrix, counts: Flags, columns: list[Rows]) -> tuple[Rows]:
    """Return how many of the rows that count are zero in all columns of each variable."""
    there = x[counts]
    return (np.array([np.count_nonzero(~there[:, places].any(axis=1)) for places in columns]),)


def _references(study: Study, x: AnyMatrix, weights: Vector) -> set[str]:
    """Return ``variable=level`` of the reference levels that the rows which count hold."""
    if study.encoder is None:
        return set()
    variables = np.array(study.design.variables)
    columns = {name: np.flatnonzero(variables == name) for name in study.encoder.references}
    columns = {name: places for name, places in columns.items() if len(places)}
    counts, each = weights > 0, list(columns.values())
    if isinstance(x, SparseMatrix):
        return _named(study, columns, x.all_zero(counts, each))
    held = x.sums(_all_zero, counts, fixed=(each,)) if isinstance(x, DesignMatrix) else _all_zero(x, counts, each)
    return _named(study, columns, held[0])


def _named(study: Study, columns: Iterable[str], encounters: Rows) -> set[str]:
    """Return ``variable=level`` of the reference levels that any encounter holds."""
    references = study.encoder.references if study.encoder else {}
    return {
        f"{name}={shown(study.cohort.schema.feature(name), references[name])}"
        for name, count in zip(columns, encounters, strict=True)
        if count
    }


def _shown(study: Study, place: int) -> str:
    """Return a column's name as a person may see it: an age over 89 as 90+."""
    variable, name = study.design.variables[place], study.design.columns[place]
    if variable not in study.cohort.schema.feature_names or not name.startswith(f"{variable}="):
        return name
    return f"{variable}={shown(study.cohort.schema.feature(variable), name.removeprefix(f'{variable}='))}"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"
