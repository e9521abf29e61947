"""Panel: what happened in one sentence, and what raised and lowered the risk."""

import ipywidgets as widgets

from clinflu.analysis.sentence import chance, headline
from clinflu.analysis.trace import Trace
from clinflu.dashboard.markup import Column, Markup, element, html, joined, paragraphs, table
from clinflu.dashboard.plotview import PlotlyBundle, PlotView
from clinflu.dashboard.state import NOTHING, State
from clinflu.dashboard.wording import interval, percent, points
from clinflu.figures.attribution import attribution_figure, attribution_steps

COLUMNS = (Column("Recorded variable"), Column("Of this patient"), Column("Adds to the risk, points", number=True))
HINT = "Choose a wrong prediction from the list."
DESCRIPTION = (
    "Waterfall chart from the risk of the average past patient to the predicted risk, one bar for each recorded "
    "variable. The table beside it holds the same numbers."
)


class Attribution:
    """Show the sentence, the chart and the table that says the same."""

    title = "Why did the model say this?"

    def __init__(self, state: State, bundle: PlotlyBundle) -> None:
        self._state = state
        self.sentence = html()
        self.chart = PlotView(bundle)
        self.table = html()
        self._figure = widgets.Box([self.chart, self.table])
        self._figure.add_class("clinflu-chart-table")
        self.widget = widgets.VBox([self.sentence, self._figure])
        state.follow(self)
        self.show(state.encounter_id)

    def show(self, encounter_id: str) -> None:
        """Explain the chosen prediction."""
        self._figure.layout.display = "none" if encounter_id == NOTHING else None
        if encounter_id == NOTHING:
            self.sentence.value, self.table.value = element("p", HINT, class_="clinflu-hint"), ""
            self.chart.clear()
            return
        trace = self._state.trace
        self.sentence.value = _sentences(
            trace, self._state.names.encounter(encounter_id), self._state.audit.study.notes
        )
        self.chart.draw(attribution_figure(trace), DESCRIPTION)
        self.table.value = _table(trace)


def _sentences(trace: Trace, name: str, said: tuple[str, ...]) -> Markup:
    """Return the trace in words; what the head of the page has said of the model already is not repeated."""
    first = element("p", element("strong", name, ": "), headline(trace), class_="clinflu-headline")
    own = [note for note in trace.notes if note not in said]
    notes = [element("p", note, class_="clinflu-note") for note in (interval(trace), *own)]
    return joined([first, paragraphs(chance(trace), trace.support.words), *notes])


def _table(trace: Trace) -> Markup:
    steps = [(step.label, step.recorded, points(step.risk_pp)) for step in attribution_steps(trace)]
    ends = ("average past patient", "", percent(trace.baseline_risk)), ("predicted risk", "", percent(trace.risk))
    return table("The same numbers", COLUMNS, [ends[0], *steps, ends[1]])
