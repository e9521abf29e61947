"""The panels, in the order in which they are shown. A new one is a file and a line here."""

from clinflu.dashboard.panels.attribution import Attribution
from clinflu.dashboard.panels.mistakes import Mistakes
from clinflu.dashboard.panels.past_patients import PastPatients
from clinflu.dashboard.panels.without_them import WithoutThem

PANELS = (
    Mistakes,
    Attribution,
    PastPatients,
    WithoutThem,
)
