"""From a hospital's table to a design matrix whose columns are still named."""

from clinflu.data.cohort import Cohort, Exclusion, PlantedCause, Provenance, build_cohort
from clinflu.data.design import Column, Design, Encoder
from clinflu.data.finding import Finding
from clinflu.data.readmission import HOSPITAL_WIDE, ReadmissionSpec
from clinflu.data.schema import BaselineSpec, CohortSchema, FeatureSpec
from clinflu.data.split import Split, split_by_patient

__all__ = [
    "HOSPITAL_WIDE",
    "BaselineSpec",
    "Cohort",
    "CohortSchema",
    "Column",
    "Design",
    "Encoder",
    "Exclusion",
    "FeatureSpec",
    "Finding",
    "PlantedCause",
    "Provenance",
    "ReadmissionSpec",
    "Split",
    "build_cohort",
    "split_by_patient",
]
