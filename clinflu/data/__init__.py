"""From a hospital's table to a design matrix whose columns are still named."""

from clinflu.data.cohort import Cohort, Exclusion, PlantedCause, Provenance, build_cohort
from clinflu.data.design import Column, Design, Encoder
from clinflu.data.schema import BaselineSpec, CohortSchema, FeatureSpec
from clinflu.data.split import Split, split_by_patient

__all__ = [
    "BaselineSpec",
    "Cohort",
    "CohortSchema",
    "Column",
    "Design",
    "Encoder",
    "Exclusion",
    "FeatureSpec",
    "PlantedCause",
    "Provenance",
    "Split",
    "build_cohort",
    "split_by_patient",
]
