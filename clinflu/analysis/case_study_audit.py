"""The published case study as a study, so that everything that an audit can be asked can be asked of it."""

import hashlib
from dataclasses import replace

import numpy as np
import pandas as pd

from clinflu.analysis.case_study import CATEGORIES, LAM_MEAN, NUMBERS, SEED, Protocol, prepare
from clinflu.data import Cohort, CohortSchema, Design, Exclusion, FeatureSpec, Provenance, Split, build_cohort
from clinflu.data.arrays import Rows
from clinflu.model.newton import fit_logistic
from clinflu.study import Study

SOURCE = "UCI Diabetes 130-US hospitals"
LOADER = "diabetes130"
OUTCOME = "readmitted_30d"
LEFT_OUT = "children not readmitted, left out of training as published"
NOTES = (
    (
        "The case study of Koh & Liang (2017), section 5.3: all but one of the training children who were not "
        "readmitted were left out on purpose, so that the model learns from children of whom most were."
    ),
    "Half of its training encounters are readmissions, so its risks are far above those of the hospitals.",
    "It was split by encounter as published, so that a patient can be in both parts.",
)
AGES = tuple(f"[{start}-{start + 10})" for start in range(0, 100, 10))
UNITS = {
    "time_in_hospital": ("Length of stay", "days"),
    "num_lab_procedures": ("Laboratory tests", "tests"),
    "num_procedures": ("Procedures other than laboratory tests", "procedures"),
    "num_medications": ("Distinct medications", "medications"),
    "number_outpatient": ("Outpatient visits, year before", "visits"),
    "number_emergency": ("Emergency visits, year before", "visits"),
    "number_inpatient": ("Inpatient stays, year before", "stays"),
    "number_diagnoses": ("Diagnoses", "diagnoses"),
}
LABELS = {
    "discharge_disposition_id": "Discharge disposition, code",
    "max_glu_serum": "Glucose serum test",
    "A1Cresult": "HbA1c",
    "change": "Change of diabetes medication",
    "diabetesMed": "Any diabetes medication",
}
FIRST = ("age", "gender", "race")
SCHEMA = CohortSchema(
    encounter_id="encounter_id",
    patient_id="patient_nbr",
    outcome=OUTCOME,
    features=(
        FeatureSpec("age", "Age", levels=AGES),
        *(FeatureSpec(name, name.capitalize(), levels=()) for name in FIRST[1:]),
        *(FeatureSpec(name, *UNITS[name]) for name in NUMBERS),
        *(
            FeatureSpec(name, LABELS.get(name, name.capitalize()), levels=())
            for name in CATEGORIES
            if name not in FIRST
        ),
    ),
    outcome_label="readmitted within 30 days",
    subgroups=("age", "gender", "race", "discharge_disposition_id", "max_glu_serum", "A1Cresult", "insulin"),
)


def case_study_study(raw: pd.DataFrame, source: str = SOURCE, sha256: str | None = None) -> Study:
    """Return the model of the case study with its training and test rows as a study.

    Its model is the one that :func:`clinflu.analysis.case_study.case_study` fits to the modified training set, on the
    published 127 columns without an intercept. The audited encounters are the published test rows in their order, so
    that test position 1742 is ``study.design.encounter_ids[study.split.audited[1742]]``; none are kept to confirm.

    Parameters
    ----------
    raw : DataFrame
        The UCI table as published, as text, all rows in file order, ``"?"`` read as missing.
    source : str
        Name of the file that was read.
    sha256 : str, optional
        Of that file; by default of the rows.

    Raises
    ------
    DataError
        The table is not the published one.
    LoaderError
        It holds values that the published table does not have.

    References
    ----------
    Koh & Liang (2017), arXiv:1703.04730, section 5.3.
    """
    protocol = prepare(raw)
    kept = np.sort(np.concatenate([protocol.modified, protocol.test]))
    cohort = _cohort(raw, kept, source, sha256 or _hash(raw))
    design = _design(protocol, kept, cohort)
    train, audited = (np.searchsorted(kept, rows) for rows in (protocol.modified, protocol.test))
    taught = design.take(train)
    penalty = np.full(len(design.columns), len(train) * LAM_MEAN)
    model = fit_logistic(taught.x, taught.y, taught.weights, penalty)
    split = Split(train, audited, np.array([], dtype=np.intp))
    return Study(cohort, design, model, split, SEED, None, NOTES)


def _cohort(raw: pd.DataFrame, kept: Rows, source: str, sha256: str) -> Cohort:
    rows = raw.iloc[kept].assign(**{OUTCOME: (raw["readmitted"].iloc[kept] == "<30").astype(float)})
    left_out = (Exclusion(LEFT_OUT, len(raw) - len(kept)),)
    return build_cohort(rows, SCHEMA, Provenance(source, sha256, LOADER, len(raw), left_out))


def _design(protocol: Protocol, kept: Rows, cohort: Cohort) -> Design:
    """Return the published columns of the rows of the cohort."""
    taken = protocol.design.take(kept)
    return replace(taken, encounter_ids=cohort.frame.index, patient_ids=pd.Index(cohort.patients))


def _hash(raw: pd.DataFrame) -> str:
    return hashlib.sha256(pd.util.hash_pandas_object(raw, index=False).to_numpy().tobytes()).hexdigest()
