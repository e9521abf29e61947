"""Results drawn: one pure function a figure, each of a plain result."""

from clinflu.figures.agreement import agreement_figure
from clinflu.figures.attribution import attribution_figure
from clinflu.figures.case_study import case_study_figure, children_figure
from clinflu.figures.config import SAFE_CONFIG, SafeFigure
from clinflu.figures.consequences import consequences_figure
from clinflu.figures.ledger import ledger_figure
from clinflu.figures.removal import removal_figure
from clinflu.figures.why_figures import remedies_figure, training_groups_figure

__all__ = [
    "SAFE_CONFIG",
    "SafeFigure",
    "agreement_figure",
    "attribution_figure",
    "case_study_figure",
    "children_figure",
    "consequences_figure",
    "ledger_figure",
    "remedies_figure",
    "removal_figure",
    "training_groups_figure",
]
