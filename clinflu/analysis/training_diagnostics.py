"""Regression diagnostics of every training encounter, to find records that deserve a look."""

import numpy as np
import pandas as pd

from clinflu.data.arrays import Rows
from clinflu.data.asking import check_count
from clinflu.influence.diagnostics import Diagnostics
from clinflu.influence.leave_one_out import LeaveOneOut
from clinflu.influence.refit import Change, Refitted, refit_each_or_nan
from clinflu.model.logistic import risk, row_loss
from clinflu.progress import Progress, silent
from clinflu.study import Study

SHOWN = 20
REFITS_AT_ONCE = 10


def training_diagnostics(study: Study) -> pd.DataFrame:
    """Return the diagnostics of each training encounter, the one that moves the coefficients most first.

    None of these columns is refitted: what is said of "without" is one Newton step. :func:`diagnostics_beside_refits`
    shows how far the strongest of them hold. A high value says "look at this record", not that it is wrong.

    Parameters
    ----------
    study : Study

    Returns
    -------
    DataFrame
        Index: encounter id. Columns, with statsmodels' names where it has one:

        ``outcome``
            What happened, 0 or 1.
        ``risk``
            Predicted by the model that learned from this very encounter, a share of 1.
        ``risk_without``
            Predicted had the model not learned from it; far from ``risk``: the model knows it only by heart.
        ``risk_without_patient``
            Predicted had it learned from none of the patient's encounters.
        ``hat_matrix_diag``
            Leverage, 0 to 1: how unlike the others its recorded values are. They add up to the effective number of
            coefficients; near 1 the encounter has a coefficient almost to itself.
        ``resid_pearson``
            How surprising its outcome is, in standard deviations; positive where the event happened.
        ``resid_deviance``
            The same on the scale of the loss: its square is twice the loss.
        ``resid_studentized``
            ``resid_pearson`` corrected for what the encounter itself taught.
        ``cooks_distance``
            How far it moves all coefficients together, in units of their joint uncertainty, per column.
        ``dffits``
            How many standard errors it moves its own prediction; positive where with it the risk is higher
            (``dffits_internal`` in statsmodels' table).
        ``max_abs_dfbetas``
            Most standard errors by which it moves any one coefficient.
        ``max_abs_dfbetas_column``
            Which coefficient that is.
        ``self_influence_first_order``, ``self_influence``
            By how much its own loss would rise without it, nats: first order, and exact at one Newton step.

    Raises
    ------
    TrustError
        The fit is such that influence means nothing.
    """
    study.require_trust()
    found, left_out = Diagnostics(study.train), LeaveOneOut(study.train)
    columns = np.array(study.design.columns, dtype=object)
    frame = pd.DataFrame(
        {
            "outcome": study.train.y.astype(int),
            "risk": study.train.risk,
            "risk_without": left_out.risks,
            "risk_without_patient": left_out.risks_by_patient,
            "hat_matrix_diag": found.hat_matrix_diag,
            "resid_pearson": found.resid_pearson,
            "resid_deviance": found.resid_deviance,
            "resid_studentized": found.resid_studentized,
            "cooks_distance": found.cooks_distance,
            "dffits": found.d_fittedvalues_scaled,
            "max_abs_dfbetas": found.max_abs_dfbetas,
            "max_abs_dfbetas_column": columns[found.max_abs_dfbetas_column],
            "self_influence_first_order": found.self_influence_first_order,
            "self_influence": found.self_influence,
        },
        index=study.train_ids.rename("encounter_id"),
    )
    return frame.sort_values("cooks_distance", ascending=False, kind="stable")


def diagnostics_beside_refits(study: Study, k: int = SHOWN, progress: Progress = silent) -> pd.DataFrame:
    """Return the k training encounters of the largest Cook's distance, each estimate beside its refit.

    Parameters
    ----------
    study : Study
    k : int
    progress : Progress

    Returns
    -------
    DataFrame
        Index: encounter id. ``outcome`` and ``risk``, then ``_estimate`` (one Newton step) and ``_refit`` of
        ``cooks_distance``, of ``risk_without`` (share of 1) and of ``self_influence`` (nats). NaN where the model
        without the encounter has no finite fit.

    Raises
    ------
    TrustError
        The fit is such that influence means nothing.
    """
    study.require_trust()
    shown = check_count(k, "how many to show")
    train, found = study.train, Diagnostics(study.train)
    rows = np.argsort(-found.cooks_distance, kind="stable")[:shown]
    refits = _refits_without(study, rows, progress)
    moved = np.array([one.theta - train.model.theta for one in refits]).reshape(len(rows), len(train.model.theta))
    margins = train.log_odds[rows]
    changes = [train.model.log_odds_change(train.x[row], one.theta) for row, one in zip(rows, refits, strict=True)]
    without = margins + np.array(changes)
    with np.errstate(invalid="ignore"):  # NaN stands for a refit that does not exist, and stays NaN
        self_influence = row_loss(without, train.y[rows]) - row_loss(margins, train.y[rows])
    return pd.DataFrame(
        {
            "outcome": train.y[rows].astype(int),
            "risk": train.risk[rows],
            "cooks_distance_estimate": found.cooks_distance[rows],
            "cooks_distance_refit": np.einsum("kp,kp->k", moved @ train.model.hessian, moved) / len(train.model.theta),
            "risk_without_estimate": LeaveOneOut(train).risks[rows],
            "risk_without_refit": risk(without),
            "self_influence_estimate": found.self_influence[rows],
            "self_influence_refit": self_influence,
        },
        index=study.train_ids[rows].rename("encounter_id"),
    )


def _refits_without(study: Study, rows: Rows, progress: Progress) -> list[Refitted]:
    found: list[Refitted] = []
    for start in range(0, len(rows), REFITS_AT_ONCE):
        progress(start, len(rows))
        part = rows[start : start + REFITS_AT_ONCE]
        found += refit_each_or_nan(study.train, [Change.removal(study.train, np.array([row])) for row in part])
    progress(len(rows), len(rows))
    return found
