"""ICD-9 codes as the groups of Strack et al. (2014), table 2."""

import pandas as pd

GROUPS = (
    ("Circulatory", 390, 459),
    ("Circulatory", 785, 785),
    ("Respiratory", 460, 519),
    ("Respiratory", 786, 786),
    ("Digestive", 520, 579),
    ("Digestive", 787, 787),
    ("Diabetes", 250, 250),
    ("Injury", 800, 999),
    ("Musculoskeletal", 710, 739),
    ("Genitourinary", 580, 629),
    ("Genitourinary", 788, 788),
    ("Neoplasms", 140, 239),
)
OTHER = "Other"


def strack_group(codes: pd.Series) -> pd.Series:
    """Return the group of each ICD-9 code; a missing code stays missing.

    Parameters
    ----------
    codes : Series of text
        Such as ``"250.83"``, ``"428"`` or ``"V57"``; supplementary V and E codes are ``"Other"``.

    References
    ----------
    Strack et al. (2014), doi:10.1155/2014/781670, table 2.
    """
    by_code = {code: _group(code) for code in codes.dropna().unique()}
    return codes.map(by_code)


def _group(code: str) -> str:
    try:
        category = int(float(code))
    except ValueError:
        return OTHER
    return next((name for name, first, last in GROUPS if first <= category <= last), OTHER)
