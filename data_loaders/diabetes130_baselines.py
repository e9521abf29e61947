"""LACE and HOSPITAL as far as the UCI Diabetes table holds them: scores to compare a model with, never its features."""

import pandas as pd

from clinflu.data import BaselineSpec
from data_loaders.readmission_scores import FIRST_CUTS, LATER_CUTS, charlson, has_malignancy, hospital, lace

ACUTE = ("1", "2", "7")  # emergency, urgent, trauma centre
DIAGNOSES = ("diag_1", "diag_2", "diag_3")
LACE_NOTE = (
    "Approximate. Comorbidity is a lower bound from three diagnosis codes, most of them cut to their category; "
    "emergency visits are those of the year before instead of six months, so they are over-counted; an unknown "
    "admission type counts as not acute. LACE was made to predict death or unplanned readmission."
)
HOSPITAL_NOTE = (
    "Approximate. Haemoglobin and sodium are not recorded, so it ends at 11 of 13; a malignant neoplasm among three "
    "diagnosis codes stands for discharge from oncology; an unknown admission type counts as elective. HOSPITAL was "
    "made to predict potentially avoidable readmission. Two sets of cut points for admissions in the year before are "
    "published: "
)
BASELINES = (
    BaselineSpec("lace", "LACE~ (approximate)", approximate=True, note=LACE_NOTE, largest=19),
    BaselineSpec(
        "hospital_2_5",
        "HOSPITAL~ (approximate), cuts 0-1 / 2-5 / over 5",
        approximate=True,
        note=f"{HOSPITAL_NOTE}this is 0-1 / 2-5 / over 5.",
        largest=11,
    ),
    BaselineSpec(
        "hospital_1_5",
        "HOSPITAL~ (approximate), cuts 0 / 1-5 / over 5",
        approximate=True,
        note=f"{HOSPITAL_NOTE}this is 0 / 1-5 / over 5.",
        largest=11,
    ),
)


def baseline_scores(raw: pd.DataFrame) -> pd.DataFrame:
    """Return the scores of each encounter of a table of the published columns, one column a ``BASELINES``.

    Parameters
    ----------
    raw : DataFrame of text
        Codes as published: neither grouped nor described.

    Returns
    -------
    DataFrame, points
        Index as given; NaN where a number is missing or no number.
    """
    codes = raw[list(DIAGNOSES)]
    days, acute = raw["time_in_hospital"], raw["admission_type_id"].isin(ACUTE)
    others = days, acute, has_malignancy(codes), raw["num_procedures"], raw["number_inpatient"]
    scores = {
        "lace": lace(days, acute, charlson(codes), raw["number_emergency"]),
        "hospital_2_5": hospital(*others, cuts=LATER_CUTS),
        "hospital_1_5": hospital(*others, cuts=FIRST_CUTS),
    }
    return pd.DataFrame(scores, index=raw.index)
