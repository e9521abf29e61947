"""UCI Diabetes 130-US hospitals 1999-2008 (Strack et al. 2014, doi:10.1155/2014/781670)."""

import zipfile
from pathlib import Path, PurePosixPath

import pandas as pd

from clinflu.data import Cohort, CohortSchema, Exclusion, FeatureSpec, Provenance, build_cohort
from clinflu.data.validation import require_columns
from clinflu.errors import LoaderError
from data_loaders.diabetes130_baselines import BASELINES, baseline_scores
from data_loaders.diabetes130_codes import DESCRIPTIONS
from data_loaders.fetch import fetched_diabetes130
from data_loaders.icd9 import strack_group
from data_loaders.reading import read_csv, read_member
from data_loaders.tables.source import Source, require_path

MEMBER = "diabetic_data.csv"
MISSING = "?"
SIMULATED_MARK = "SIM"  # of the ids of invented encounters and patients, wherever they are written
OUTCOMES = ("<30", ">30", "NO")
DIED = ("11", "19", "20", "21")
HOSPICE = ("13", "14")
MEDICATIONS = (
    "metformin",
    "repaglinide",
    "nateglinide",
    "chlorpropamide",
    "glimepiride",
    "acetohexamide",
    "glipizide",
    "glyburide",
    "tolbutamide",
    "pioglitazone",
    "rosiglitazone",
    "acarbose",
    "miglitol",
    "troglitazone",
    "tolazamide",
    "examide",
    "citoglipton",
    "insulin",
    "glyburide-metformin",
    "glipizide-metformin",
    "glimepiride-pioglitazone",
    "metformin-rosiglitazone",
    "metformin-pioglitazone",
)
AGES = tuple(f"[{start}-{start + 10})" for start in range(0, 100, 10))
DIAGNOSES = {"diag_1": "Primary diagnosis", "diag_2": "Second diagnosis", "diag_3": "Third diagnosis"}

SCHEMA = CohortSchema(
    encounter_id="encounter_id",
    patient_id="patient_nbr",
    outcome="readmitted_30d",
    features=(
        FeatureSpec("age", "Age", levels=AGES),
        FeatureSpec("gender", "Gender", levels=()),
        FeatureSpec("race", "Race", levels=()),
        FeatureSpec("admission_type_id", "Admission type", levels=()),
        FeatureSpec("admission_source_id", "Admission source", levels=()),
        FeatureSpec("discharge_disposition_id", "Discharged to", levels=()),
        FeatureSpec("medical_specialty", "Specialty", levels=()),
        FeatureSpec("time_in_hospital", "Length of stay", unit="days", bounds=(1, 14)),
        FeatureSpec("num_lab_procedures", "Laboratory tests", unit="tests", bounds=(0, 1000)),
        FeatureSpec("num_procedures", "Procedures other than laboratory tests", unit="procedures", bounds=(0, 100)),
        FeatureSpec("num_medications", "Distinct medications", unit="medications", bounds=(0, 500)),
        FeatureSpec("number_outpatient", "Outpatient visits, year before", unit="visits", bounds=(0, 400), log1p=True),
        FeatureSpec("number_emergency", "Emergency visits, year before", unit="visits", bounds=(0, 400), log1p=True),
        FeatureSpec("number_inpatient", "Inpatient stays, year before", unit="stays", bounds=(0, 400), log1p=True),
        FeatureSpec("number_diagnoses", "Diagnoses", unit="diagnoses", bounds=(0, 100)),
        *(FeatureSpec(name, label, levels=()) for name, label in DIAGNOSES.items()),
        FeatureSpec("max_glu_serum", "Glucose serum test", levels=("None", "Norm", ">200", ">300")),
        FeatureSpec("A1Cresult", "HbA1c", levels=("None", "Norm", ">7", ">8")),
        *(FeatureSpec(name, name.capitalize(), levels=("No", "Steady", "Up", "Down")) for name in MEDICATIONS),
        FeatureSpec("change", "Change of diabetes medication", levels=("No", "Ch")),
        FeatureSpec("diabetesMed", "Any diabetes medication", levels=("No", "Yes")),
    ),
    subgroups=(
        "age",
        "gender",
        "race",
        "admission_type_id",
        "admission_source_id",
        "discharge_disposition_id",
        "medical_specialty",
        "diag_1",
    ),
    baselines=BASELINES,
)


def recognises(source: Source) -> bool:
    """Whether the zip, the folder (itself or one below) or the file name holds ``diabetic_data.csv``."""
    if not isinstance(source, Path):
        return False
    if source.is_dir():
        return (source / MEMBER).is_file() or any(source.glob(f"*/{MEMBER}"))
    if source.suffix != ".zip" or not source.is_file():
        return source.name == MEMBER
    try:
        with zipfile.ZipFile(source) as archive:
            return any(PurePosixPath(name).name == MEMBER for name in archive.namelist())
    except (zipfile.BadZipFile, OSError):
        return "diabetes" in source.name


def load(source: Source | None) -> Cohort:
    """Read the zip, the csv or a folder into one row for each encounter that could end in a readmission.

    Parameters
    ----------
    source : Path, optional
        By default what ``clinflu data fetch diabetes130`` has put on this machine.

    Raises
    ------
    LoaderError
        The table cannot be read, or holds values that it should not; all problems in one message.
    """
    path = require_path(source) or fetched_diabetes130()
    raw, sha256 = read_raw(path)
    return cohort_from_raw(raw, Provenance(path.name, sha256, "diabetes130", len(raw)))


def read_raw(source: Path) -> tuple[pd.DataFrame, str]:
    """Return the table as it is published, all 50 columns as text, and the sha256 of its file.

    ``"?"`` is missing; the literal ``"None"`` (test not done) is a level and stays.
    """
    content, sha256 = read_member(source, MEMBER)
    raw = read_csv(content, source.name, missing=MISSING)
    require_columns(raw, _published_columns(), source.name)
    return raw, sha256


def cohort_from_raw(raw: pd.DataFrame, provenance: Provenance) -> Cohort:
    """Return a table of the published 50 columns as a cohort.

    Codes become their descriptions, diagnoses their Strack groups; LACE and HOSPITAL are computed from the codes, to
    compare a model with; patients who died or went to a hospice cannot be readmitted and are excluded with their
    counts. The label is ``readmitted == "<30"``.

    Raises
    ------
    LoaderError
        An outcome that is none of ``<30``, ``>30`` and ``NO``, an unknown code, or values that break the schema.
    """
    rows_in_file = pd.Series(raw.index + 2, index=raw.index)  # row 1 is the header
    _require_known(raw, rows_in_file)
    died, hospice = (raw["discharge_disposition_id"].isin(codes) for codes in (DIED, HOSPICE))
    at_risk = raw[~(died | hospice)]
    described = {name: at_risk[name].map(codes) for name, codes in DESCRIPTIONS.items()}
    grouped = {name: strack_group(at_risk[name]) for name in DIAGNOSES}
    scores = {str(name): points for name, points in baseline_scores(at_risk).items()}
    rows = at_risk.assign(
        **described, **grouped, **scores, readmitted_30d=(at_risk["readmitted"] == "<30").astype(float)
    )
    exclusions = (
        Exclusion("died in hospital", int(died.sum())),
        Exclusion("discharged to a hospice", int(hospice.sum())),
    )
    flow = Provenance(
        provenance.source,
        provenance.sha256,
        provenance.loader,
        provenance.rows_read,
        (*provenance.exclusions, *exclusions),
        simulated=provenance.simulated or bool(raw["encounter_id"].str.startswith(SIMULATED_MARK).any()),
    )
    return build_cohort(rows, SCHEMA, flow, source_rows=rows_in_file[at_risk.index])


def _published_columns() -> list[str]:
    return [SCHEMA.encounter_id, SCHEMA.patient_id, *SCHEMA.feature_names, "readmitted"]


def _require_known(raw: pd.DataFrame, rows_in_file: pd.Series) -> None:
    """Raise if an outcome is absent or a code is unknown, naming every such column."""
    known = {name: raw[name].isna() | raw[name].isin(codes) for name, codes in DESCRIPTIONS.items()}
    known["readmitted"] = raw["readmitted"].isin(OUTCOMES)
    problems = [
        f"column {name!r} in {int((~valid).sum()):,} rows, the first is row {rows_in_file[~valid].iloc[0]}"
        for name, valid in known.items()
        if not valid.all()
    ]
    if problems:
        raise LoaderError(
            f"nothing was loaded: values that the published table does not define: {'; '.join(problems)}. "
            "Is the file complete?"
        )


def uci_table() -> pd.DataFrame:
    """Return the published table as text, from where ``clinflu data fetch diabetes130`` has put it.

    Raises
    ------
    LoaderError
        It is not on this machine.
    """
    return read_raw(fetched_diabetes130())[0]
