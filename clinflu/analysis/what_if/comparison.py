"""Two models on the same encounters, before and after a change: tables of risks, metrics and odds ratios."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from clinflu.analysis.coefficients import coefficients, require_odds_ratios
from clinflu.analysis.what_if.cautions import silent_columns
from clinflu.analysis.what_if.spread import ChangeSpread
from clinflu.data.arrays import Rows, Vector
from clinflu.data.asking import check_number
from clinflu.data.levels import level_codes
from clinflu.errors import DataError
from clinflu.influence.result import PERCENT
from clinflu.model.logistic import curvature, risk, row_loss
from clinflu.model.metrics import MEASURES, Metrics, metrics_at
from clinflu.study import Study

BLOCK_ROWS = 20_000


def compare_risks(study: Study, theta_after: Vector, spread: ChangeSpread, rows: Rows, level: float) -> pd.DataFrame:
    """Return risks and losses before and after of rows of the cohort, with the interval of the change of risk.

    Parameters
    ----------
    study : Study
        Before.
    theta_after : (p,)
    spread : ChangeSpread
    rows : (t,) int
    level : float
        Coverage aimed at.

    Returns
    -------
    DataFrame
        Index: encounter id. Risks as shares of 1, their change and its interval in percentage points, losses in nats.
    """
    x, y = study.design.x[rows], study.design.y[rows]
    model = study.model
    m_before, m_after = model.log_odds(x), model.log_odds(x, theta_after)
    before, after = study.risks[rows], risk(m_after)
    starts = range(0, len(rows), BLOCK_ROWS)
    blocks = [
        _variance(study, theta_after, spread, rows[start : start + BLOCK_ROWS], after[start:]) for start in starts
    ]
    variance = np.concatenate([np.empty(0), *blocks])
    change, reach = PERCENT * (after - before), PERCENT * _reach(level) * np.sqrt(variance)
    loss_before, loss_after = row_loss(m_before, y), row_loss(m_after, y)
    return pd.DataFrame(
        {
            "risk_before": before,
            "risk_after": after,
            "risk_change_pp": change,
            "risk_change_low_pp": (change - reach).clip(min=-PERCENT),
            "risk_change_high_pp": (change + reach).clip(max=PERCENT),
            "loss_before": loss_before,
            "loss_after": loss_after,
            "loss_change": loss_after - loss_before,
        },
        index=pd.Index(study.design.encounter_ids[rows], name="encounter_id"),
    )


def _variance(study: Study, theta_after: Vector, spread: ChangeSpread, rows: Rows, after: Vector) -> Vector:
    """Return the variance of the change of risk of some rows, given the risks after it from the first of them on."""
    x, model = study.design.rows(rows), study.model
    now, then = model.directions_at(theta_after, x), model.directions(x)
    return spread.variance(curvature(after[: len(rows)])[:, None] * now, curvature(study.risks[rows])[:, None] * then)


def compare_odds_ratios(study: Study, theta_after: Vector, spread: ChangeSpread, level: float) -> pd.DataFrame:
    """Return the odds ratio of each column before and after, and after divided by before with its interval.

    What the refit says is withheld, NaN, where no training encounter shows the column any more.
    """
    require_odds_ratios(study)
    encoder, steep = study.encoder, study.model.scale[1]
    scale = np.array([one.scale for one in encoder.columns]) if encoder else np.ones(len(study.design.columns))
    before, after = steep * study.model.theta / scale, steep * theta_after / scale
    slopes = np.diag(steep / scale)
    reach = _reach(level) * np.sqrt(spread.variance(slopes, slopes))
    after = np.where(silent_columns(spread.train, spread.change), np.nan, after)
    return pd.DataFrame(
        {
            "variable": study.design.variables,
            "odds_ratio_before": np.exp(before),
            "odds_ratio_after": np.exp(after),
            "ratio": np.exp(after - before),
            "ratio_low": np.exp(after - before - reach),
            "ratio_high": np.exp(after - before + reach),
            "per": coefficients(study)["per"].to_numpy(),
        },
        index=pd.Index(study.design.columns, name="column"),
    )


def metrics_of(study: Study, rows: Rows, margins: Vector) -> Metrics:
    """Return the metrics of margins, (N,), on some rows of the cohort; each counts as one."""
    return metrics_at(study.design.y[rows], margins[rows])


def compare_metrics(before: Metrics, after: Metrics) -> pd.DataFrame:
    """Return ``before``, ``after`` and ``change`` by metric, ``n`` and ``events`` first."""
    old, new = (pd.Series(asdict(one), dtype=float) for one in (before, after))
    return pd.DataFrame({"before": old, "after": new, "change": new - old}).rename_axis("metric")


def compare_subgroups(study: Study, margins_after: Vector, names: Iterable[str]) -> pd.DataFrame:
    """Return the metrics of each level of some recorded categories among the audited encounters, before and after.

    Raises
    ------
    DataError
        A variable is not recorded, or no category.
    """
    rows = [row for name in names for row in _subgroups_of(study, margins_after, name)]
    measured = [f"{name}_{when}" for name in MEASURES for when in ("before", "after", "change")]
    return pd.DataFrame(rows, columns=["variable", "label", "level", "n", "events", *measured])


def _subgroups_of(study: Study, margins_after: Vector, name: str) -> list[dict[str, Any]]:
    spec = study.cohort.schema.feature(name)
    if not spec.is_category:
        raise DataError(f"{name!r} is {spec.in_words}, so it makes no subgroups; name a category, or band it first")
    audited = study.split.audited
    codes, levels = level_codes(study.cohort.frame[name].iloc[audited])
    rows = []
    for code, level in enumerate(levels):
        chosen = audited[codes == code]
        before, after = metrics_of(study, chosen, study.margins), metrics_of(study, chosen, margins_after)
        row = {"variable": name, "label": spec.label, "level": level, "n": before.n, "events": before.events}
        for measure in MEASURES:
            old, new = getattr(before, measure), getattr(after, measure)
            row |= {f"{measure}_before": old, f"{measure}_after": new, f"{measure}_change": new - old}
        rows.append(row)
    return rows


def _reach(level: float) -> float:
    if not 0 < check_number(level, "the level of an interval") < 1:
        raise DataError("the level of an interval lies between 0 and 1; 0.95 is usual")
    return float(ndtri(0.5 + level / 2))
