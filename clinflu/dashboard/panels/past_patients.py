"""Panel: the past patients that taught the model this prediction."""

import ipywidgets as widgets

from clinflu.dashboard.markup import element, html, paragraphs
from clinflu.dashboard.patientcards import PatientCards, cards
from clinflu.dashboard.plotview import PlotlyBundle, PlotView
from clinflu.dashboard.state import NOTHING, State
from clinflu.figures.removal import AGAINST, TOWARD, removal_figure

HINT = (
    "Each card is one past encounter that the model learned from, with the recorded values through which it acts. "
    "Tick the ones that you doubt, and refit the model without them below."
)
LOWERED = "What they taught lowered this risk: without them it would be higher."
RAISED = "What they taught raised this risk: without them it would be lower."
DESCRIPTION = (
    "Bar chart of the change of the risk without each past patient, with its estimate as a diamond. The cards above "
    "hold the same numbers."
)


class PastPatients:
    """Show who pushed toward the error and who pushed against it."""

    title = "Which past patients taught it this?"

    def __init__(self, state: State, bundle: PlotlyBundle) -> None:
        self._state = state
        self.toward = PatientCards(TOWARD, "toward")
        self.against = PatientCards(AGAINST, "against")
        for column in (self.toward, self.against):
            column.observe(state.acting(lambda _: self._select()), "selected")
        self.grade = html()
        self.chart = PlotView(bundle, fold="Show all of them in a chart")
        columns = widgets.Box([self.toward, self.against])
        columns.add_class("clinflu-beside")
        self.widget = widgets.VBox([html(paragraphs(HINT)), columns, self.grade, self.chart])
        state.follow(self)
        self.show(state.encounter_id)

    def show(self, encounter_id: str) -> None:
        """Show the strongest past patients each way."""
        self.widget.layout.display = "none" if encounter_id == NOTHING else None
        if encounter_id == NOTHING:
            self.toward.fill({}, "")
            self.against.fill({}, "")
            self.grade.value = ""
            self.chart.clear()
            return
        trace, names = self._state.trace, self._state.names
        self.toward.fill(cards(trace, trace.pushed_toward_error, names), LOWERED if trace.outcome else RAISED)
        self.against.fill(cards(trace, trace.pushed_against, names), RAISED if trace.outcome else LOWERED)
        self.grade.value = element("p", f"How near the estimates are: {trace.grades.single}", class_="clinflu-note")
        self.chart.draw(removal_figure(trace, names), DESCRIPTION)

    def _select(self) -> None:
        self._state.selected = (*self.toward.ticked, *self.against.ticked)
