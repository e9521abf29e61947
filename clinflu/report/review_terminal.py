"""A chart review for the terminal, under pseudonyms."""

from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from clinflu.data.shown import printable
from clinflu.figures.style import signed

NOT_KNOWN = "–"
MOST_DECIDED = 20


def review_view(values: dict[str, Any]) -> RenderableType:
    """Return a review, given as :func:`clinflu.analysis.review.review_values`, for a rich console."""
    parts: list[RenderableType] = [
        Text(values["notice"], style="bold red"),
        Panel(_words(values["stopping"]["words"]), title="Chart review", title_align="left"),
        Text(values["noise"], style="dim"),
        _words(f"Order: {values['order']}. {values['order_words']}", style="dim"),
        *(_words(one, style="bold") for one in values["notes"]),
        *_suspects(values),
        *_decided(values["decided"]),
        *_gain(values["gain"], values["gain_method"]),
    ]
    source = values["provenance"]
    return Group(*parts, _words(f"{source['source']} ({source['sha256'][:12]})", style="dim"))


def _suspects(values: dict[str, Any]) -> list[RenderableType]:
    found: list[RenderableType] = []
    for one in values["suspects"]:
        head = f"{one['rank']}. {one['encounter']} (patient {one['patient']})"
        found += [Text(head, style="bold"), *(Padding(_words(reason), (0, 0, 0, 3)) for reason in one["reasons"])]
    return found


def _decided(rows: list[dict[str, Any]]) -> list[RenderableType]:
    if not rows:
        return []
    table = _table(f"Reviewed: {len(rows):,}{f', the last {MOST_DECIDED} shown' if len(rows) > MOST_DECIDED else ''}")
    for name in ("Past record", "Verdict", "Said by", "Note"):
        table.add_column(name, overflow="fold")
    for row in rows[-MOST_DECIDED:]:
        more = f" and {row['reviewers'] - 1} more" if row["reviewers"] > 1 else ""
        table.add_row(row["encounter"], row["words"], _words(row["author"] + more), _words(row["note"]))
    return [table]


def _gain(gain: dict[str, Any], method: str) -> list[RenderableType]:
    told = Text(gain["words"], style="bold")
    if not gain["metrics"]:
        return [told]
    table = _table("All mended labels together, on the confirming encounters")
    for name in ("Metric", "Before", "After", "Change", f"{100 * gain['level']:g} % interval", "The change is"):
        table.add_column(name, justify="left" if name in ("Metric", "The change is") else "right", overflow="fold")
    for row in gain["metrics"]:
        between = NOT_KNOWN if row["low"] is None else f"{signed(row['low'], 5)} to {signed(row['high'], 5)}"
        numbers = (_number(row["before"]), _number(row["after"]), _change(row["change"]), between)
        table.add_row(row["label"], *numbers, row["says"])
    return [told, table, Text(f"Interval: {method}; each is for one look.", style="dim")]


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)


def _words(text: str, style: str = "") -> Text:
    """Return words that may hold values of the data as text that only says what it says."""
    return Text(printable(text), style=style)


def _number(value: float | None) -> str:
    return NOT_KNOWN if value is None else f"{value:.5f}"


def _change(value: float | None) -> str:
    return NOT_KNOWN if value is None else signed(value, 5)
