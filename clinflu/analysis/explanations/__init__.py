"""Two models, two explanations: which training rows stand behind the same prediction of different families."""

from clinflu.analysis.explanations.explain import explain
from clinflu.analysis.explanations.families import Families, families
from clinflu.analysis.explanations.images import explain_image, fall_off
from clinflu.analysis.explanations.influence import perturbation_slopes, removal_influence, removal_refits
from clinflu.analysis.explanations.models import (
    FROZEN,
    MACHINE,
    ImagePlan,
    frozen,
    kernel_machine,
    linear_model,
    network,
    only,
)
from clinflu.analysis.explanations.patients import PatientPlan, explain_patient, patient_models
from clinflu.analysis.explanations.result import Explanation, Explanations
from clinflu.analysis.explanations.taught import Taught

__all__ = [
    "FROZEN",
    "MACHINE",
    "Explanation",
    "Explanations",
    "Families",
    "ImagePlan",
    "PatientPlan",
    "Taught",
    "explain",
    "explain_image",
    "explain_patient",
    "fall_off",
    "families",
    "frozen",
    "kernel_machine",
    "linear_model",
    "network",
    "only",
    "patient_models",
    "perturbation_slopes",
    "removal_influence",
    "removal_refits",
]
