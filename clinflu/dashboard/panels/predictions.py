"""Panel: every audited prediction, the worst misses first, and what the alert threshold means."""

import math
from collections.abc import Callable
from typing import Any, ClassVar

from clinflu.analysis.mistakes import FALSE_ALARM, MISSED, RIGHT
from clinflu.dashboard.nodes import Child, Node, node, table
from clinflu.dashboard.panels.panel import TreePanel
from clinflu.dashboard.python_text import list_calls
from clinflu.dashboard.screen import CHILDREN, CHIPS, LOW, OLD, OLDEST, SORTS, YOUNGEST
from clinflu.dashboard.wording import in_words, percent
from clinflu.dashboard.worklist import PAGE_ROWS, Listed, Meaning
from clinflu.data.age import age_feature, child_words, over_65_words
from clinflu.data.cohort import Cohort
from clinflu.errors import DataError
from clinflu.influence.result import PERCENT

SMALLEST_PERCENT, LARGEST_PERCENT = 0.1, 99.9


class Predictions(TreePanel):
    """List the audited encounters by windows; a row that is chosen goes back to the state."""

    title: ClassVar[str] = "Which prediction was wrong?"
    name: ClassVar[str] = "predictions"
    answers: ClassVar[tuple[str, ...]] = ("support",)

    def body(self, encounter_id: str) -> Child:
        """Return the threshold, the filters and one window of the list."""
        screen, worklist = self._state.screen, self._state.worklist
        order = worklist.order(screen, self._state.low)
        return [
            self._threshold(),
            self._chips(),
            self._finding(),
            self._table(encounter_id),
            _pager(screen.page, len(order)),
        ]

    def calls(self, _: str) -> str:
        """Return the calls behind the list."""
        return list_calls(self._state.screen)

    def acts(self) -> dict[str, Callable[[str, Any], None]]:
        """Return what can be done with the list."""
        state = self._state
        return {
            "choose": lambda key, _: state.choose(self._encounter(key)),
            "chip": lambda key, _: state.toggle_chip(key),
            "everybody": lambda *_: state.clear_filters(),
            "search": lambda _, value: state.search(str(value)),
            "sort": lambda _, value: state.sort(str(value)),
            "page": lambda key, _: state.turn_to(_whole(key)),
            "threshold": lambda _, value: state.set_threshold(_percent(value) / PERCENT),
        }

    def _encounter(self, name: str) -> str:
        """Return the encounter of the window that bears a pseudonym."""
        for line in self._window:
            if line.name == name:
                return line.encounter_id
        raise DataError("that encounter is no longer listed; choose one from the table")

    @property
    def _window(self) -> tuple[Listed, ...]:
        return self._state.worklist.window(self._state.screen, self._state.low)

    def _threshold(self) -> Node:
        screen = self._state.screen
        meaning = self._state.worklist.meaning(screen.threshold)
        box = node(
            "input",
            type="number",
            id=f"{self._page}-threshold",
            value=f"{PERCENT * screen.threshold:.2f}",
            min=SMALLEST_PERCENT,
            max=LARGEST_PERCENT,
            step="0.01",
            act="threshold",
        )
        label = node("label", "Alert from a risk of", for_=f"{self._page}-threshold")
        words = node("p", threshold_words(meaning, screen.threshold, self._label), class_="clinflu-meaning")
        return node("div", node("div", label, box, node("span", "%"), class_="clinflu-line"), words)

    @property
    def _label(self) -> str:
        return self._state.audit.cohort.schema.outcome_label

    def _chips(self) -> Node:
        screen = self._state.screen
        flags, within = self._state.worklist.flags(screen, self._state.low), self._state.worklist.found(screen.search)
        words = chip_words(self._state.audit.cohort)
        made = [
            node(
                "button",
                "All",
                type="button",
                act="everybody",
                class_="clinflu-chip",
                aria_pressed=_pressed(not screen.chips),
            )
        ]
        for chip, label in words.items():
            known = f" ({int((flags[chip] & within).sum()):,})" if chip in flags else ""
            on = chip in screen.chips
            made.append(
                node(
                    "button",
                    f"{label}{known}",
                    type="button",
                    act="chip",
                    key=chip,
                    class_="clinflu-chip",
                    aria_pressed=_pressed(on),
                )
            )
        return node("div", made, class_="clinflu-chips", role="group", aria_label="Show only")

    def _finding(self) -> Node:
        screen = self._state.screen
        search = node(
            "input",
            type="search",
            id=f"{self._page}-search",
            value=screen.search,
            placeholder="75, children, diagnosis, E-…" if self._state.worklist.age else "diagnosis, E-…",
            title=search_words(self._state.audit.cohort),
            autocomplete="off",
            spellcheck="false",
            act="search",
            live=True,
            maxlength="80",
        )
        options = [
            node("option", words, value=how, selected=how == screen.sort) for how, words in self._orders().items()
        ]
        sort = node("select", options, id=f"{self._page}-sort", act="sort")
        found = node("span", node("label", "Search", for_=f"{self._page}-search"), search, class_="clinflu-line")
        order = node("span", node("label", "Order", for_=f"{self._page}-sort"), sort, class_="clinflu-line")
        return node("div", found, order, class_="clinflu-line")

    def _orders(self) -> dict[str, str]:
        """Return the orders on offer; those by age only where an age is recorded."""
        without = () if self._state.worklist.age else (YOUNGEST, OLDEST)
        return {how: words for how, words in SORTS.items() if how not in without}

    def _table(self, encounter_id: str) -> Node:
        lines = self._window
        if not lines:
            waiting = LOW in self._state.screen.chips and self._state.low is None
            said = "Looking at the support of every prediction …" if waiting else "No prediction of this kind."
            return node("p", said, class_="clinflu-empty")
        age = self._state.worklist.age
        heads = ["Patient", "What happened", *([age.label] if age else [])]
        rows = [self._row(line, current=line.encounter_id == encounter_id) for line in lines]
        made = table("Audited predictions", heads, [row[: len(heads)] for row in rows])
        return node("div", made, arrows=True, class_="clinflu-table")

    def _row(self, line: Listed, *, current: bool) -> list[Child]:
        button = node(
            "button",
            line.name,
            type="button",
            act="choose",
            key=line.name,
            row=True,
            class_="clinflu-row",
            aria_current="true" if current else None,
        )
        said = node("span", in_words(line.risk, line.outcome, self._label))
        kind = node("span", kind_words(line), class_="clinflu-kind")
        return [button, [said, kind], line.age]


def chip_words(cohort: Cohort) -> dict[str, str]:
    """Return what each chip says; those of the age only where an age is recorded."""
    if age_feature(cohort.schema, cohort.frame) is None:
        return {chip: label for chip, label in CHIPS.items() if chip not in (CHILDREN, OLD)}
    ages = {CHILDREN: f"Children ({child_words(cohort)})", OLD: over_65_words(cohort)}
    return {**CHIPS, **ages}


def search_words(cohort: Cohort) -> str:
    """Return what can be searched."""
    schema, age = cohort.schema, age_feature(cohort.schema, cohort.frame)
    labels = [schema.feature(one).label for one in schema.subgroups if age is None or one != age.name]
    by_age = [f"an age in years, such as 75; children ({child_words(cohort)})"] if age else []
    by_value = [f"what is recorded as {', '.join(labels)}"] if labels else []
    return f"Search by: {'; '.join([*by_age, *by_value, 'how a pseudonym begins, such as E-7K'])}."


def threshold_words(meaning: Meaning, threshold: float, label: str) -> str:
    """Return what an alert threshold means, in numbers of encounters."""
    share = PERCENT * meaning.alerts / max(meaning.encounters, 1)
    return (
        f"From {percent(threshold)} the model alerts for {meaning.alerts:,} of {meaning.encounters:,} encounters "
        f"({share:.1f} %). Of the {meaning.events:,} that were {label}, it catches {meaning.caught:,} and misses "
        f"{meaning.missed:,}; {meaning.false_alarms:,} alerts are false."
    )


def kind_words(line: Listed) -> str:
    """Return what a prediction was, and of a wrong one what patients at this risk say of it."""
    if line.kind == RIGHT:
        return "Right"
    if line.surprising:
        said = "rare at this risk"
    elif line.risk_differs:
        said = "the risk looks too low" if line.kind == MISSED else "the risk looks too high"
    else:
        said = "could be chance"
    return f"{ {MISSED: 'Missed', FALSE_ALARM: 'False alarm'}[line.kind] }: {said}"


def _pager(page: int, total: int) -> Node:
    pages = max(1, -(-total // PAGE_ROWS))
    places = {"First": 0, "Previous": page - 1, "Next": page + 1, "Last": pages - 1}
    off = {"First": page == 0, "Previous": page == 0, "Next": page + 1 >= pages, "Last": page + 1 >= pages}
    buttons = {
        name: node(
            "button", name, type="button", act="page", key=str(target), disabled=off[name], class_="clinflu-quiet"
        )
        for name, target in places.items()
    }
    count = node("span", f"{total:,} in all, page {page + 1:,} of {pages:,}", class_="clinflu-count", role="status")
    parts = [buttons["First"], buttons["Previous"], count, buttons["Next"], buttons["Last"]]
    return node("div", parts, class_="clinflu-pager")


def _pressed(on: bool) -> str:  # noqa: FBT001
    return "true" if on else "false"


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise DataError("there is no such page; use the buttons") from None


def _percent(value: Any) -> float:
    """Return the alert threshold that was typed, in percent."""
    try:
        typed = float(str(value).replace(",", "."))
    except ValueError:
        typed = math.nan
    if not SMALLEST_PERCENT <= typed <= LARGEST_PERCENT:
        raise DataError(f"give a percentage from {SMALLEST_PERCENT} to {LARGEST_PERCENT}, such as 15")
    return typed
