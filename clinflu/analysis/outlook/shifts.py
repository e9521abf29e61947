"""What the model would be without a whole unit, source or year, or had it learned from another mix of them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from clinflu.analysis.groupings import Grouping, grouping
from clinflu.analysis.outlook.estimates import moves
from clinflu.analysis.outlook.shift_result import AUDITED, CONFIRM, MIX, Shift, ShiftEffects
from clinflu.data.arrays import Vector
from clinflu.data.asking import check_number, list_of_ids, nearest, shortened, values_by_id
from clinflu.data.design import MISSING
from clinflu.errors import DataError
from clinflu.influence.change import Change
from clinflu.progress import Progress, silent
from clinflu.study import Study

YEAR = "year"
SAME_SHARE = 1e-9  # relative: what two ways to add up a share may differ by


def shift_effects(
    study: Study,
    variable: str,
    *,
    mix: Mapping[str, float] | None = None,
    side: str = AUDITED,
    progress: Progress = silent,
) -> ShiftEffects:
    """Return what the model would be without each level of a variable, and had it learned from another mix of levels.

    Leaving out a level keeps the encoder, the penalty and all other weights. For another mix, the weight of each
    training encounter is multiplied by the wanted share of its level over the share that it has: the total weight
    stays, and so does the strength of the penalty beside it.

    Parameters
    ----------
    study : Study
    variable : str
        A key of :func:`clinflu.analysis.groupings.groupings`, or ``"year"`` where the source holds true dates.
    mix : mapping, optional
        Share of each level, adding up to 1, as :func:`mix_of` returns it; a level that is left out gets none.
    side : str
        ``"audited"`` or ``"confirm"``: which encounters are judged.
    progress : Progress

    Raises
    ------
    DataError
        No such variable, side or level, or shares that make no mix.
    TrustError
        The fit is such that influence means nothing.
    """
    study.require_logistic("the effect of a shift")
    study.require_trust()
    if side not in (AUDITED, CONFIRM):
        raise DataError(f"encounters are judged on the side {AUDITED!r} or {CONFIRM!r}, not {shortened(str(side))}")
    by = levels_by(study, variable)
    changes = _removals(study, by)
    if mix is not None:
        changes[MIX] = _reweighting(study, by, mix)
    shifts = []
    for done, (level, change) in enumerate(changes.items()):
        progress(done, len(changes))
        shifts.append(Shift(level, change, moves(study.train, change)))
    progress(len(changes), len(changes))
    return ShiftEffects(study, by.label, side, tuple(shifts))


def mix_of(study: Study, variable: str, encounter_ids: "pd.Index | list[str]") -> dict[str, float]:
    """Return the share of each level of a variable among some encounters, such as those of the last year.

    Encounters of a level that no training encounter has cannot be learned from in any mix: they are left out.

    Parameters
    ----------
    study : Study
    variable : str
        As for :func:`shift_effects`.
    encounter_ids : list of str
        Of any encounters of the cohort.

    Raises
    ------
    DataError
        No such variable or encounter, or none with a level that training holds.
    """
    by = levels_by(study, variable)
    rows = np.array([study.row(name) for name in list_of_ids(encounter_ids)], dtype=np.intp)
    codes = by.codes[rows]
    held = np.bincount(by.codes[study.split.train], minlength=len(by.levels)) > 0
    counts = np.where(held, np.bincount(codes, minlength=len(by.levels)), 0)
    if not counts.any():
        raise DataError("a mix needs encounters whose levels training holds; name at least one")
    return {level: float(count / counts.sum()) for level, count in zip(by.levels, counts, strict=True) if count}


def levels_by(study: Study, variable: str) -> Grouping:
    """Return the grouping of all rows by a variable, or by the year of admission.

    Raises
    ------
    DataError
        No such variable; or the source holds no years.
    """
    years = study.cohort.years
    if variable != YEAR or YEAR in study.cohort.schema.feature_names:
        return grouping(study, variable)
    if years is None:
        raise DataError("this source holds no dates of admission; name a recorded variable in place of the year")
    recorded = years.reindex(study.cohort.frame.index)
    texts = np.array([MISSING if pd.isna(one) else f"{int(one)}" for one in recorded], dtype=object)
    codes, levels = pd.factorize(texts, sort=True)
    return Grouping(YEAR, "Year of admission", tuple(map(str, levels)), codes.astype(np.intp), ordered=True)


def _removals(study: Study, by: Grouping) -> dict[str, Change]:
    """Return the removal of each level that training holds and that leaves rows to learn from."""
    codes = by.codes[study.split.train]
    held = [code for code in range(len(by.levels)) if 0 < (codes == code).sum() < len(codes)]
    if not held:
        raise DataError(f"{by.label} does not vary in training; name a variable that does")
    return {by.levels[code]: Change.removal(study.train, codes == code) for code in held}


def _reweighting(study: Study, by: Grouping, mix: Mapping[str, float]) -> Change:
    train, codes = study.train, by.codes[study.split.train]
    present = np.bincount(codes, weights=train.weights, minlength=len(by.levels)) / train.weights.sum()
    wanted = _shares(by, mix)
    absent = [level for level, share, held in zip(by.levels, wanted, present, strict=True) if share > 0 and not held]
    if absent:
        raise DataError(f"no training encounter has the level {shortened(absent[0])}; leave it out of the mix")
    factor = np.divide(wanted, present, out=np.zeros(len(wanted)), where=present > 0)
    rows = np.flatnonzero(np.abs(factor[codes] - 1.0) > SAME_SHARE)
    return Change(rows, train.weights[rows] * factor[codes[rows]], train.y[rows])


def _shares(by: Grouping, mix: Mapping[str, float]) -> Vector:
    given = values_by_id(mix, "{level: share}")
    unknown = [level for level in given if level not in by.levels]
    if unknown:
        raise DataError(f"{by.label} has no level {shortened(unknown[0])}{nearest(unknown[0], by.levels)}")
    shares = np.array([check_number(given.get(level, 0.0), "a share") for level in by.levels])
    if not np.all(shares >= 0) or not np.isclose(shares.sum(), 1.0, rtol=0, atol=1e-6):
        raise DataError("the shares of a mix are 0 or more and add up to 1")
    return shares
