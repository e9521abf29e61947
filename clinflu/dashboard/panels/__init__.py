"""The panels, in the order in which they are shown. A new one is a file and a line here."""

from clinflu.dashboard.panels.past_patients import PastPatients
from clinflu.dashboard.panels.patient import Patient
from clinflu.dashboard.panels.predictions import Predictions
from clinflu.dashboard.panels.review import Review
from clinflu.dashboard.panels.what_if import WhatIf
from clinflu.dashboard.panels.whole_model import WholeModel

PANELS = (
    Predictions,
    Patient,
    PastPatients,
    WhatIf,
)
ANALYST_PANELS = (WholeModel,)  # above the others, and for an analyst alone
ANALYST_PANELS_BELOW = (Review,)  # below the others, and for an analyst alone
