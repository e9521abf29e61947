"""Where influence leads next: shifts of the training rows, runs of SGD, a price on self-influence, and privacy."""

from typing import Any

import numpy as np

from clinflu.analysis.outlook import Membership, PenaltyPath, SgdComparison, ShiftEffects
from clinflu.analysis.outlook.penalty_path import PRICED, RIDGE
from clinflu.data.arrays import Vector
from clinflu.figures.beside import plain, row_axis, rows_layout
from clinflu.figures.config import SafeFigure
from clinflu.figures.style import AXIS_TITLE_PX, figure_text, layout, shorten, signed
from clinflu.figures.theme import DOWN, INK, NEUTRAL, PAPER, UP

HEIGHT = 460
SHOWN = 12
METRICS = {
    "log_loss": ("Change of the log loss, nats (right: worse)", "the log loss", 4),
    "auroc": ("Change of the AUROC (right: better)", "the AUROC", 4),
    "calibration_intercept": ("Change of the calibration-in-the-large, log-odds", "calibration-in-the-large", 3),
    "mean_risk": ("Change of the mean risk, share of 1", "the mean risk", 4),
}
RUNS = {
    "sgd": ("influence along the run", DOWN, "circle"),
    "optimum": ("influence at the optimum", UP, "square-open"),
    "tracin": ("TracIn", NEUTRAL, "diamond-open"),
}


def shift_figure(effects: ShiftEffects, metric: str = "log_loss") -> SafeFigure:
    """Draw the change of a metric by each shift: refitted (bar), one Newton step (diamond), first order (cross).

    Parameters
    ----------
    effects : ShiftEffects
    metric : str
        In ``METRICS``. The 12 shifts of the largest refitted change are drawn.
    """
    axis, name, digits = METRICS[metric]
    lines = effects.to_frame().xs(metric, level="metric")
    order = np.argsort(-np.abs(np.nan_to_num(lines["refit"].to_numpy())), kind="stable")[:SHOWN]
    lines = lines.iloc[order]
    places = list(range(len(lines)))
    first = lines.iloc[0]
    title = (
        f"{figure_text(shorten(str(lines.index[0])))} matters most to {name}: refitted without it "
        f"{signed(first['refit'], digits)}, first order says {signed(first['first_order'], digits)}"
    )
    spec = rows_layout(title, len(lines), axis, simulated=effects.study.cohort.provenance.simulated)
    spec["yaxis"] = row_axis(
        [_shift_label(str(level), line["training_encounters"]) for level, line in lines.iterrows()]
    )
    bars = {
        "type": "bar",
        "orientation": "h",
        "name": "refitted",
        "x": plain(lines["refit"]),
        "y": places,
        "width": 0.62,
        "marker": {"color": [UP if change > 0 else DOWN for change in lines["refit"]]},
    }
    newton = _marks("one Newton step", plain(lines["newton"]), places, "diamond", PAPER)
    crosses = _marks("first order", plain(lines["first_order"]), places, "x-thin", INK)
    return SafeFigure({"data": [bars, newton, crosses], "layout": spec})


def sgd_figure(comparison: SgdComparison, *, simulated: bool = False) -> SafeFigure:
    """Draw how each influence agrees with runs without the row, by the length of the run.

    Parameters
    ----------
    comparison : SgdComparison
    simulated : bool
        Whether the patients are invented.
    """
    frame = comparison.to_frame()
    first, epochs = frame.iloc[0], [int(count) for count in frame.index]
    title = (
        f"After {epochs[0]:,} epoch{'s' * (epochs[0] > 1)} only the influence along the run is right: r "
        f"{first['sgd_pearson']:.3f}, the optimum's {first['optimum_pearson']:.3f}"
    )
    lines = [
        _line(name, epochs, frame[f"{method}_pearson"], colour, symbol)
        for method, (name, colour, symbol) in RUNS.items()
    ]
    spec = _layout(title, "epochs of the run", "correlation with runs without the row", simulated=simulated)
    spec["xaxis"] |= {"type": "log", "tickvals": epochs, "ticktext": [f"{count:,}" for count in epochs]}
    return SafeFigure({"data": lines, "layout": spec})


def penalty_figure(path: PenaltyPath, *, simulated: bool = False) -> SafeFigure:
    """Draw what one removed record can change against the loss on confirming rows: a price, and ridge as robust.

    Parameters
    ----------
    path : PenaltyPath
    simulated : bool
        Whether the patients are invented.
    """
    frame = path.to_frame()
    priced, ridge = frame.loc[PRICED], frame.loc[RIDGE]
    before, after = (priced["largest_removal_pp"].iloc[place] for place in (0, -1))
    title = f"One record less moves a risk by up to {before:.1f} points; at the highest price by {after:.1f}"
    lines = [
        {
            **_line(name, plain(found["log_loss"]), found["largest_removal_pp"], colour, symbol),
            "text": _ends([f"price {mu:g}" for mu in found.index]),
            "mode": "lines+markers+text",
            "textposition": "top center",
        }
        for name, found, colour, symbol in ((PRICED, priced, DOWN, "circle"), (RIDGE, ridge, UP, "square-open"))
    ]
    across = "log loss on the confirming rows, nats"
    spec = _layout(title, across, "largest change of a risk, percentage points", simulated=simulated)
    spec["yaxis"]["rangemode"] = "tozero"
    return SafeFigure({"data": lines, "layout": spec})


def membership_figure(membership: Membership, *, simulated: bool = False) -> SafeFigure:
    """Draw how far models with a record are apart from those without, against what influence foresees; names nobody.

    Parameters
    ----------
    membership : Membership
    simulated : bool
        Whether the patients are invented.
    """
    told, found = membership.told, membership.separation
    foreseen = 2.0 * membership.measures["dffits"]
    title = f"{int(told.sum()):,} of {len(told):,} records can be told to be in the training data"
    high = float(max(foreseen.max(), found.max()))
    equal = _line("as foreseen", [0.0, high], [0.0, high], INK, "circle")
    equal |= {"mode": "lines", "line": {"color": INK, "dash": "dot", "width": 1}, "hoverinfo": "skip"}
    clouds = [
        _cloud("not told from chance", foreseen[~told], found[~told], NEUTRAL, "circle-open"),
        _cloud("told", foreseen[told], found[told], UP, "diamond"),
    ]
    across = "foreseen without an attack: twice the record's DFFITS, standard deviations"
    upward = "surer of it with the record, standard deviations"
    return SafeFigure({"data": [equal, *clouds], "layout": _layout(title, across, upward, simulated=simulated)})


def _layout(title: str, across: str, upward: str, *, simulated: bool) -> dict[str, Any]:
    base = layout(title, HEIGHT, simulated=simulated)
    font = {"size": AXIS_TITLE_PX}
    return {
        **base,
        "xaxis": {"title": {"text": across, "font": font}},
        "yaxis": {"title": {"text": upward, "font": font}},
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "yref": "container", "y": 0.01, "yanchor": "bottom"},
        "margin": {**base["margin"], "b": 92, "l": 64},
    }


def _line(name: str, x: Any, y: Any, colour: str, symbol: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": list(x),
        "y": plain(y),
        "line": {"color": colour, "width": 2},
        "marker": {"color": colour, "symbol": symbol, "size": 9},
    }


def _cloud(name: str, x: Vector, y: Vector, colour: str, symbol: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": plain(x),
        "y": plain(y),
        "marker": {"color": colour, "symbol": symbol, "size": 6, "opacity": 0.7},
        "hovertemplate": f"{name}: foreseen %{{x:.2f}}, found %{{y:.2f}}<extra></extra>",
    }


def _marks(name: str, x: list[float | None], y: list[int], symbol: str, fill: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": x,
        "y": y,
        "marker": {"symbol": symbol, "size": 10, "color": fill, "line": {"color": INK, "width": 2}},
    }


def _shift_label(level: str, encounters: float) -> str:
    return f"{figure_text(shorten(level))} ({int(encounters):,})"


def _ends(texts: list[str]) -> list[str]:
    """Return the first and the last text; those between would cover one another."""
    return [text if place in (0, len(texts) - 1) else "" for place, text in enumerate(texts)]
