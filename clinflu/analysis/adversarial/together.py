"""Several past records rewritten at once, each within its plausible values, to move one prediction across."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from clinflu.analysis.adversarial.candidates import Candidates, plausible_values
from clinflu.analysis.adversarial.rewriting import Rewriting, rewrite
from clinflu.analysis.adversarial.screen import EditScreen
from clinflu.data.arrays import Rows, Vector
from clinflu.data.asking import check_count
from clinflu.errors import DataError
from clinflu.influence.refit import Change, rows_after
from clinflu.model.logistic import risk_at
from clinflu.model.newton import fit_logistic
from clinflu.progress import Progress, silent
from clinflu.study import Study

TRIED_FOR_EACH = 3
DEFAULT_COUNTS = (1, 2, 10)


def rewritten_together(
    study: Study,
    rows: Rows,
    counts: Iterable[int] = DEFAULT_COUNTS,
    *,
    candidates: Candidates | None = None,
    progress: Progress = silent,
) -> pd.DataFrame:
    """Rewrite the records that move each prediction furthest toward the threshold, all of them at once.

    The records are those whose single edits move it furthest by the estimate; each is rewritten on its own, and the
    strongest together are put to a fit from zero.

    Parameters
    ----------
    study : Study
    rows : (t,) int
        Audited encounters, by row of the cohort.
    counts : iterable of int
        How many records are rewritten, 1 or more; fewer where not so many move the prediction.
    candidates : Candidates, optional
        By default :func:`plausible_values`.
    progress : Progress

    Returns
    -------
    DataFrame
        One row for each prediction and count: ``encounter_id``, ``records``, ``risk_before``, ``risk_after``, shares of
        1, and ``turned``: whether the decision at the threshold is another.

    Raises
    ------
    DataError
        A count that is none, or an adopted model, whose columns no value can be turned into.
    """
    study.require_logistic("what records rewritten together do")
    values = plausible_values(study) if candidates is None else candidates
    wanted = sorted({check_count(one, "the number of records rewritten", least=1) for one in counts})
    if not wanted:
        raise DataError("give at least one number of records to rewrite")
    table = []
    for done, row in enumerate(rows, start=1):
        written = _strongest(study, study.design.x[row], values, max(wanted))
        before = float(study.risks[row])
        for k in wanted:
            after = _risk_after(study, study.design.x[row], written[:k])
            turned = (before >= study.threshold) != (after >= study.threshold)
            table.append((str(study.design.encounter_ids[row]), len(written[:k]), before, after, turned))
        progress(done, len(rows))
    return pd.DataFrame(table, columns=["encounter_id", "records", "risk_before", "risk_after", "turned"])


def _strongest(study: Study, x: Vector, candidates: Candidates, k: int) -> list[Rewriting]:
    """Return rewritings of k different records, the strongest toward the threshold first."""
    sign = 1.0 if risk_at(float(x @ study.model.theta)) < study.threshold else -1.0
    screened = EditScreen(study.train, candidates, x).strongest(TRIED_FOR_EACH * k * len(candidates.columns))
    hits = screened.raising if sign > 0 else screened.lowering
    chosen = list(dict.fromkeys(hit.row for hit in hits))[: TRIED_FOR_EACH * k]
    written = [rewrite(study.train, candidates, x, row, sign) for row in chosen]
    return sorted(written, key=_size, reverse=True)[:k]


def _risk_after(study: Study, x: Vector, written: list[Rewriting]) -> float:
    if not written:
        return risk_at(float(x @ study.model.theta))
    train, ordered = study.train, sorted(written, key=_row)
    rows = np.array([one.row for one in ordered], dtype=np.intp)
    change = Change(rows, train.weights[rows], train.y[rows], np.array([one.x for one in ordered]))
    model = fit_logistic(*rows_after(train, change), study.model.penalty)
    return risk_at(float(x @ model.theta))


def _size(one: Rewriting) -> float:
    return abs(one.margin_change)


def _row(one: Rewriting) -> int:
    return one.row
