"""Ages at admission, and deaths within a stay."""

import pandas as pd

OLDEST_TOLD = 89
OVER_OLDEST = 90.0


def age_at(birth: pd.Series, at: pd.Series) -> pd.Series:
    """Return the age in completed years, NaN where a time is missing.

    Parameters
    ----------
    birth, at : Series of datetime
        Of the same index.
    """
    before_birthday = (at.dt.month < birth.dt.month) | ((at.dt.month == birth.dt.month) & (at.dt.day < birth.dt.day))
    years = at.dt.year - birth.dt.year - before_birthday
    return years.astype("float64").mask(birth.isna() | at.isna())


def birth_date(year: pd.Series, month: pd.Series, day: pd.Series) -> pd.Series:
    """Return a date of birth of its parts; where month or day are not known, the first."""
    parts = {"year": year, "month": month.fillna(1), "day": day.fillna(1)}
    return pd.to_datetime(pd.DataFrame(parts).astype("float64"), errors="coerce").astype("datetime64[us]")


def capped(age: pd.Series) -> pd.Series:
    """Return ages of which those over 89 are 90, as sources do that must not tell them."""
    return age.mask(age > OLDEST_TOLD, OVER_OLDEST)


def died_within(died_at: pd.Series, admitted: pd.Series, discharged: pd.Series) -> pd.Series:
    """Return whether each death was within the stay, the whole day of the discharge included.

    A stay without an end holds none: the death may have been years later.
    """
    ended = discharged.dt.normalize() + pd.Timedelta(days=1)
    return (died_at >= admitted.dt.normalize()) & (died_at < ended)
