"""Panel: the predictions that were wrong, worst first."""

from typing import Any

import ipywidgets as widgets
import pandas as pd

from clinflu.analysis.mistakes import FALSE_ALARM, MISSED
from clinflu.dashboard.markup import Column
from clinflu.dashboard.plotview import PlotlyBundle
from clinflu.dashboard.rowtable import Chip, Row, RowTable
from clinflu.dashboard.state import NOTHING, State
from clinflu.dashboard.wording import percent
from clinflu.influence.result import PERCENT

COLUMNS = (
    Column("Patient"),
    Column("Mistake"),
    Column("Risk", number=True),
    Column("What happened is"),
)
KINDS = {"": "All", MISSED: "Missed", FALSE_ALARM: "False alarms"}


class Mistakes:
    """List the mistakes of the state; a row that is chosen goes back to the state."""

    title = "Which prediction was wrong?"

    def __init__(self, state: State, bundle: PlotlyBundle) -> None:  # noqa: ARG002
        self._state = state
        on = {"choose": self._choose, "chip": self._filter, "search": self._search}
        self.table = RowTable(
            COLUMNS, {kind: state.acting(action) for kind, action in on.items()}, "No prediction of this kind."
        )
        self.threshold = widgets.BoundedFloatText(
            round(PERCENT * state.threshold, 1), min=0.1, max=99.9, step=0.5, description="Alert from, %"
        )
        self.threshold.observe(state.acting(self._move), "value")
        self.widget = widgets.VBox([self.threshold, self.table])
        state.watch(self._list, "kind", "search", "threshold")
        state.follow(self)
        self._list()

    def show(self, encounter_id: str) -> None:
        """Mark the chosen prediction."""
        self.table.mark(self._state.names.encounter(encounter_id) if encounter_id != NOTHING else "")

    def _list(self) -> None:
        chosen, every = self._state.mistakes, self._state.all_mistakes
        counts = {kind: int((every["kind"] == kind).sum()) if kind else len(every) for kind in KINDS}
        chips = [Chip(kind, f"{label} ({counts[kind]:,})") for kind, label in KINDS.items()]
        caption = f"Wrong predictions, worst first; the model alerts from a risk of {percent(self._state.threshold)}"
        self.table.fill(_rows(chosen), chips, self._state.kind, caption)

    def _choose(self, name: str) -> None:
        self._state.choose(self._state.encounter_of(name, self._state.mistakes.index))

    def _filter(self, kind: str) -> None:
        self._state.kind = kind if kind in KINDS else ""

    def _search(self, text: str) -> None:
        self._state.search = text

    def _move(self, change: dict[str, Any]) -> None:
        self._state.set_threshold(change["new"] / PERCENT)


def _rows(mistakes: pd.DataFrame) -> list[Row]:
    return [
        Row(row["name"], (row["name"], row["kind"], percent(row["risk"]), row["verdict"]))
        for row in mistakes.to_dict("records")
    ]
