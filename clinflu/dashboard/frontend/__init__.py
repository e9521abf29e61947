"""What runs in the browser."""

from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
SHARED = ("dom.js", "charts.js", "theme.js", "picture.js")


@cache
def module(name: str) -> str:
    """Return the JavaScript module of a widget, with the helpers that all share before it."""
    return "\n".join((HERE / file).read_text(encoding="utf-8") for file in (*SHARED, f"{name}.js"))


@cache
def style() -> str:
    """Return the style sheet of the dashboard."""
    return (HERE / "style.css").read_text(encoding="utf-8")
