"""Attacks on training records drawn: what is turned over how much is altered and over n / d, and images after."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from clinflu.analysis.adversarial.alteration import EDIT, KINDS, RELABELLING, REMOVAL, REWRITING, Alteration
from clinflu.analysis.adversarial.attack import Attack
from clinflu.analysis.adversarial.campaign import Campaign, FlipCurve
from clinflu.analysis.adversarial.fragility import Fragility
from clinflu.analysis.adversarial.records import RecordCampaign, sizes_frame
from clinflu.data.arrays import Matrix
from clinflu.data.digits import BRIGHTEST, SIDE
from clinflu.figures.config import SafeFigure
from clinflu.figures.style import AXIS_TITLE_PX, figure_text, layout, shorten
from clinflu.figures.theme import DOWN, INK, NEUTRAL, UP
from clinflu.influence.result import PERCENT

HEIGHT = 420
STRIP_HEIGHT = 320
ROW_PX = 34
LOOKS = (
    {"color": DOWN, "symbol": "circle", "dash": "solid"},
    {"color": UP, "symbol": "diamond", "dash": "dash"},
    {"color": NEUTRAL, "symbol": "square", "dash": "dot"},
    {"color": INK, "symbol": "x", "dash": "dashdot"},
)
SHARE = "right predictions turned, %"
INK_SCALE = [[0.0, "#ffffff"], [1.0, "#000000"]]
CHANGE_SCALE = [[0.0, DOWN], [0.5, "#ffffff"], [1.0, UP]]
DONE = {
    EDIT: "one variable edited",
    REWRITING: "rewritten",
    REMOVAL: "removed",
    RELABELLING: "other outcome",
}
LONGEST_ALTERED = 60


def flips_over_epsilon_figure(curve: FlipCurve) -> SafeFigure:
    """Draw the share of right predictions turned against how far each pixel may move, a line a number of images.

    Bars are Wilson's 95 % intervals.

    Parameters
    ----------
    curve : FlipCurve
        From ``over_epsilon``.
    """
    table = curve.to_frame()
    one = table[table["images_altered"] == table["images_altered"].min()]
    at = one.loc[(one["epsilon"] - 1.0).abs().idxmin()]
    title = (
        f"{_images(at['images_altered']).capitalize()} altered by at most {at['epsilon']:g} of 16 grey levels: "
        f"{at['share']:.0%} of the right predictions turn"
    )
    parts = [(f"{_images(k)} altered", rows) for k, rows in table.groupby("images_altered", sort=True)]
    return _shares(parts, "epsilon", "largest change of a pixel, grey levels of 16", title)


def flips_over_rows_figure(curves: "FlipCurve | Iterable[FlipCurve]") -> SafeFigure:
    """Draw the share of right predictions turned against training images for each feature, n / d, on a log axis.

    Parameters
    ----------
    curves : FlipCurve or several
        From ``over_rows``; each is a line.
    """
    listed = [curves] if isinstance(curves, FlipCurve) else list(curves)
    tables = [one.to_frame() for one in listed]
    first = tables[0].sort_values("images_per_column")
    few, many = first.iloc[0], first.iloc[-1]
    title = (
        f"One altered image turns {few['share']:.0%} of the right predictions at n / d = "
        f"{few['images_per_column']:.2g}, {many['share']:.0%} at {many['images_per_column']:.2g}"
    )
    parts = [(f"{one['features'].iloc[0]}, {one['epsilon'].iloc[0]:g} grey levels", one) for one in tables]
    figure = _shares(parts, "images_per_column", "training images for each feature, n / d", title)
    figure.update_xaxes(type="log", dtick="D2")
    return figure


def before_after_figure(campaign: Campaign, shown: int = 4) -> SafeFigure:
    """Draw altered images before, after and their difference, of the attacks with the widest swing; each image once.

    Parameters
    ----------
    campaign : Campaign
    shown : int
        Attacks, each with the first image that it altered.
    """
    model = campaign.model
    turned = [one for one in campaign.attacks if one.flipped] or list(campaign.attacks)
    attacks = _different(sorted(turned, key=_swing, reverse=True))[:shown]
    before = [model.pixels[one.rows[0]] for one in attacks]
    after = [one.altered[0] for one in attacks]
    reach = float(max(campaign.allowed.epsilon, 1.0))
    strip = [*map(_image, before), *map(_image, after)]
    change = [BRIGHTEST * (_image(b) - _image(a)) for a, b in zip(before, after, strict=True)]
    figure = SafeFigure()
    columns = len(attacks)
    for place, picture in enumerate([*strip, *change]):
        row, column = divmod(place, columns)
        _picture(figure, picture, (row, column, columns), reach)
    for column, one in enumerate(attacks):
        after_words = _target_words(one.margins_before[0], one.margins_after[0])
        _caption(figure, column, columns, f"test image, P({model.names[1]}):<br>{after_words}")
    title = (
        f"{'Turned' if attacks[0].flipped else 'Not turned'} by images altered by at most {campaign.allowed.epsilon:g} "
        "of 16 grey levels: before, after and the change"
    )
    figure.update_layout(layout(title, STRIP_HEIGHT + 110, simulated=False))
    figure.update_layout(showlegend=False, margin={"l": 70, "r": 90, "t": 56, "b": 64})
    return figure


def records_over_size_figure(campaigns: Iterable[RecordCampaign], *, simulated: bool = False) -> SafeFigure:
    """Draw how far one altered record moves a risk against training records for each column, both on log axes.

    Parameters
    ----------
    campaigns : iterable of RecordCampaign
    simulated : bool
        Whether the patients are invented.
    """
    table = sizes_frame(campaigns).sort_values("records_per_column")
    last = table.iloc[-1]
    figure = SafeFigure()
    for kind, look in zip(KINDS, LOOKS, strict=True):
        turned = [f"{t:.0f} of {n:.0f}" for t, n in zip(table[f"{kind}_turned"], table["decisions"], strict=True)]
        figure.add_trace(
            _line(DONE[kind], table["records_per_column"], table[f"{kind}_median_pp"], look)
            | {"customdata": turned, "hovertemplate": "%{y:.3g} pp at n / d = %{x:.3g}; %{customdata} turned"}
        )
    title = (
        f"One plausible edit of one record moves a risk by {last[f'{EDIT}_median_pp']:.2g} percentage points "
        f"at n / d = {last['records_per_column']:.3g}"
    )
    figure.update_layout(layout(title, HEIGHT, simulated=simulated))
    figure.update_layout(**_axes("training records for each column, n / d", "median change of a risk, pp"))
    figure.update_xaxes(type="log", dtick="D2")
    figure.update_yaxes(type="log", dtick="D1")
    return figure


def fragility_figure(found: Fragility, *, simulated: bool = False) -> SafeFigure:
    """Draw what the strongest alteration of one record does to the risk, each kind each way, beside the threshold.

    Parameters
    ----------
    found : Fragility
    simulated : bool
        Whether the patients are invented.
    """
    ordered = sorted(found.alterations, key=_place)
    labels = [f"{DONE[one.kind]}, {'up' if one.change_pp > 0 else 'down'}" for one in ordered]
    figure = SafeFigure()
    figure.add_trace(
        {
            "type": "bar",
            "orientation": "h",
            "name": "refitted",
            "x": [one.change_pp for one in ordered],
            "y": labels,
            "width": 0.6,
            "marker": {"color": [UP if one.change_pp > 0 else DOWN for one in ordered]},
            "hovertext": [figure_text(shorten(one.words, LONGEST_ALTERED)) for one in ordered],
            "hovertemplate": "%{x:+.3f} percentage points<br>%{hovertext}<extra></extra>",
        }
    )
    figure.add_trace(
        {
            "type": "scatter",
            "mode": "markers",
            "name": "estimated by one Newton step",
            "x": [one.estimated_pp for one in ordered],
            "y": labels,
            "marker": {"symbol": "diamond-open", "size": 9, "color": INK},
            "hovertemplate": "estimated: %{x:+.3f} percentage points<extra></extra>",
        }
    )
    said = "one altered record changes the decision" if found.flips else "no altered record found changes the decision"
    title = f"Risk {PERCENT * found.risk:.1f} %, threshold {PERCENT * found.threshold:.1f} %: {said}"
    figure.update_layout(layout(title, ROW_PX * max(len(ordered), 1) + 150, simulated=simulated))
    figure.update_layout(**_axes("change of the risk, percentage points", ""))
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return figure


def _shares(parts: "list[tuple[str, pd.DataFrame]]", across: str, axis: str, title: str) -> SafeFigure:
    figure = SafeFigure()
    for (name, part), look in zip(parts, [LOOKS[k % len(LOOKS)] for k in range(len(parts))], strict=True):
        rows = part.sort_values(across)
        share = PERCENT * rows["share"]
        above, below = PERCENT * rows["high"] - share, share - PERCENT * rows["low"]
        figure.add_trace(
            _line(name, rows[across], share, look)
            | {
                "error_y": {
                    "type": "data",
                    "array": above.clip(lower=0).tolist(),
                    "arrayminus": below.clip(lower=0).tolist(),
                    "thickness": 1,
                    "width": 3,
                },
                "customdata": [f"{a:.0f} of {b:.0f}" for a, b in zip(rows["turned"], rows["tried"], strict=True)],
                "hovertemplate": "%{customdata} turned<extra></extra>",
            }
        )
    figure.update_layout(layout(title, HEIGHT, simulated=False))
    figure.update_layout(**_axes(axis, SHARE), showlegend=True).update_yaxes(range=[-3, 103])
    return figure


def _line(name: str, x: Iterable[float], y: Iterable[float], look: dict[str, str]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": [float(one) for one in x],
        "y": [float(one) if np.isfinite(one) else None for one in y],
        "line": {"color": look["color"], "dash": look["dash"], "width": 2},
        "marker": {"symbol": look["symbol"], "size": 8, "color": look["color"]},
    }


def _axes(across: str, upward: str) -> dict[str, Any]:
    font = {"size": AXIS_TITLE_PX}
    return {
        "xaxis": {"title": {"text": across, "font": font}},
        "yaxis": {"title": {"text": upward, "font": font}},
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "yref": "container", "y": 0.01, "yanchor": "bottom"},
        "margin": {"l": 60, "r": 24, "t": 60, "b": 96},
    }


def _picture(figure: SafeFigure, picture: Matrix, place: tuple[int, int, int], reach: float) -> None:
    """Add one 8 x 8 image as a heat map in its cell: (row of the strip, column, columns)."""
    row, column, columns = place
    number = row * columns + column + 1
    axis = "" if number == 1 else str(number)
    is_change = row == 2
    scale = {"zmin": -reach, "zmax": reach} if is_change else {"zmin": 0, "zmax": 1}
    figure.add_trace(
        {
            "type": "heatmap",
            "z": picture.tolist(),
            "xaxis": f"x{axis}",
            "yaxis": f"y{axis}",
            "colorscale": CHANGE_SCALE if is_change else INK_SCALE,
            "showscale": is_change and column == columns - 1,
            "colorbar": {"title": {"text": "grey levels"}, "len": 0.32, "y": 0.14, "thickness": 10},
            "hoverinfo": "skip",
            **scale,
        }
    )
    width, hidden = 1.0 / columns, {"showticklabels": False, "showgrid": False, "zeroline": False}
    low = (2 - row) / 3
    figure.update_layout(
        {
            f"xaxis{axis}": {**hidden, "domain": [column * width, (column + 0.94) * width], "anchor": f"y{axis}"},
            f"yaxis{axis}": {
                **hidden,
                "domain": [low + 0.01, low + 0.32],
                "anchor": f"x{axis}",
                "autorange": "reversed",
                "scaleanchor": f"x{axis}",
                "constrain": "domain",
            },
        }
    )
    if column == 0:
        figure.add_annotation(
            text=("before", "after", "change")[row], showarrow=False, xref="paper", yref="paper", x=0, xanchor="right",
            xshift=-8, y=low + 0.165,
        )  # fmt: skip


def _caption(figure: SafeFigure, column: int, columns: int, text: str) -> None:
    figure.add_annotation(
        text=text, showarrow=False, xref="paper", yref="paper", x=(column + 0.47) / columns, xanchor="center", y=0,
        yanchor="top", yshift=-4, font={"size": 12},
    )  # fmt: skip


def _target_words(before: float, after: float) -> str:
    low, high = (PERCENT / (1.0 + np.exp(-one)) for one in (before, after))
    return f"{low:.0f} % → {high:.0f} %"


def _image(pixels: Matrix) -> Matrix:
    picture: Matrix = pixels.reshape(SIDE, SIDE)
    return picture


def _images(count: float) -> str:
    return "one training image" if count == 1 else f"{count:.0f} training images"


def _different(attacks: list[Attack]) -> list[Attack]:
    """Return the attacks that were the first to alter an image, or all where that leaves only one."""
    first = {int(one.rows[0]): one for one in reversed(attacks)}
    chosen = [one for one in attacks if first[int(one.rows[0])] is one]
    return chosen if len(chosen) > 1 else attacks


def _swing(one: Attack) -> float:
    return float(np.abs(one.margins_after - one.margins_before).sum())


def _place(one: Alteration) -> tuple[int, float]:
    return KINDS.index(one.kind), -one.change_pp
