"""Panel: what the model would say without some of the past patients, and which subgroups it leans on."""

from collections.abc import Iterable

import ipywidgets as widgets
import pandas as pd

from clinflu.analysis.flip_set import FlipSet
from clinflu.analysis.trace import Trace
from clinflu.analysis.what_if import Refit
from clinflu.dashboard.markup import Column, Markup, element, html, joined, paragraphs, table
from clinflu.dashboard.plotview import PlotlyBundle
from clinflu.dashboard.state import NOTHING, State
from clinflu.dashboard.wording import alert, percent, points, step
from clinflu.data.pseudonym import Pseudonyms

GROUPS = (
    Column("Past patients who are"),
    Column("Encounters", number=True),
    Column("Events", number=True),
    Column("Of the ten above", number=True),
    Column("This patient too"),
    Column("Estimate, points", number=True),
    Column("Refitted, points", number=True),
)


NAMED = 20


class WithoutThem:
    """Refit on request; show the answer beside what the model says now."""

    title = "What would it say without them?"

    def __init__(self, state: State, bundle: PlotlyBundle) -> None:  # noqa: ARG002
        self._state = state
        self.some = widgets.Button(button_style="primary")
        self.all = widgets.Button()
        self.fewest = widgets.Button(description="The fewest that would change the decision")
        self.some.on_click(state.acting(lambda _: self._answer(state.selected)))
        self.all.on_click(state.acting(lambda _: self._answer(state.trace.pushed_toward_error.index)))
        self.fewest.on_click(state.acting(lambda _: self._search()))
        self.result, self.groups = html(), html()
        buttons = widgets.HBox([self.some, self.all, self.fewest])
        buttons.add_class("clinflu-buttons")
        self.widget = widgets.VBox([buttons, self.result, self.groups])
        state.follow(self)
        state.watch(self._count, "selected")
        self.show(state.encounter_id)

    def show(self, encounter_id: str) -> None:
        """Offer the refits of the chosen prediction, and show its subgroups."""
        self.widget.layout.display = "none" if encounter_id == NOTHING else None
        self._count()
        if encounter_id == NOTHING:
            self.groups.value = ""
            return
        trace = self._state.trace
        self.all.description = f"Without all {trace.together.encounters} that pushed toward the error"
        self.all.disabled = trace.together.encounters == 0
        self.groups.value = _groups(trace)

    def _count(self) -> None:
        count = len(self._state.selected)
        self.some.description = f"Without the selected patients ({count})"
        self.some.disabled = count == 0
        self.result.value = ""

    def _answer(self, encounter_ids: Iterable[str]) -> None:
        self.result.value = ""
        chosen = list(encounter_ids)
        refit = self._state.without(chosen)
        patients = self._state.audit.cohort.patients[chosen].nunique()
        self.result.value = _result(refit, self._state.trace, patients)

    def _search(self) -> None:
        self.result.value = ""
        self.result.value = _found(self._state.fewest(), self._state.names)


def _found(found: FlipSet, names: Pseudonyms) -> Markup:
    """Return what the search found; past patients bear pseudonyms."""
    shown = [names.encounter(str(one)) for one in found.encounters[:NAMED]]
    more = len(found.encounters) - len(shown)
    listed = f"{', '.join(shown)}{f' and {more:,} more' if more else ''}."
    return element("div", paragraphs(found.words, found.summary, listed if shown else ""), class_="clinflu-result")


def _result(refit: Refit, trace: Trace, patients: int) -> Markup:
    change = refit.risk_change_pp(trace.encounter_id)
    before, after = refit.risk_before(trace.encounter_id), refit.risk_after(trace.encounter_id)
    removed = f"refitted without {_count(refit.encounters_removed, 'encounter')} of {_count(patients, 'past patient')}"
    return element(
        "div",
        element("p", step(before, change), class_="clinflu-risk"),
        element("p", f"{points(change, 2)} percentage points, {removed}."),
        element("p", alert(before, after, trace.threshold)),
        class_="clinflu-result",
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _groups(trace: Trace) -> Markup:
    if trace.subgroups.empty:
        return element("p", "This cohort names no subgroups.", class_="clinflu-note")
    heading = element("h3", "Which groups of past patients does this prediction lean on?")
    caption = "Change of the risk if the model had learned from none of them, percentage points"
    rows = [_group(row) for _, row in trace.subgroups.iterrows()]
    grade = element("p", f"How near the estimates are: {trace.grades.subgroup}", class_="clinflu-note")
    return joined([heading, table(caption, GROUPS, rows), grade])


def _group(row: pd.Series) -> tuple[str, ...]:
    return (
        f"{row['label']}: {row['level']}",
        f"{row['training_encounters']:,}",
        f"{row['training_events']:,} ({percent(row['event_rate'])})",
        str(row["of_strongest"]),
        "yes" if row["holds_audited_patient"] else "no",
        points(row["risk_change_estimate_pp"], 2),
        points(row["risk_change_refit_pp"], 2),
    )
