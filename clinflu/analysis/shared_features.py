"""What a set of training encounters shares, against the rest of the training encounters."""

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from clinflu.data.arrays import Flags, Rows, Vector
from clinflu.data.code_sets import code_sets
from clinflu.data.design import MISSING
from clinflu.data.levels import level_codes
from clinflu.data.schema import FeatureSpec
from clinflu.data.shown import shown_value
from clinflu.influence.result import PERCENT
from clinflu.study import Study

LEVEL = 0.95
Z = 1.959963984540054
COLUMNS = {
    "variable": object,
    "label": object,
    "level": object,
    "unit": object,
    "count": float,
    "in_set": float,
    "in_set_low": float,
    "in_set_high": float,
    "in_rest": float,
    "standardised_difference": float,
    "ratio": float,
    "differs": bool,
}
SHOWN = 3
SHARED = 0.25


def shared_features(study: Study, rows: Rows) -> pd.DataFrame:
    """Compare the recorded values of some training encounters with those of all others.

    Parameters
    ----------
    study : Study
    rows : (k,)
        Positions among the training rows.

    Returns
    -------
    DataFrame
        One row for each level of a category, and for each numeric variable (``level`` absent; if values are missing
        also one for ``"missing"``), those that differ first, each part by the size of the standardised difference.
        ``count``: encounters of the set with the level, or with a number. ``in_set``, ``in_rest``: shares of 1, or
        means in the recorded unit. ``in_set_low``, ``in_set_high``: 95 % interval of ``in_set``, for shares that of
        Wilson, for means that of Student (absent with fewer than two patients), both with the number of patients
        instead of encounters, since a patient's encounters are alike. ``standardised_difference``: set minus rest, in
        standard deviations over all training encounters. ``ratio``: of shares. ``differs``: whether the interval
        leaves out ``in_rest``.

        The intervals describe how little a small set can say; they are no tests, since the set was chosen to move a
        prediction and many features are compared.
    """
    inside = np.zeros(len(study.train.y), dtype=bool)
    inside[rows] = True
    patients = len(np.unique(study.train.patients[rows]))
    found: list[dict[str, object]] = []
    if len(rows) and not inside.all():
        for spec in study.cohort.schema.features:
            found += _of_variable(spec, study.train_frame[spec.name], inside, patients)
    frame = pd.DataFrame(found, columns=list(COLUMNS)).astype(COLUMNS)
    size = frame["standardised_difference"].abs()
    order = pd.DataFrame({"differs": ~frame["differs"], "size": -size}).sort_values(["differs", "size"], kind="stable")
    return frame.loc[order.index].reset_index(drop=True)


def summary(description: pd.DataFrame, encounters: int) -> str:
    """Return the most distinctive features that at least a quarter of the set shares; of each variable the first."""
    if encounters == 0:
        return ""
    shared = (description["ratio"] > 1) & (description["in_set"] >= SHARED)
    chosen = (
        description[description["differs"] & (shared | description["level"].isna())]
        .drop_duplicates("variable")
        .head(SHOWN)
    )
    if chosen.empty:
        return "No recorded variable sets these patients apart from the others by more than so few could by chance."
    return "Most distinctive: " + "; ".join(_in_words(row, encounters) for _, row in chosen.iterrows()) + "."


def _of_variable(spec: FeatureSpec, recorded: pd.Series, inside: Flags, patients: int) -> list[dict[str, object]]:
    named = {"variable": spec.name, "label": spec.label, "unit": spec.unit}
    missing = recorded.isna().to_numpy()
    if spec.is_category:
        return [named | part for part in _of_levels(recorded, inside, patients)]
    if spec.is_codes:
        return [named | part for part in _of_codes(recorded, spec, inside, patients)]
    rows = [named | part for part in _of_number(recorded.to_numpy(dtype=float, na_value=np.nan), inside, patients)]
    absent = _of_level(MISSING, int(missing[inside].sum()), int(missing[~inside].sum()), inside, patients)
    return rows + ([named | absent] if missing.any() else [])


def _of_levels(recorded: pd.Series, inside: Flags, patients: int) -> list[dict[str, object]]:
    codes, levels = level_codes(recorded)
    ours = np.bincount(codes[inside], minlength=len(levels))
    others = np.bincount(codes[~inside], minlength=len(levels))
    return [_of_level(level, int(ours[k]), int(others[k]), inside, patients) for k, level in enumerate(levels)]


def _of_codes(recorded: pd.Series, spec: FeatureSpec, inside: Flags, patients: int) -> list[dict[str, object]]:
    """Return every code that one of the set holds."""
    sets = code_sets(recorded, spec)
    ours, all_rows = (np.bincount(one.indices, minlength=len(sets.codes)) for one in (sets.held[inside], sets.held))
    held = np.flatnonzero(ours)
    return [_of_level(sets.codes[k], int(ours[k]), int(all_rows[k] - ours[k]), inside, patients) for k in held]


def _of_level(level: str, ours: int, others: int, inside: Flags, patients: int) -> dict[str, object]:
    size = int(inside.sum())
    share, rest, overall = ours / size, others / (len(inside) - size), (ours + others) / len(inside)
    low, high = _wilson(share, patients)
    spread = float(np.sqrt(overall * (1.0 - overall)))
    return {
        "level": level,
        "count": ours,
        "in_set": share,
        "in_set_low": low,
        "in_set_high": high,
        "in_rest": rest,
        "standardised_difference": (share - rest) / spread if spread > 0 else 0.0,
        "ratio": share / rest if rest > 0 else (np.inf if share > 0 else np.nan),
        "differs": not low <= rest <= high,
    }


def _of_number(values: Vector, inside: Flags, patients: int) -> list[dict[str, object]]:
    ours, others = values[inside & ~np.isnan(values)], values[~inside & ~np.isnan(values)]
    if not len(ours) or not len(others):
        return []
    mean, rest, spread = float(ours.mean()), float(others.mean()), float(np.nanstd(values))
    count = min(patients, len(ours))
    reach = float(stdtrit(count - 1, 0.5 + LEVEL / 2) * ours.std(ddof=1) / np.sqrt(count)) if count > 1 else np.nan
    return [
        {
            "level": None,
            "count": len(ours),
            "in_set": mean,
            "in_set_low": mean - reach,
            "in_set_high": mean + reach,
            "in_rest": rest,
            "standardised_difference": (mean - rest) / spread if spread > 0 else 0.0,
            "ratio": np.nan,
            "differs": bool(abs(mean - rest) > reach),
        }
    ]


def _wilson(share: float, count: int) -> tuple[float, float]:
    """Return the 95 % interval of Wilson (1927) for a share of a number of patients."""
    shrunk = 1.0 + Z**2 / count
    centre = (share + Z**2 / (2 * count)) / shrunk
    reach = Z / shrunk * np.sqrt(share * (1.0 - share) / count + Z**2 / (4 * count**2))
    return float(max(0.0, centre - reach)), float(min(1.0, centre + reach))


def _in_words(row: pd.Series, encounters: int) -> str:
    named = row["variable"], row["label"], row["unit"]
    if pd.isna(row["level"]):
        unit = f" {row['unit']}" if row["unit"] else ""
        ours, others = (_mean_in_words(row[name], *named) for name in ("in_set", "in_rest"))
        return f"{row['label']} {ours}{unit} on average (the others {others})"
    rest, level = f"{PERCENT * row['in_rest']:.2g} %", shown_value(row["level"], *named)
    return f"{row['label']} {level} in {row['count']:,.0f} of {encounters:,} encounters ({rest} of the others)"


def _mean_in_words(mean: float, *named: str) -> str:
    """Return a mean to three digits; one of few ages over 89 would tell them."""
    said = shown_value(mean, *named)
    return said if isinstance(said, str) else f"{mean:.3g}"
