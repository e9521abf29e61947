"""The dashboard, assembled."""

import os
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets

from clinflu.audit import Audit
from clinflu.dashboard.frontend import style
from clinflu.dashboard.markup import Markup, element, html, joined
from clinflu.dashboard.panels import PANELS
from clinflu.dashboard.plotview import PlotlyBundle
from clinflu.dashboard.state import Panel, State
from clinflu.dashboard.statusline import StatusLine
from clinflu.errors import ClinfluError

AUDIT_VARIABLE = "CLINFLU_AUDIT"
INTERNAL = "INTERNAL working paper: not for distribution."
SIMULATED = "SIMULATED patients: nobody real."
NO_AUDIT = "The saved audit could not be opened. Save it again with clinflu run --save, and start clinflu app anew."


@dataclass(frozen=True)
class Dashboard:
    """The state, the panels that follow it, and the widget that holds them."""

    state: State
    panels: tuple[Panel, ...]
    widget: Any


def app(audit: Audit) -> Any:
    """Return the dashboard of an audit, for JupyterLab and for Voila.

    Parameters
    ----------
    audit : Audit

    Returns
    -------
    ipywidgets.Widget
    """
    return build(audit).widget


def build(audit: Audit) -> Dashboard:
    """Return the dashboard with its parts."""
    state, bundle = State(audit), PlotlyBundle()
    panels: tuple[Panel, ...] = tuple(panel(state, bundle) for panel in PANELS)
    first, *others = [_section(panel) for panel in panels]
    answers = widgets.VBox(others)
    answers.add_class("clinflu-answers")
    columns = widgets.Box([first, answers])
    columns.add_class("clinflu-columns")
    return Dashboard(state, panels, _page([html(_header(audit)), StatusLine(state), columns]))


def saved() -> Any:
    """Return the dashboard of the audit whose folder the environment variable CLINFLU_AUDIT names.

    Where that fails it returns one line that says so: what it raises would reach the log of the server.
    """
    try:
        return app(Audit.open(os.environ[AUDIT_VARIABLE]))
    except ClinfluError as error:
        line = error.one_line
    except Exception:  # noqa: BLE001
        line = NO_AUDIT
    return _page([html(element("p", line, class_="clinflu-error", role="alert"))])


def _page(children: list[Any]) -> Any:
    styles = html(Markup(f"<style>{style()}</style>"))
    page = widgets.VBox([styles, *children])
    page.add_class("clinflu-app")
    return page


def _section(panel: Panel) -> Any:
    section = widgets.VBox([html(element("h2", panel.title)), panel.widget])
    section.add_class("clinflu-panel")
    section.add_class(f"clinflu-{type(panel).__name__.lower()}")
    return section


def _header(audit: Audit) -> Markup:
    provenance = audit.cohort.provenance
    banners = [element("strong", INTERNAL, class_="clinflu-banner")]
    if provenance.simulated:
        banners.append(element("strong", SIMULATED, class_="clinflu-banner clinflu-simulated"))
    about = (
        f"Source: {provenance.source}. Of {len(audit.cohort.frame):,} encounters the model learned from "
        f"{len(audit.train_rows):,} and is audited on {len(audit.audited_rows):,}. Outcome: "
        f"{audit.cohort.schema.outcome_label}."
    )
    notes = [element("p", note, class_="clinflu-note") for note in audit.study.notes]
    return joined(
        [
            element("div", joined(banners), class_="clinflu-banners"),
            element("h1", "Why was this prediction wrong?"),
            element("p", about, class_="clinflu-about"),
            *notes,
        ]
    )
