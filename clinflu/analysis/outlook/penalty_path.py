"""What a price on self-influence buys: models less at the mercy of one record, beside plain ridge and its refits."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from clinflu.analysis.outlook.fragility import largest_changes, largest_removal
from clinflu.analysis.outlook.penalty import (
    OWN_LABEL,
    FitRows,
    PenalisedFit,
    Price,
    fit_penalised,
)
from clinflu.data.arrays import Matrix, Vector
from clinflu.data.asking import check_count
from clinflu.data.matrix import whole
from clinflu.model.logistic import risk
from clinflu.model.metrics import metrics_at
from clinflu.progress import Progress, silent
from clinflu.study import Study

PRICED, RIDGE = "price on self-influence", "ridge as robust"
MUS = (0.0, 1.0, 3.0, 10.0, 30.0, 100.0)
VERIFIED = 5
LEAST_RIDGE, MOST_RIDGE = 1e-3, 1e6
ALERT = 0.5


@dataclass(frozen=True, eq=False)
class Judged:
    """Rows that a model is judged by: whose risks must not be fragile (audited), and whose metrics count (confirm)."""

    x_audited: Matrix
    x_confirm: Matrix
    y_confirm: Vector


@dataclass(frozen=True, eq=False, repr=False)
class PenaltyPath:
    """Models along a rising price of self-influence, each beside the ridge fit that is as robust.

    Less self-influence is not less fragility: a price by the own label is paid by learning records by heart, and a
    model that is bent around a record, so that its influence is small, springs back without it. Read the changes.

    Parameters
    ----------
    frame : DataFrame
        Index: ``method`` and ``mu``. ``ridge``: factor on the L2 penalty, for each mu the one whose
        ``largest_removal_pp`` is the same, so that the two can be judged by their loss; ``priced``: the k-norm that
        is priced, nats; ``largest_self_influence``, nats;
        ``largest_removal_pp`` and ``largest_relabel_pp``: the largest change of any audited risk, percentage points,
        when one record is removed or given the other outcome and the **same objective is refitted**, over the records
        that were tried; ``tried``: how many of each at least, so many as each way to foresee the strongest names;
        ``log_loss``, ``auroc`` and ``accuracy`` (at a risk of one half)
        on the confirming rows. NaN where no ridge changes by as much.
    training, columns : int
        Of the fit.
    """

    frame: pd.DataFrame
    training: int
    columns: int

    def __repr__(self) -> str:
        return f"PenaltyPath of {self.training:,} training rows x {self.columns} columns; see .to_frame(), .words"

    def to_frame(self) -> pd.DataFrame:
        """Return the table."""
        return self.frame

    @property
    def words(self) -> str:
        """What the dearest price did, beside ridge, in a sentence."""
        priced, ridge = self.frame.loc[PRICED], self.frame.loc[RIDGE]
        before, after, other = priced.iloc[0], priced.iloc[-1], ridge.iloc[-1]
        return (
            f"At a price of {priced.index[-1]:g} the largest self-influence goes from "
            f"{before['largest_self_influence']:.3g} to {after['largest_self_influence']:.3g} nats, the largest change "
            f"of an audited risk by one removed record from {before['largest_removal_pp']:.3g} to "
            f"{after['largest_removal_pp']:.3g} percentage points (one relabelled: {before['largest_relabel_pp']:.3g} "
            f"to {after['largest_relabel_pp']:.3g}) and the log loss from {before['log_loss']:.4f} to "
            f"{after['log_loss']:.4f}; {_of_ridge(other)}."
        )


def study_penalty_path(
    study: Study,
    mus: Sequence[float] = MUS,
    *,
    label: str = OWN_LABEL,
    verified: int = VERIFIED,
    progress: Progress = silent,
) -> PenaltyPath:
    """Return the path for the training rows of a study, judged on its audited and confirming encounters.

    Parameters
    ----------
    study : Study
        Small: a step costs n p^2, and there are some hundreds of them.
    mus : sequence of float
    label : str
        What is priced, and how dear it is; see :class:`clinflu.analysis.outlook.penalty.Price`.
    verified : int
        How many records to remove, and how many to relabel, for each model.
    progress : Progress
    """
    study.require_logistic("a price on self-influence")
    train, design, split = study.train, study.design, study.split
    rows = FitRows(whole(train.x, "a price on self-influence"), train.y, train.weights, train.model.penalty)
    judged = Judged(design.x[split.audited], design.x[split.confirm], design.y[split.confirm])
    return penalty_path(rows, judged, mus, label=label, verified=verified, progress=progress)


def penalty_path(
    rows: FitRows,
    judged: Judged,
    mus: Sequence[float] = MUS,
    *,
    label: str = OWN_LABEL,
    verified: int = VERIFIED,
    progress: Progress = silent,
) -> PenaltyPath:
    """Return the path on arrays; see :func:`study_penalty_path`.

    Raises
    ------
    DataError
        No price, or a count that is none.
    FitError
        Its kinds name why there is no fit.
    """
    prices = sorted({0.0, *map(float, mus)})
    check_count(verified, "how many records to refit without", 1)
    lines, start = [], None
    for done, mu in enumerate(prices):
        progress(done, len(prices))
        fit = fit_penalised(rows, Price(mu, label), start)
        start = fit.theta
        line = _line(rows, fit, judged, verified)
        lines += [line, _ridge_line(rows, fit, judged, verified, line["largest_removal_pp"])]
    progress(len(prices), len(prices))
    frame = pd.DataFrame(lines).set_index(["method", "mu"])
    return PenaltyPath(frame.loc[[PRICED, RIDGE]], len(rows.y), rows.x.shape[1])


def _line(rows: FitRows, fit: PenalisedFit, judged: Judged, verified: int) -> dict[str, Any]:
    removal, relabel = largest_changes(rows, fit, judged.x_audited, verified)
    margins = judged.x_confirm @ fit.theta
    found = metrics_at(judged.y_confirm, margins)
    return {
        "method": PRICED,
        "mu": fit.price.mu,
        "ridge": 1.0,
        "priced": fit.priced,
        "largest_self_influence": float(fit.self_influence.max()),
        "largest_removal_pp": removal,
        "largest_relabel_pp": relabel,
        "tried": verified,
        "log_loss": found.log_loss,
        "auroc": found.auroc,
        "accuracy": float(np.mean((risk(margins) > ALERT) == (judged.y_confirm == 1))),
    }


def _ridge_line(rows: FitRows, fit: PenalisedFit, judged: Judged, verified: int, target: float) -> dict[str, Any]:
    """Return the line of the ridge fit that is as robust as a priced fit."""
    named = {"method": RIDGE, "mu": fit.price.mu}
    plain = replace(fit.price, mu=0.0)
    strength = _matching_ridge(rows, plain, judged, verified, target) if fit.price.mu > 0 else 1.0
    if np.isnan(strength):
        return {**named, "tried": 0}
    stronger = replace(rows, penalty=strength * rows.penalty)
    return {**_line(stronger, fit_penalised(stronger, plain), judged, verified), **named, "ridge": strength}


def _matching_ridge(rows: FitRows, plain: Price, judged: Judged, verified: int, target: float) -> float:
    """Return the factor on the L2 penalty at which the largest change by one removed record is the target, or NaN."""

    def excess(log_strength: float) -> float:
        stronger = replace(rows, penalty=np.exp(log_strength) * rows.penalty)
        fit = fit_penalised(stronger, plain)
        return float(np.log(largest_removal(stronger, fit, judged.x_audited, verified) / target))

    low, high = float(np.log(LEAST_RIDGE)), float(np.log(MOST_RIDGE))
    if excess(low) <= 0 or excess(high) >= 0:
        return np.nan
    return float(np.exp(brentq(excess, low, high, xtol=1e-4)))


def _of_ridge(line: pd.Series) -> str:
    if np.isnan(line["log_loss"]):
        return "no ridge changes by as much"
    return f"ridge as robust has {line['log_loss']:.4f} (one relabelled: {line['largest_relabel_pp']:.3g})"
