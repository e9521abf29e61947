"""Every estimate against its refit."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from clinflu.analysis.check.points import FIRST_ORDER, GROUP, NEWTON, ONE_STEP, SECOND_ORDER, SINGLE, SORTS, methods_of
from clinflu.analysis.check.result import Check
from clinflu.data.arrays import Flags, Vector
from clinflu.figures.config import SafeFigure
from clinflu.figures.style import AXIS_TITLE_PX, layout
from clinflu.figures.theme import DOWN, INK, NEUTRAL, UP
from clinflu.influence.agreement import PERCENT, Pairs, points_text

HEIGHT = 1100
ROOM = 0.05
SMALLEST_SPAN = 1e-9
CENTRAL = 0.95
MARKERS = {
    FIRST_ORDER: ("first order", UP, "circle-open"),
    SECOND_ORDER: ("second order", NEUTRAL, "square-open"),
    ONE_STEP: ("one Newton step", DOWN, "diamond-open"),
    NEWTON: ("one Newton step", DOWN, "diamond-open"),
}
PRINTED = {SINGLE: ONE_STEP, GROUP: NEWTON}


@dataclass(frozen=True, slots=True)
class Panel:
    """Where the removals of a kind are drawn: all of them, or those nearest to no change."""

    kind: str
    title: str
    axis: str
    across: tuple[float, float]
    upward: tuple[float, float]
    central: bool = False


LEFT, RIGHT, UPPER, LOWER = (0.0, 0.45), (0.55, 1.0), (0.575, 1.0), (0.0, 0.425)
PANELS = (
    Panel(SINGLE, "Without one encounter", "", LEFT, UPPER),
    Panel(GROUP, "Without a group", "2", LEFT, LOWER),
    Panel(SINGLE, "Without one encounter", "3", RIGHT, UPPER, central=True),
    Panel(GROUP, "Without a group", "4", RIGHT, LOWER, central=True),
)


def agreement_figure(check: Check) -> SafeFigure:
    """Draw the change of risk refitted (upward) against the one estimated (across), single removals and groups.

    Of each kind there is a panel of all removals, and one of the 95 % of them that move the risk least, since a few
    that move it much would push all others together. Both axes of a panel are linear and the same, so that an estimate
    that is right lies on the diagonal. No id and no recorded value is in the figure.

    Parameters
    ----------
    check : Check
    """
    figure = SafeFigure()
    for panel in PANELS:
        pairs = _shown(check, panel)
        _draw(figure, check, panel, pairs)
        _lay_out(figure, panel, pairs)
    figure.update_layout(layout("Estimate against refit", HEIGHT, simulated=check.provenance.simulated))
    figure.update_layout(
        legend={"orientation": "h", "x": 0, "xanchor": "left", "yref": "container", "y": 0.01, "yanchor": "bottom"},
        margin={"t": 124, "b": 132, "l": 64},
    )
    figure.add_annotation(
        text=_caption(check), showarrow=False, xref="paper", yref="paper", x=0, xanchor="left", y=0, yanchor="top",
        yshift=-58, align="left", font={"color": NEUTRAL},
    )  # fmt: skip
    return figure


def _draw(figure: SafeFigure, check: Check, panel: Panel, pairs: dict[str, Pairs]) -> None:
    low, high = _range(pairs.values())
    first = panel is PANELS[0]
    figure.add_trace(
        {
            "type": "scatter",
            "mode": "lines",
            "name": "estimate = refit",
            "legendgroup": "equal",
            "showlegend": first,
            "x": [low, high],
            "y": [low, high],
            "line": {"color": INK, "dash": "dot", "width": 1},
            "hoverinfo": "skip",
            **_axes(panel.axis),
        }
    )
    for method, found in pairs.items():
        name, colour, symbol = MARKERS[method]
        figure.add_trace(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "legendgroup": name,
                "showlegend": not panel.central and (first or not check.has(SINGLE)),
                "x": found.estimate[found.comparable],
                "y": found.refit[found.comparable],
                "marker": {"color": colour, "symbol": symbol, "size": 7, "opacity": 0.7, "line": {"width": 1.3}},
                "hovertemplate": f"{name}: %{{x:+.4f}}<br>refit: %{{y:+.4f}} percentage points<extra></extra>",
                **_axes(panel.axis),
            }
        )


def _lay_out(figure: SafeFigure, panel: Panel, pairs: dict[str, Pairs]) -> None:
    axis = panel.axis
    low, high = _range(pairs.values())
    shared = {"range": [low, high], "zeroline": True, "zerolinecolor": "#bbbbbb", "constrain": "domain"}
    font = {"size": AXIS_TITLE_PX}
    figure.update_layout(
        {
            f"xaxis{axis}": {
                **shared,
                "domain": list(panel.across),
                "anchor": f"y{axis}",
                "title": {"text": "estimated change of the risk, pp", "font": font},
            },
            f"yaxis{axis}": {
                **shared,
                "domain": list(panel.upward),
                "anchor": f"x{axis}",
                "scaleanchor": f"x{axis}",
                "title": {"text": "refitted change, pp", "font": font},
            },
        }
    )
    figure.add_annotation(
        text=_title(panel, pairs), showarrow=False, xref="paper", yref="paper", x=panel.across[0],
        xanchor="left", y=panel.upward[1], yanchor="bottom", yshift=6, align="left",
    )  # fmt: skip


def _title(panel: Panel, pairs: dict[str, Pairs]) -> str:
    """Return how far off the estimate is that views print, and of how many removals that is the largest error."""
    method = PRINTED[panel.kind]
    printed = pairs[method]
    removals = int(np.isfinite(printed.refit).sum())
    part = f"the {PERCENT * CENTRAL:.0f} % that move the risk least" if panel.central else "all"
    errors = np.abs(printed.estimate - printed.refit)[printed.comparable]
    finding = f": off by at most {points_text(float(errors.max()))} pp" if len(errors) else ""
    return f"<b>{panel.title}{finding}</b><br>{MARKERS[method][0]}; {part}, n = {removals:,}"


def _shown(check: Check, panel: Panel) -> dict[str, Pairs]:
    """Return the pairs of a panel by method: the same removals of each."""
    pairs = {method: _together(check, panel.kind, method) for method in methods_of(panel.kind)}
    if not panel.central:
        return pairs
    chosen = _central(list(pairs.values()))
    return {
        method: Pairs(one.estimate[chosen], one.refit[chosen], one.precision[chosen]) for method, one in pairs.items()
    }


def _central(pairs: list[Pairs]) -> Flags:
    """Return which removals are among the 95 % that move the risk least, by the refit and by every estimate."""
    sizes = np.abs(np.array([pairs[0].refit, *(one.estimate for one in pairs)]))
    reach = np.where(np.isfinite(pairs[0].refit), np.nan_to_num(sizes).max(axis=0), np.inf)
    order = np.argsort(reach, kind="stable")
    chosen = np.zeros(len(reach), dtype=bool)
    chosen[order[: int(np.ceil(CENTRAL * np.isfinite(reach).sum()))]] = True
    return chosen


def _axes(axis: str) -> dict[str, str]:
    return {"xaxis": f"x{axis}", "yaxis": f"y{axis}"}


def _together(check: Check, kind: str, method: str) -> Pairs:
    """Return the pairs of all predictions."""
    kinds = SORTS if kind == GROUP else (kind,)
    parts = [part.pairs(method) for part in check.points if part.kind in kinds]
    return Pairs(*(_joined(getattr(part, name) for part in parts) for name in ("estimate", "refit", "precision")))


def _joined(columns: Iterable[Vector]) -> Vector:
    return np.concatenate([np.empty(0), *columns])


def _range(pairs: Iterable[Pairs]) -> tuple[float, float]:
    """Return what both axes span: every estimate and every refit, and 0."""
    shown = _joined(values[one.comparable] for one in pairs for values in (one.estimate, one.refit))
    low, high = float(shown.min(initial=0.0)), float(shown.max(initial=0.0))
    room = ROOM * max(high - low, SMALLEST_SPAN)
    return low - room, high + room


def _caption(check: Check) -> str:
    """Return what n counts and what cannot be drawn."""
    methods = [(kind, method) for kind in PRINTED for method in methods_of(kind)]
    grades = [check.grade(kind, method) for kind, method in methods]
    no_fit = grades[0].no_finite_fit + grades[-1].no_finite_fit
    no_estimate = sum(grade.no_estimate for grade in grades)
    counted = "1 prediction" if len(check.checked) == 1 else f"each of {len(check.checked)} predictions"
    return (
        f"n: removals, counted for {counted}; {check.refits:,} different refits.<br>"
        f"Not drawn: {no_fit:,} without a finite fit, {no_estimate:,} without an estimate."
    )
