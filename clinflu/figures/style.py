"""Colours, layout and words that all figures share."""

import html
import textwrap
from typing import Any

import pandas as pd

from clinflu.figures.theme import INK, template

NO_FIT = "no finite fit"
SIMULATED = "SIMULATED patients"
LONGEST_LINE = 32
AXIS_TITLE_PX = 13
TITLE_TOP_PX = 10
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"


def escape(value: object) -> str:
    """Return a value of the data as text that HTML shows as it is, in an attribute too."""
    return html.escape(str(value), quote=True)


def figure_text(value: object) -> str:
    """Return a value of the data as one line of text for plotly, which knows no entity for a quotation mark."""
    return html.escape(" ".join(str(value).split()), quote=False)


def shorten_within(text: str, longest: int = LONGEST_LINE) -> str:
    """Cut the middle out of a text whose end tells it from others; apply before escaping."""
    half = (longest - 1) // 2
    return text if len(text) <= longest else f"{text[: longest - 1 - half]}…{text[-half:]}"


def shorten(text: str, longest: int = LONGEST_LINE) -> str:
    """Cut a text that would push the plot aside; apply before escaping."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def shorten_apart(texts: list[str], longest: int = LONGEST_LINE) -> list[str]:
    """Cut texts that would push the plot aside; those that would look alike lose their middle instead of their end.

    Apply before escaping.
    """
    cut = [shorten(one, longest) for one in texts]
    return [
        shorten_within(one, longest) if cut.count(short) > 1 else short for one, short in zip(texts, cut, strict=True)
    ]


def wrapped(text: str, longest: int, lines: int) -> list[str]:
    """Return a text on at most so many lines, broken between words where it can be; apply before escaping."""
    made = textwrap.wrap(text, longest) or [""]
    kept = made[: lines - 1]
    rest = " ".join(made[lines - 1 :])
    return [*kept, shorten(rest, longest)] if rest else kept


def signed(change: float | None, digits: int = 2) -> str:
    """Return a change with its sign; without one, that the model has no finite fit."""
    if change is None or pd.isna(change):
        return NO_FIT
    return f"{change:+.{digits}f}".replace("-", "−")


def layout(title: str, height: int, *, simulated: bool) -> dict[str, Any]:
    """Return the layout that all figures start from; the title is escaped already, one of invented patients says so."""
    place = {"x": 0.01, "xanchor": "left", "y": 1.0 - TITLE_TOP_PX / height, "yanchor": "top"}
    below = {"subtitle": {"text": f"<b>{SIMULATED}</b>", "font": {"size": 13}}} if simulated else {}
    return {
        "template": template(),
        "title": {"text": title, "font": {"size": 15}, **place, **below},
        "height": height,
        "margin": {"l": 10, "r": 24, "t": 72 if simulated else 52, "b": 52},
        "font": {"family": FONT, "size": 13, "color": INK},
        "separators": ".,",
        "dragmode": False,
    }
