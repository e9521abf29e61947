"""Results drawn: one pure function a figure, each of a plain result."""

from clinflu.figures.adversarial_figure import (
    before_after_figure,
    flips_over_epsilon_figure,
    flips_over_rows_figure,
    fragility_figure,
    records_over_size_figure,
)
from clinflu.figures.agreement import agreement_figure
from clinflu.figures.attribution import attribution_figure
from clinflu.figures.case_study import case_study_figure, children_figure
from clinflu.figures.certified_figure import certified_figure
from clinflu.figures.config import SAFE_CONFIG, SafeFigure
from clinflu.figures.consequences import consequences_figure
from clinflu.figures.explanations_figure import explanations_figure, slopes_figure, strip_figure
from clinflu.figures.labels_figure import found_figure, mended_figure, paired_figure
from clinflu.figures.ledger import ledger_figure
from clinflu.figures.outlook_figure import membership_figure, penalty_figure, sgd_figure, shift_figure
from clinflu.figures.removal import removal_figure
from clinflu.figures.validation_figure import leave_one_out_figure, rivals_figure
from clinflu.figures.why_figures import remedies_figure, training_groups_figure

__all__ = [
    "SAFE_CONFIG",
    "SafeFigure",
    "agreement_figure",
    "attribution_figure",
    "before_after_figure",
    "case_study_figure",
    "certified_figure",
    "children_figure",
    "consequences_figure",
    "explanations_figure",
    "flips_over_epsilon_figure",
    "flips_over_rows_figure",
    "found_figure",
    "fragility_figure",
    "leave_one_out_figure",
    "ledger_figure",
    "membership_figure",
    "mended_figure",
    "paired_figure",
    "penalty_figure",
    "records_over_size_figure",
    "remedies_figure",
    "removal_figure",
    "rivals_figure",
    "sgd_figure",
    "shift_figure",
    "slopes_figure",
    "strip_figure",
    "training_groups_figure",
]
