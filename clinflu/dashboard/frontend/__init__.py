"""What runs in the browser, one JavaScript file a widget."""

from pathlib import Path

HERE = Path(__file__).parent


def module(name: str) -> str:
    """Return the JavaScript module of a widget, with the helpers that all share before it."""
    return "\n".join((HERE / file).read_text(encoding="utf-8") for file in ("dom.js", f"{name}.js"))


def style() -> str:
    """Return the style sheet of the dashboard."""
    return (HERE / "style.css").read_text(encoding="utf-8")
