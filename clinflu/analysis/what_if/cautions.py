"""What is odd about a model after a change of its training rows, in words."""

import numpy as np

from clinflu.data.arrays import Flags, Matrix, Vector
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
            f"No longer varies among the training encounters: {_listed(columns)}. Its coefficient is held by the "
            "penalty alone and says nothing."
        )
    if lost:
        found.append(
            f"The reference level no longer occurs in training: {_listed(sorted(lost))}. Odds ratios against it are "
            "held by the penalty alone."
        )
    return tuple(found)


def silent_columns(train: TrainingRows, change: Change) -> Flags:
    """Return which columns varied before a change and no longer do, (p,); only the penalty holds their coefficients."""
    x, _, weights = rows_after(train, change)
    return _varies(train.x, train.weights) & ~_varies(x, weights)


def _varies(x: Matrix, weights: Vector) -> Flags:
    """Return which columns take more than one value in the rows that count, (p,)."""
    counts = weights > 0
    varies: Flags = x.max(axis=0, where=counts[:, None], initial=-np.inf) > x.min(
        axis=0, where=counts[:, None], initial=np.inf
    )
    return varies


def _references(study: Study, x: Matrix, weights: Vector) -> set[str]:
    """Return ``variable=level`` of the reference levels that the rows which count hold."""
    if study.encoder is None:
        return set()
    found = set()
    for variable, level in study.encoder.references.items():
        places = [place for place, name in enumerate(study.design.variables) if name == variable]
        if places and np.any(weights[(x[:, places] == 0).all(axis=1)] > 0):
            found.add(f"{variable}={shown(study.cohort.schema.feature(variable), level)}")
    return found


def _shown(study: Study, place: int) -> str:
    """Return a column's name as a person may see it: an age over 89 as 90+."""
    variable, name = study.design.variables[place], study.design.columns[place]
    if variable not in study.cohort.schema.feature_names or not name.startswith(f"{variable}="):
        return name
    return f"{variable}={shown(study.cohort.schema.feature(variable), name.removeprefix(f'{variable}='))}"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"
