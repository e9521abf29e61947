"""Panel: remove, relabel or edit past records, and see whom the refitted model treats otherwise."""

from collections.abc import Callable
from dataclasses import replace
from math import isnan, nan
from typing import Any, ClassVar

import pandas as pd

from clinflu.analysis.flip_set import FlipSet
from clinflu.analysis.what_if import Refit
from clinflu.analysis.what_if.everyone import Group, direction, everyone, own_group
from clinflu.dashboard.answers import READY
from clinflu.dashboard.levels import natural_order
from clinflu.dashboard.nodes import Child, Node, chart, node, paragraphs, table
from clinflu.dashboard.panels.altered import answer_box, asked_box
from clinflu.dashboard.panels.panel import TreePanel, nothing_chosen
from clinflu.dashboard.panels.working import progress_bar
from clinflu.dashboard.python_text import what_if_calls
from clinflu.dashboard.questions import Changed, Consequences, grouping
from clinflu.dashboard.screen import EDIT, RELABEL, REMOVE, WHAT_IF, Ask
from clinflu.dashboard.wording import (
    alert,
    decimal,
    digits_of,
    interval_words,
    level_words,
    percent,
    points,
    step,
    these,
)
from clinflu.data.design import MISSING
from clinflu.data.shown import NOT_RECORDED, shown
from clinflu.errors import DataError
from clinflu.figures.consequences import LOSS, consequences_spec
from clinflu.influence.interval import Interval
from clinflu.influence.result import PERCENT

NAMED = 20
TICK_FIRST = "First tick the box beside one or more past patients above."
TICK_ONE = "tick exactly one past patient"
DONE = {REMOVE: "Leave them out", RELABEL: "Give them the other outcome", EDIT: "Record one value otherwise"}
DESCRIPTION = "Bar chart of the change of the mean loss of the subgroups that get worse and better most."
ERROR = "Prediction error"
OF_ERROR = "Change of the prediction error (right: worse)"
OF_ERRORS = "Bar chart of the change of the prediction error of the subgroups that get worse and better most."
POINTS = " points"
METRICS = {  # label, factor, digits, unit, and unit of the change
    "mean_risk": ("Mean risk", PERCENT, 2, " %", POINTS),
    "event_rate": ("Event rate", PERCENT, 2, " %", POINTS),
    "auroc": ("AUROC", 1.0, 4, "", ""),
    "brier": ("Brier score", 1.0, 4, "", ""),
    "log_loss": ("Mean loss, nats", 1.0, 4, "", ""),
    "calibration_intercept": ("Calibration-in-the-large", 1.0, 4, "", ""),
    "calibration_slope": ("Calibration slope", 1.0, 4, "", ""),
}


class WhatIf(TreePanel):
    """Take the question, show the refit: for this patient, for its group and for everyone."""

    title: ClassVar[str] = "What if?"
    name: ClassVar[str] = "whatif"
    answers: ClassVar[tuple[str, ...]] = ("change", "consequences", "altered")

    def body(self, encounter_id: str) -> Child:
        """Return the boxes of the question and, once there is one, the answer."""
        if nothing_chosen(encounter_id) or self._state.screen.step < WHAT_IF:
            return None
        return [
            node(
                "div", self._ticked(), self._group(), self._fewest(), asked_box(self._state), class_="clinflu-questions"
            ),
            self._answer(encounter_id),
            answer_box(self._state),
        ]

    def calls(self, _: str) -> str:
        """Return the calls behind the answer."""
        return what_if_calls(self._state.screen, self._state.names, self._state.audit)

    def acts(self) -> dict[str, Callable[[str, Any], None]]:
        """Return what can be asked."""
        state = self._state
        return {
            "action": lambda _, value: state.prepare(action=_one_of(value, DONE)),
            "variable": lambda _, value: state.prepare(variable=self._variable(value), value=""),
            "value": lambda _, value: state.prepare(value=str(value)[:200]),
            "group": lambda _, value: state.prepare(group=self._level(value)),
            "ask-ticked": lambda *_: self._ask_ticked(),
            "ask-group": lambda *_: state.ask(Ask(REMOVE, group=self._chosen_group())),
            "ask-fewest": lambda key, _: state.ask(Ask(_one_of(key, DONE), fewest=True)),
            "ask-altered": lambda *_: state.ask_altered(),
            "again": lambda *_: state.try_again(),
            "stop": lambda *_: state.stop(),
        }

    def _ask_ticked(self) -> None:
        screen = self._state.screen
        ask = Ask(screen.action, encounters=screen.ticked)
        if screen.action == EDIT:
            if len(screen.ticked) != 1:
                raise DataError("tick exactly one past patient to record one of its values otherwise")
            ask = replace(ask, variable=self._variable(screen.variable), value=screen.value)
        self._state.ask(ask)

    def _ticked(self) -> Node:
        screen = self._state.screen
        ticked = len(screen.ticked)
        actions = [
            node("option", words, value=action, selected=action == screen.action) for action, words in DONE.items()
        ]
        parts: list[Child] = [
            node("legend", f"The past patients that you ticked ({ticked})"),
            node("select", actions, act="action", aria_label="What to do with them"),
        ]
        if not ticked:
            parts.append(node("span", TICK_FIRST, class_="clinflu-note"))
        elif screen.action == EDIT and ticked > 1:
            parts.append(node("span", TICK_ONE, class_="clinflu-note"))
        if screen.action == EDIT:
            parts += self._edit()
        parts.append(
            node(
                "button",
                "Refit",
                type="button",
                act="ask-ticked",
                class_="clinflu-primary",
                disabled=not self._can_ask(),
            )
        )
        return node("fieldset", parts, key="ticked")

    def _can_ask(self) -> bool:
        screen = self._state.screen
        if screen.action == EDIT:
            return len(screen.ticked) == 1 and bool(screen.variable)
        return bool(screen.ticked)

    def _edit(self) -> list[Node]:
        """Return the boxes of an edit: which variable, and what would have been recorded."""
        screen, audit = self._state.screen, self._state.audit
        names = audit.cohort.schema.feature_names
        options = [
            node("option", audit.cohort.schema.feature(one).label, value=one, selected=one == screen.variable)
            for one in names
        ]
        unset = node("option", "choose a variable", value="", selected=not screen.variable)
        made = [node("select", unset, options, act="variable", aria_label="Recorded variable")]
        if not screen.variable:
            return made
        spec = audit.cohort.schema.feature(screen.variable)
        if len(screen.ticked) == 1:
            recorded = audit.cohort.frame.at[screen.ticked[0], spec.name]
            made.append(node("span", f"recorded: {shown(spec, recorded)}", class_="clinflu-note"))
        if spec.is_category:
            levels = audit.study.encoder.levels(spec.name) if audit.study.encoder else ()
            known = natural_order(spec, [one for one in levels if one != MISSING])
            choices = [
                node("option", level, value=level, selected=level == screen.value)
                for level in dict.fromkeys(shown(spec, one) for one in known)
            ]
            choices.append(node("option", NOT_RECORDED, value="", selected=not screen.value))
            return [*made, node("select", choices, act="value", aria_label=f"New value of {spec.label}")]
        what = f"codes with {spec.separator} between them" if spec.is_codes else spec.unit
        unit = f", {what}" if what else ""
        box = node(
            "input",
            type="text",
            value=screen.value,
            act="value",
            maxlength="2000" if spec.is_codes else "40",
            placeholder=f"new value{unit}",
            aria_label=f"New value of {spec.label}{unit}",
        )
        return [*made, box]

    def _group(self) -> Node:
        screen = self._state.screen
        by_variable: dict[str, list[Node]] = {}
        places = {(group.variable, group.level): place for place, group in enumerate(self._groups)}
        for group in self._state.offered_groups:
            key = (group.variable, group.level)
            reason = f"; {group.why_not}" if group.why_not else ""
            text = f"{group.name} ({group.encounters:,} in training{reason})"
            by_variable.setdefault(group.label, []).append(
                node(
                    "option",
                    text,
                    value=str(places.get(key, "")),
                    selected=screen.group == key,
                    disabled=bool(group.why_not),
                )
            )
        choices = [node("option", "choose a group", value="", selected=not screen.group)]
        choices += [node("optgroup", options, label=label) for label, options in by_variable.items()]
        return node(
            "fieldset",
            node("legend", "A whole group of past patients"),
            node("select", choices, act="group", aria_label="Group of past patients"),
            node("button", "Refit without them", type="button", act="ask-group", disabled=not screen.group),
            key="group",
        )

    def _fewest(self) -> Node:
        legend = node("legend", "The fewest that change the decision")
        removed = node("button", "Search whom to leave out", type="button", act="ask-fewest", key=REMOVE)
        relabelled = node("button", "Search whose outcome to change", type="button", act="ask-fewest", key=RELABEL)
        return node("fieldset", legend, removed, relabelled, key="fewest")

    @property
    def _groups(self) -> "tuple[Any, ...]":
        return self._state.groups

    def _variable(self, value: Any) -> str:
        if value and value not in self._state.audit.cohort.schema.feature_names:
            raise DataError("there is no such variable; choose one of those shown")
        return str(value or "")

    def _level(self, value: Any) -> tuple[str, ...]:
        if not value:
            return ()
        if not str(value).isdigit() or int(value) >= len(self._groups):
            raise DataError("there is no such group; choose one of those shown")
        chosen = self._groups[int(value)]
        return (chosen.variable, chosen.level)

    def _chosen_group(self) -> tuple[str, ...]:
        if not self._state.screen.group:
            raise DataError("choose a group of past patients first")
        return self._state.screen.group

    def _answer(self, encounter_id: str) -> Child:
        changed: Changed | None = self._state.answer("change")
        if changed is None:
            return node("div", progress_bar(self._state, "change"), class_="clinflu-answer")
        refit = changed.refit
        return node(
            "div",
            _found(changed.found, self._state.names) if changed.found else None,
            [self._this_patient(encounter_id, refit), self._others(encounter_id, refit)] if refit else None,
            self._consequences() if refit else None,
            class_="clinflu-answer",
            role="region",
            aria_label="What the refitted model says",
        )

    def _this_patient(self, encounter_id: str, refit: Refit) -> Child:
        asked = self._state.screen.asked or Ask(REMOVE)
        before, after = refit.risk_before(encounter_id), refit.risk_after(encounter_id)
        change = refit.risk_change_pp(encounter_id)
        known: Consequences | None = self._state.answer("consequences")
        digits = digits_of(change)
        reach = _reach(known.interval, digits) if known else ""
        return [
            node(
                "p", done_words(refit, asked, *self._asked_words(asked), self._how_chosen(asked)), class_="clinflu-note"
            ),
            node("p", "This patient: ", node("span", step(before, change), class_="clinflu-risk")),
            node("p", f"{points(change, digits)} percentage points, refitted{reach}."),
            node("p", alert(before, after, self._state.screen.threshold)),
            paragraphs(*(self._cautions(known) if known else ()), class_="clinflu-note"),
        ]

    def _cautions(self, known: Consequences) -> tuple[str, ...]:
        """Return what limits the numbers: how the interval was made, and what is odd about the refitted model."""
        alone = "The tables below carry no interval: small groups move by chance."
        penalised = self._state.audit.model.is_penalised
        plain = interval_words("the change", penalised=penalised)
        return (self._to_reader(f"The interval: {known.interval.method}.", plain), alone, *known.warnings)

    def _to_reader(self, exact: str, plain: str) -> str:
        """Return what an analyst reads, or what a clinician does."""
        return exact if self._state.role == "analyst" else plain

    def _asked_words(self, asked: Ask) -> tuple[str, str]:
        """Return what a person calls the variable that was asked about, and the level of a group."""
        name = asked.group[0] if asked.group else asked.variable
        if not name:
            return "", ""
        spec = self._state.audit.cohort.schema.feature(name)
        return spec.label, level_words(spec, asked.group[1]) if asked.group else ""

    def _how_chosen(self, asked: Ask) -> str:
        return "ticked" if {*asked.encounters} <= {*self._state.screen.ticked} else "chose"

    def _others(self, encounter_id: str, refit: Refit) -> Child:
        """Return what the refit does to the patient's group and to everyone."""
        threshold = self._state.screen.threshold
        by = grouping(self._state.audit, self._state.screen)
        groups = [everyone(refit, threshold)]
        if by:
            groups.insert(0, own_group(refit, threshold, by, encounter_id))
        rows = [_group_row(one) for one in groups]
        heads = (
            "Audited patients",
            "Encounters",
            "Happened",
            "Mean risk",
            "Alerts",
            "Worse predicted",
            "Better predicted",
        )
        return table("Their group, and everyone", heads, rows, numbers=range(1, 7))

    def _consequences(self) -> Child:
        found = self._state.answers.get("consequences")
        known: Consequences | None = self._state.answer("consequences")
        if known is None:
            return progress_bar(self._state, "consequences") if found and found.status != READY else None
        simulated = self._state.audit.cohort.provenance.simulated
        rows = [_subgroup_row(row, self._state) for row in _worst_first(known.subgroups).to_dict("records")]
        error, change = self._to_reader("Mean loss, nats", ERROR), self._to_reader("Change, nats", "Change")
        heads = ("Subgroup", "Encounters", "Happened", "Mean risk", error, change, "It gets")
        numbers = table("Every subgroup, the worst first", heads, rows, numbers=range(1, 6))
        return [
            node("h3", "Who is predicted worse, and who better?"),
            chart(
                consequences_spec(known.subgroups, simulated=simulated, axis=self._to_reader(LOSS, OF_ERROR)),
                self._to_reader(DESCRIPTION, OF_ERRORS),
                numbers,
                key="consequences",
            ),
            node(
                "details",
                node("summary", "Everyone: discrimination and calibration"),
                _metrics(known.everyone),
                key="metrics",
            ),
        ]


def _found(found: FlipSet, names: Any) -> Node:
    """Return what the search found; past patients bear pseudonyms."""
    listed = [names.encounter(str(one)) for one in found.encounters[:NAMED]]
    more = len(found.encounters) - len(listed)
    who = f"{', '.join(listed)}{f' and {more:,} more' if more else ''}." if listed else ""
    return node("div", paragraphs(found.words, found.summary, who), class_="clinflu-found")


def _reach(interval: Interval, digits: int) -> str:
    level, low, high = f"{PERCENT * interval.level:.0f} %", points(interval.low, digits), points(interval.high, digits)
    return f"; {level} interval of the change {low} to {high}"


def done_words(refit: Refit, ask: Ask, label: str, group: str, how: str = "ticked") -> str:
    """Return in words what was asked and done before the refit.

    Parameters
    ----------
    refit : Refit
    ask : Ask
    label : str
        What a clinician calls the variable of a group or an edit.
    group : str
        The level of a group as a person sees it.
    how : str
        What the user did to the past encounters that it is about.
    """
    removed, relabelled = refit.encounters_removed, refit.plan.relabelled_encounters
    if ask.group:
        return f"Refitted without {these(removed, 'past encounter')} of {label} {group}."
    if ask.fewest and removed:
        return f"Refitted without {these(removed, 'past encounter')} that the search found."
    if ask.fewest:
        return f"Refitted with the other outcome for {these(relabelled, 'past encounter')} that the search found."
    if ask.action == EDIT:
        return f"Refitted with another {label} for the past encounter that you {how}."
    if ask.action == RELABEL:
        return f"Refitted with the other outcome for {these(relabelled, 'past encounter')} that you {how}."
    return f"Refitted without {these(removed, 'past encounter')} that you {how}."


def _group_row(group: Group) -> tuple[str, ...]:
    return (
        group.label,
        f"{group.encounters:,}",
        percent(group.event_rate),
        f"{percent(group.mean_before)} → {percent(group.mean_after)}",
        f"{group.alerts_before:,} → {group.alerts_after:,}",
        f"{group.worse:,}",
        f"{group.better:,}",
    )


def _worst_first(subgroups: pd.DataFrame) -> pd.DataFrame:
    return subgroups.sort_values("log_loss_change", ascending=False, kind="stable", na_position="last")


def _subgroup_row(row: dict[str, Any], state: Any) -> tuple[str, ...]:
    spec = state.audit.cohort.schema.feature(row["variable"])
    change = row["log_loss_change"]
    return (
        f"{row['label']}: {level_words(spec, str(row['level']))}",
        f"{int(row['n']):,}",
        percent(row["event_rate_before"]),
        f"{percent(row['mean_risk_before'])} → {percent(row['mean_risk_after'])}",
        f"{decimal(row['log_loss_before'], 5)} → {decimal(row['log_loss_after'], 5)}",
        points(change, 5),
        direction(change),
    )


def _metrics(frame: pd.DataFrame) -> Node:
    rows = []
    for name, (label, factor, digits, unit, moved) in METRICS.items():
        before, after = (factor * float(frame.at[name, when]) for when in ("before", "after"))
        change = decimal(nan, digits) if isnan(after - before) else f"{points(after - before, digits)}{moved}"
        rows.append((label, f"{decimal(before, digits)}{unit}", f"{decimal(after, digits)}{unit}", change))
    return table("On all audited encounters", ("Metric", "Before", "After", "Change"), rows, numbers=(1, 2, 3))


def _one_of(value: Any, known: dict[str, str]) -> str:
    if value not in known:
        raise DataError("that cannot be done to past records; choose one of those shown")
    return str(value)
