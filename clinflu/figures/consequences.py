"""Who a refit makes worse and who better: the change of the loss of every subgroup."""

from typing import Any

import pandas as pd

from clinflu.analysis.what_if.everyone import BETTER, FEWEST_JUDGED, WORSE, direction
from clinflu.data.design import MISSING
from clinflu.data.shown import NOT_RECORDED, shown_value
from clinflu.figures.beside import plain, row_axis, rows_layout
from clinflu.figures.config import SafeFigure, Spec
from clinflu.figures.style import figure_text, shorten_apart, signed
from clinflu.figures.theme import DOWN, UP

SHOWN = 6
LOSS = "Change of the mean loss, nats (right: worse)"


def consequences_figure(subgroups: pd.DataFrame, *, simulated: bool = False) -> SafeFigure:
    """Draw the change of the mean loss of subgroups, the worst and the best.

    Parameters
    ----------
    subgroups : DataFrame
        As :meth:`clinflu.analysis.what_if.Refit.subgroup_metrics` gives it.
    simulated : bool
        Whether the patients are invented.
    """
    return SafeFigure(consequences_spec(subgroups, simulated=simulated))


def consequences_spec(subgroups: pd.DataFrame, *, simulated: bool, axis: str = LOSS) -> Spec:
    """Return :func:`consequences_figure` as plain values; ``axis`` says what the bars are, to the reader at hand."""
    ordered = subgroups.dropna(subset="log_loss_change").sort_values("log_loss_change", ascending=False, kind="stable")
    worse = ordered[ordered["log_loss_change"] > 0].head(SHOWN)
    better = ordered[ordered["log_loss_change"] < 0].tail(SHOWN)
    shown = pd.concat([worse, better])
    changes = shown["log_loss_change"].astype(float).tolist()
    labels = [figure_text(one) for one in shorten_apart([_name(row) for row in shown.to_dict("records")])]
    bars = {
        "type": "bar",
        "orientation": "h",
        "x": plain(changes),
        "y": list(range(len(shown))),
        "width": 0.62,
        "marker": {"color": [UP if change > 0 else DOWN for change in changes]},
        "hovertext": [f"{signed(change, 5)} nats an encounter" for change in changes],
        "hoverinfo": "text",
        "showlegend": False,
    }
    title = consequences_finding(subgroups)
    layout = rows_layout(title, len(labels), axis, simulated=simulated)
    layout["yaxis"] = row_axis(labels)
    layout["margin"] = {**layout["margin"], "b": 60}
    layout["height"] -= 32
    return {"data": [bars], "layout": layout}


def _name(row: dict[str, Any]) -> str:
    level = shown_value(row["level"], row["variable"], row["label"])
    return f"{row['label']}: {NOT_RECORDED if level == MISSING else level}"


def consequences_finding(subgroups: pd.DataFrame) -> str:
    """Return in one line how many subgroups get noticeably worse and better; small ones move by chance."""
    judged = subgroups.loc[subgroups["n"] >= FEWEST_JUDGED, "log_loss_change"].dropna().map(direction)
    worse, better = int((judged == WORSE).sum()), int((judged == BETTER).sum())
    if not worse and not better:
        return f"No subgroup of {FEWEST_JUDGED} or more gets noticeably worse or better"
    subgroups_of = "subgroup" if len(judged) == 1 else "subgroups"
    gets = "gets" if worse == 1 else "get"
    return f"Of {len(judged)} {subgroups_of} of {FEWEST_JUDGED} or more, {worse} {gets} worse and {better} better"
