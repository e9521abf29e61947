"""Panel: the past patients that taught the model this prediction, and the groups that they belong to."""

from collections.abc import Callable
from typing import Any, ClassVar

import pandas as pd

from clinflu.analysis.check.grades import grade_of_singles
from clinflu.analysis.ledger import Ledger
from clinflu.analysis.pushed import Pushed
from clinflu.analysis.sentence import group_words, together_words
from clinflu.dashboard.nodes import Child, Node, chart, node, paragraphs, table
from clinflu.dashboard.panels.cards import cards
from clinflu.dashboard.panels.panel import TreePanel, nothing_chosen
from clinflu.dashboard.panels.verdicts import judge, mend, note, sign
from clinflu.dashboard.panels.working import progress_bar
from clinflu.dashboard.python_text import past_calls
from clinflu.dashboard.questions import grouping
from clinflu.dashboard.screen import PAST_PATIENTS, WHAT_IF
from clinflu.dashboard.wording import level_words, nearness, percent, points
from clinflu.figures.ledger import ledger_spec
from clinflu.figures.removal import column_names, removal_spec

AT_FIRST = 5
LOWERED = "What they taught lowered this risk: without them it would be higher."
RAISED = "What they taught raised this risk: without them it would be lower."
OF_REMOVALS = (
    "Bar chart of the change of the risk without each past patient, with its estimate as a diamond. The cards above "
    "hold the same numbers."
)
OF_GROUPS = (
    "Bar chart of the change of the risk without each group of past patients, refitted, with its estimate as a "
    "diamond. The table below holds the same numbers."
)


class PastPatients(TreePanel):
    """Show who pushed toward the error and who against it: at once as estimates, then refitted."""

    title: ClassVar[str] = "Which past patients taught it this?"
    name: ClassVar[str] = "pastpatients"
    answers: ClassVar[tuple[str, ...]] = ("estimates", "refits", "shared", "tally", "ledger")

    def body(self, encounter_id: str) -> Child:
        """Return the two columns, the groups and the charts."""
        if nothing_chosen(encounter_id) or self._state.screen.step < PAST_PATIENTS:
            return None
        found = self._found
        return [
            self._explained(found),
            self._own_group(),
            self._tallied(),
            node("div", self._column(found, toward=True), self._column(found, toward=False), class_="clinflu-beside"),
            self._grade(found),
            self._onward(),
            self._groups(),
            self._all_of_them(found),
        ]

    def calls(self, _: str) -> str:
        """Return the calls behind the cards."""
        return past_calls(self._state.screen, self._state.names, self._state.audit)

    def acts(self) -> dict[str, Callable[[str, Any], None]]:
        """Return what can be done with past patients."""
        state = self._state
        return {
            "tick": lambda key, value: state.tick(state.past_encounter(key), on=value is True),
            "by": lambda _, value: state.group_by(str(value)),
            "what-if": lambda *_: state.open_what_if(),
            "again": lambda *_: state.try_again(),
            "judge": lambda key, value: judge(state, key, value),
            "note": lambda key, value: note(state, key, value),
            "sign": lambda key, value: sign(state, key, value),
            "mend": lambda key, _: mend(state, key),
        }

    @property
    def _found(self) -> Pushed:
        """The refitted ones as soon as they are there."""
        found: Pushed = self._state.answer("refits") or self._state.answer("estimates")
        return found

    def _explained(self, found: Pushed) -> Child:
        if found.together is None:
            return progress_bar(self._state, "refits")
        return node("p", together_words(self._state.prediction, found.together), class_="clinflu-headline")

    def _own_group(self) -> Child:
        """Return what the model learned from the patient's own group, where that matters most of all groups."""
        ledger: Ledger | None = self._state.answer("ledger")
        if ledger is None or ledger.frame.empty or not ledger.frame["holds_audited_patient"].iloc[0]:
            return None
        name = ledger.frame.index[0]
        level = self._level(str(ledger.frame.index.names[0]), str(name[0] if isinstance(name, tuple) else name))
        words = group_words(self._state.prediction, ledger.frame.iloc[0], f"{ledger.labels[0]} {level}")
        return node("p", words, class_="clinflu-shared")

    def _tallied(self) -> list[Node]:
        """Return which groups stand out among those that pushed toward the error."""
        label = self._state.audit.cohort.schema.outcome_label
        said = [one.words(label, self._level(one.variable, one.level)) for one in self._state.answer("shared")]
        return paragraphs(*said, class_="clinflu-shared")

    def _level(self, variable: str, level: str) -> str:
        return level_words(self._state.audit.cohort.schema.feature(variable), level)

    def _column(self, found: Pushed, *, toward: bool) -> Node:
        patients = found.toward_error if toward else found.against
        names = column_names(self._state.prediction)
        head, tone = (names[0], "toward") if toward else (names[1], "against")
        lead = LOWERED if bool(self._state.prediction.outcome) == toward else RAISED
        made = cards(self._state, patients, refitted=found.together is not None)
        empty = None if made else node("p", "No past patient did.", class_="clinflu-empty")
        rest = made[AT_FIRST:]
        more = node(
            "details",
            node("summary", f"{len(rest)} more"),
            node("ul", rest, class_="clinflu-cards"),
            key=f"more {tone}",
        )
        return node(
            "div",
            node("h3", head),
            node("p", lead if made else ""),
            empty,
            node("ul", made[:AT_FIRST], class_="clinflu-cards") if made else None,
            more if rest else None,
            class_="clinflu-column",
            tone=tone,
        )

    def _grade(self, found: Pushed) -> Child:
        if found.together is None:
            return None
        singles = pd.concat([found.toward_error, found.against])
        analyst = self._state.role == "analyst"
        words = grade_of_singles(singles, self._state.audit.grades) if analyst else nearness(singles)
        return node("p", f"How near the estimates are: {words}", class_="clinflu-note")

    def _onward(self) -> Node:
        opened = self._state.screen.step >= WHAT_IF
        words = "What if is below" if opened else "What if?"
        return node("p", node("button", words, type="button", act="what-if", class_="clinflu-primary"))

    def _groups(self) -> Child:
        """Return the tally by group, and what the risk would be without each group."""
        by = grouping(self._state.audit, self._state.screen)
        if not by:
            return node("p", "This cohort names no subgroups.", class_="clinflu-note")
        schema = self._state.audit.cohort.schema
        options = [node("option", schema.feature(one).label, value=one, selected=one == by) for one in schema.subgroups]
        choice = node("select", options, id=f"{self._page}-by", act="by")
        ledger: Ledger | None = self._state.answer("ledger")
        return [
            node("h3", "Which groups of past patients does it lean on?"),
            node("div", node("label", "Group by", for_=f"{self._page}-by"), choice, class_="clinflu-line"),
            progress_bar(self._state, "ledger"),
            self._ledger(by, ledger) if ledger else self._counts(by),
        ]

    def _counts(self, by: str) -> Node:
        rows = [self._counts_of(by, level, line) for level, line in self._state.answer("tally").iterrows()]
        return table("Past patients by group", self._heads(by), rows, numbers=(1, 2, 3, 4))

    def _heads(self, by: str) -> tuple[str, ...]:
        label = self._state.audit.cohort.schema.feature(by).label
        return (label, "In training", "Had the event", "Of those toward", "Of those against")

    def _counts_of(self, by: str, level: object, line: pd.Series) -> tuple[str, ...]:
        rate = line["events"] / line["training"] if line["training"] else 0.0
        events = f"{line['events']:,} ({percent(rate)})"
        return (self._level(by, str(level)), f"{line['training']:,}", events, str(line["toward"]), str(line["against"]))

    def _ledger(self, by: str, ledger: Ledger) -> Node:
        counted = self._state.answer("tally")
        rows = []
        for name, line in ledger.frame.iterrows():
            level = str(name[0] if isinstance(name, tuple) else name)
            changes = (points(line[column], 2) for column in ("risk_change_newton_pp", "risk_change_refit_pp"))
            counts = self._counts_of(by, level, counted.loc[level])
            rows.append((*counts, *changes, "yes" if line["holds_audited_patient"] else ""))
        heads = (*self._heads(by), "Estimate, points", "Refitted, points", "This patient too")
        numbers = table("Change of the risk without each group", heads, rows, numbers=(1, 2, 3, 4, 5, 6))
        return chart(ledger_spec(self._state.prediction, ledger), OF_GROUPS, numbers, key="ledger")

    def _all_of_them(self, found: Pushed) -> Node:
        parts = [("toward", found.toward_error), ("against", found.against)]
        rows = [
            (
                node("span", self._state.names.encounter(str(name)), class_="clinflu-name"),
                side,
                points(row["risk_change_estimate_pp"], 2),
                _refit(row, found),
            )
            for side, part in parts
            for name, row in part.iterrows()
        ]
        heads = ("Past patient", "Pushed", "Estimate, points", "Refitted, points")
        numbers = table("Change of the risk without each past patient", heads, rows, numbers=(2, 3))
        drawn = chart(
            removal_spec(self._state.prediction, found, self._state.names), OF_REMOVALS, numbers, key="removal"
        )
        return node("details", node("summary", "All of them in a chart"), drawn, key="removals")


def _refit(row: pd.Series, found: Pushed) -> str:
    return "not yet" if found.together is None else points(row["risk_change_refit_pp"], 2)
