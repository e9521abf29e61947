"""The dashboard, assembled."""

import os
import secrets
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets

from clinflu.audit import Audit
from clinflu.dashboard.block import Block
from clinflu.dashboard.bundle import Bundle
from clinflu.dashboard.help import Help
from clinflu.dashboard.nodes import node
from clinflu.dashboard.panels import ANALYST_PANELS, ANALYST_PANELS_BELOW, PANELS
from clinflu.dashboard.panels.panel import Panel
from clinflu.dashboard.screen import PAST_PATIENTS, PATIENT, WHAT_IF
from clinflu.dashboard.serving.place import AUDIT_VARIABLE, PAGE_VARIABLE, ROLE_VARIABLE
from clinflu.dashboard.serving.warm import warmed
from clinflu.dashboard.state import SCREEN, State
from clinflu.dashboard.statusline import StatusLine
from clinflu.dashboard.toolbar import Toolbar
from clinflu.errors import ClinfluError, DataError

CLINICIAN, ANALYST = ROLES = ("clinician", "analyst")
NO_AUDIT = "The saved audit could not be opened. Save it again with clinflu run --save, and start clinflu app anew."
ANSWERS = {"change": ".clinflu-answer", "altered": ".clinflu-altered"}
LEADS_TO = {PATIENT: "Patient", PAST_PATIENTS: "PastPatients", WHAT_IF: "WhatIf"}


@dataclass(frozen=True)
class Dashboard:
    """The state, the panels that follow it, the widget that holds them, and what stands below for an analyst."""

    state: State
    panels: tuple[Panel, ...]
    toolbar: Toolbar
    statusline: StatusLine
    help: Help
    widget: Any
    below: tuple[Panel, ...] = ()


def app(audit: Audit, role: str = "clinician") -> Any:
    """Return the dashboard of an audit, for JupyterLab and for Voila.

    Parameters
    ----------
    audit : Audit
    role : str
        ``"clinician"``, or ``"analyst"``, who also sees the Python and the numbers behind the words.

    Returns
    -------
    ipywidgets.Widget

    Raises
    ------
    DataError
        There is no such role.
    """
    if role not in ROLES:
        raise DataError(f"a role is one of {' and '.join(ROLES)}")
    return build(State(audit, role=role)).widget


def build(state: State, *, plotly: bool = True) -> Dashboard:
    """Return the dashboard of a session with its parts; ``plotly`` is False where the page brings plotly.js."""
    page = f"clinflu-{secrets.token_hex(4)}"
    panels: tuple[Panel, ...] = tuple(panel(state, page) for panel in PANELS)  # they hear of a change first
    toolbar, statusline, guide = Toolbar(state, page), StatusLine(state, page), Help(state, page)
    whole = tuple(panel(state, page) for panel in ANALYST_PANELS) if state.role == ANALYST else ()
    below = tuple(panel(state, page) for panel in ANALYST_PANELS_BELOW) if state.role == ANALYST else ()
    first, *others = panels
    answers = widgets.VBox([one.widget for one in (*whole, *others, *below)])
    answers.add_class("clinflu-answers")
    columns = widgets.Box([first.widget, answers])
    columns.add_class("clinflu-columns")
    _lead(state, panels)
    parts = [Bundle(plotly=plotly), toolbar.widget, statusline.widget, guide.widget, columns]
    return Dashboard(state, (*panels, *whole), toolbar, statusline, guide, _page(parts), below)


def saved() -> Any:
    """Return the dashboard of the audit whose folder the environment variable CLINFLU_AUDIT names.

    Where that fails it returns one line that says so: what it raises would reach the log of the server.
    """
    try:
        state = State(warmed(os.environ[AUDIT_VARIABLE]), role=os.environ.get(ROLE_VARIABLE, ROLES[0]))
        _rehearse(state)
        return build(state, plotly=PAGE_VARIABLE not in os.environ).widget
    except ClinfluError as error:
        line = error.one_line
    except Exception:  # noqa: BLE001
        line = NO_AUDIT
    block = Block("clinflu", lambda *_: None)
    block.show(node("p", line, class_="clinflu-error", role="alert"), 0)
    return _page([Bundle(), block])


def _rehearse(state: State) -> None:
    """Ask once what the first clicks will ask: a forked kernel then has its own copy of what they change."""
    listed = state.worklist.window(state.screen)
    if listed and not state.audit.trust.reasons:
        state.audit.prediction(listed[0].encounter_id)
        state.audit.past_patients(listed[0].encounter_id, refit=False)


def _lead(state: State, panels: tuple[Panel, ...]) -> None:
    """Lead the reader to whatever a step opened."""
    by_name = {type(panel).__name__: panel for panel in panels}
    last = [(state.screen.encounter_id, state.screen.step)]

    def follow(what: str) -> None:
        if what == state.awaited and what in ANSWERS:
            by_name["WhatIf"].widget.arrive(ANSWERS[what])
        now = (state.screen.encounter_id, state.screen.step)
        if what == SCREEN and now != last[0] and now[1] and (now[1] > last[0][1] or now[0] != last[0][0]):
            by_name[LEADS_TO[now[1]]].widget.arrive()
        if what == SCREEN:
            last[0] = now

    state.watch(follow)


def _page(children: list[Any]) -> Any:
    page = widgets.VBox(children)
    page.add_class("clinflu-app")
    return page
