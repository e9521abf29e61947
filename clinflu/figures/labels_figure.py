"""Wrong training labels: how many each order of checking finds, which of two orders is ahead, and what mending does."""

from collections.abc import Sequence

import pandas as pd

from clinflu.analysis.labels.fixing_result import Fixing
from clinflu.analysis.labels.orders import RANDOM, SELF_INFLUENCE, TRAINING_LOSS
from clinflu.errors import DataError
from clinflu.figures.config import SafeFigure, Spec
from clinflu.figures.curve_lines import SERIES, Trace, band, curve_layout, hovering, line, reference, shares
from clinflu.figures.style import signed

STYLES = (  # the colour, dash and mark of each order
    SELF_INFLUENCE,
    TRAINING_LOSS,
    "leave-one-out loss",
    "confident learning",
    "rarest label first",
    RANDOM,
)
UNITS = {
    "accuracy": "test accuracy",
    "auroc": "AUROC",
    "brier": "Brier score",
    "log_loss": "log loss, nats",
    "miscalibration": "miscalibration, |mean risk − rate|",
}
BANDS = "(bands: 95 % of repeats)"
FAINT = 0.16
TOLD_AT = 0.1


def found_figure(fixing: Fixing, orders: Sequence[str] | None = None) -> SafeFigure:
    """Draw the share of the wrong labels found against the share of the rows checked, with where 95 % of repeats lie.

    Parameters
    ----------
    fixing : Fixing
    orders : sequence of str, optional
        Of its plan; by default those that have a line of their own.

    Raises
    ------
    DataError
        An order was not in the plan.
    """
    return SafeFigure(found_spec(fixing, _chosen(fixing, orders)))


def paired_figure(fixing: Fixing, first: str = SELF_INFLUENCE, second: str = TRAINING_LOSS) -> SafeFigure:
    """Draw how many percentage points of the wrong labels one order finds more than another, with its interval.

    Parameters
    ----------
    fixing : Fixing
    first, second : str
        Orders of its plan.

    Raises
    ------
    DataError
        An order was not in the plan.
    """
    return SafeFigure(paired_spec(fixing, first, second))


def mended_figure(fixing: Fixing, measure: str = "accuracy", orders: Sequence[str] | None = None) -> SafeFigure:
    """Draw a measure of the refitted model on the test rows against the share of the rows checked.

    Bands hold 95 % of the repeats; those of the orders between the first and the last are left out.

    Parameters
    ----------
    fixing : Fixing
    measure : str
        Of ``fixing.measures``.
    orders : sequence of str, optional
        As in :func:`found_figure`.

    Raises
    ------
    DataError
        The measure or an order is not there, or nothing was refitted.
    """
    if not fixing.refitted_at:
        raise DataError("nothing was refitted after mending; give the plan shares to refit at, such as 0.1")
    if measure not in fixing.measures:
        raise DataError(f"{measure!r} was not measured; take one of {', '.join(fixing.measures)}")
    return SafeFigure(mended_spec(fixing, measure, _chosen(fixing, orders)))


def found_spec(fixing: Fixing, orders: Sequence[str]) -> Spec:
    """Return :func:`found_figure` as plain values."""
    frame = fixing.to_frame()
    bands: list[Trace] = []
    lines: list[Trace] = []
    for order, place in _places(orders).items():
        part = frame.loc[order]
        area, along = _drawn(place, order, list(part.index), part, "found")
        texts = [
            f"{order}: {_percent(found)} of the wrong labels in the first {_percent(at)}<br>"
            f"{_percent(precision)} of the checked rows were wrong"
            for at, found, precision in zip(part.index, part["found"], part["precision"], strict=True)
        ]
        bands.append(area)
        lines.append(hovering(along, texts))
    layout = _layout(fixing, found_finding(fixing, orders), f"wrong labels found, % {BANDS}", len(orders))
    layout["yaxis"] = shares(layout["yaxis"])
    return {"data": [*bands, *lines], "layout": layout}


def paired_spec(fixing: Fixing, first: str, second: str) -> Spec:
    """Return :func:`paired_figure` as plain values; the interval is left out where a single repeat has none."""
    frame = fixing.against(first, second)
    at, apart = list(frame.index), [100.0 * value for value in frame["difference"]]
    data: list[Trace] = []
    if not frame["low"].isna().any():
        ends = ([100.0 * value for value in frame[name]] for name in ("low", "high"))
        data.append(band("95 % interval of the mean over the repeats, at each share on its own", at, *ends))
    texts = [
        f"{_percent(one)} checked: {signed(value)} percentage points" for one, value in zip(at, apart, strict=True)
    ]
    data += [
        reference("as many", [0.0, at[-1]], [0.0, 0.0]),
        hovering(line(f"found by {first} less found by {second}", 0, at, apart), texts),
    ]
    layout = _layout(fixing, paired_finding(fixing, first, second), "difference of wrong labels found, pp", len(data))
    return {"data": data, "layout": layout}


def mended_spec(fixing: Fixing, measure: str, orders: Sequence[str]) -> Spec:
    """Return :func:`mended_figure` as plain values."""
    frame = fixing.measured().loc[measure]
    clean = float(fixing.clean[fixing.measures.index(measure)])
    at = [0.0, *fixing.refitted_at]
    bands: list[Trace] = []
    lines = [reference("no label wrong", [0.0, at[-1]], [clean, clean])]
    for order, place in _places(orders).items():
        part = frame.loc[order]
        area, along = _drawn(place, order, at, part, "mean")
        texts = [
            f"{order}, {_percent(one)} checked: {mean:.4g} (95 % of the repeats: {low:.4g} to {high:.4g})"
            for one, mean, low, high in zip(at, part["mean"], part["low"], part["high"], strict=True)
        ]
        if order in (orders[0], orders[-1]):  # more of them hide one another
            bands.append(area)
        lines.append(hovering(along, texts))
    layout = _layout(
        fixing, mended_finding(fixing, measure, orders), f"{UNITS.get(measure, measure)} {BANDS}", len(lines)
    )
    return {"data": [*bands, *lines], "layout": layout}


def found_finding(fixing: Fixing, orders: Sequence[str]) -> str:
    """Return in one line what the first order finds, beside the last."""
    at = min(fixing.checked, key=lambda share: abs(share - TOLD_AT))
    found = fixing.to_frame()["found"]
    first, *others = [f"by {order}" for order in dict.fromkeys((orders[0], orders[-1]))]
    told = f"{_percent(found[orders[0], at])} of wrong labels {first}"
    rest = "".join(f", {_percent(found[orders[-1], at])} {other}" for other in others)
    return f"{fixing.name}: checking {_percent(at)} finds {told}{rest}"


def paired_finding(fixing: Fixing, first: str, second: str) -> str:
    """Return in one line which of two orders is ahead, and where."""
    counts = fixing.against(first, second)["ahead"].value_counts()
    told = [f"{one} is ahead at {counts[one]}" for one in (first, second) if one in counts]
    among = f"of {len(fixing.checked)} shares checked"
    return f"{fixing.name}: {' and '.join(told)} {among}" if told else f"{fixing.name}: neither order is ahead"


def mended_finding(fixing: Fixing, measure: str, orders: Sequence[str]) -> str:
    """Return in one line how much of the loss mending in the first order wins back."""
    at = min(fixing.refitted_at, key=lambda share: abs(share - TOLD_AT))
    frame = fixing.measured().loc[measure]
    before, after = (frame.loc[(orders[0], one), "mean"] for one in (0.0, at))
    clean = fixing.clean[fixing.measures.index(measure)]
    named = UNITS.get(measure, measure).split(",")[0]
    return (
        f"{fixing.name}: {named} {before:.3f} → {after:.3f}, {_percent(at)} checked by {orders[0]}; "
        f"clean labels {clean:.3f}"
    )


def _chosen(fixing: Fixing, orders: Sequence[str] | None) -> list[str]:
    chosen = [one for one in STYLES if one in fixing.orders] if orders is None else list(orders)
    unknown = [one for one in chosen if one not in fixing.orders]
    if unknown or not chosen:
        raise DataError(f"not in the plan: {', '.join(unknown) or 'nothing'}; take some of {', '.join(fixing.orders)}")
    return chosen


def _places(orders: Sequence[str]) -> dict[str, int]:
    """Return the place of each order's colour, dash and mark: its own, or the first that no other has."""
    used = [STYLES.index(order) for order in orders if order in STYLES]
    free = iter([place for place in range(len(SERIES)) if place not in used])
    return {order: STYLES.index(order) if order in STYLES else next(free, len(STYLES)) for order in orders}


def _drawn(place: int, name: str, x: list[float], part: pd.DataFrame, column: str) -> tuple[Trace, Trace]:
    """Return the band in which 95 % of the repeats lie, and the line of their mean."""
    area = band(f"{name}, 95 % of the repeats", x, list(part["low"]), list(part["high"]))
    faint = {"fillcolor": SERIES[place % len(SERIES)][0], "opacity": FAINT, "line": {"width": 0}, "showlegend": False}
    return area | faint, line(name, place, x, list(part[column]), marks=len(x) < 10)


def _layout(fixing: Fixing, title: str, upward: str, entries: int) -> Spec:
    layout = curve_layout(title, "training rows checked, %", upward, entries, simulated=fixing.simulated)
    return {**layout, "xaxis": {**layout["xaxis"], "tickformat": ".0%", "rangemode": "tozero"}}


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
