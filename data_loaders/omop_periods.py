"""Until when a patient of an OMOP database was observed after each stay."""

import pandas as pd

EARLIEST = pd.Timestamp("1700-01-01")
DAY = pd.Timedelta(days=1)


def observed_until(stays: pd.DataFrame, periods: pd.DataFrame) -> pd.Series:
    """Return the end of the observation period in which each stay ended.

    Periods that overlap or adjoin are one. A stay that ended in none was not followed at all: its own end is returned;
    where a patient has no period, nothing is known.

    Parameters
    ----------
    stays : DataFrame
        ``patient_id`` and ``discharged``.
    periods : DataFrame
        ``patient_id``, ``since`` and ``until``, dates of which the last is included.
    """
    joined = _joined(periods)
    pairs = stays[["patient_id", "discharged"]].reset_index(names="row").merge(joined, on="patient_id")
    day = pairs["discharged"].dt.normalize()
    found = pairs[(pairs["since"] <= day) & (day <= pairs["until"])].groupby("row")["until"].max()
    until = found.reindex(stays.index)
    has_periods = stays["patient_id"].isin(joined["patient_id"])
    return until.where(until.notna() | ~has_periods, stays["discharged"])


def _joined(periods: pd.DataFrame) -> pd.DataFrame:
    known = periods.assign(since=periods["since"].fillna(EARLIEST))
    ordered = known.sort_values(["patient_id", "since", "until"], ignore_index=True)
    latest = ordered.groupby("patient_id")["until"].cummax()
    apart = ordered["since"] > latest.groupby(ordered["patient_id"]).shift() + DAY
    number = (apart | ~ordered["patient_id"].duplicated()).cumsum()
    joined = ordered.groupby(number).agg({"patient_id": "first", "since": "min", "until": "max"})
    return joined.reset_index(drop=True)
