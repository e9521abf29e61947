"""How every figure behaves: it sends nothing anywhere, and resizes with its place."""

import json
from typing import Any

import plotly.graph_objects as go

SAFE_CONFIG: dict[str, Any] = {
    "showSendToCloud": False,  # plotly 7 offers "Share chart", an upload, unless it is told not to
    "plotlyServerURL": "",
    "displaylogo": False,
    "responsive": True,
    "typesetMath": False,  # a recorded value with two dollar signs is no formula
}


Spec = dict[str, Any]  # {"data": [...], "layout": {...}}, plain values


def as_json(spec: Spec) -> str:
    """Return a figure as the JSON that plotly.js draws."""
    return json.dumps(spec, allow_nan=False)


class SafeFigure(go.Figure):  # type: ignore[misc]
    """A plotly figure that carries ``SAFE_CONFIG`` wherever it is shown or written."""

    def show(self, *args: Any, **kwargs: Any) -> Any:
        """Show the figure."""
        return super().show(*args, **_safely(kwargs))

    def to_html(self, *args: Any, **kwargs: Any) -> str:
        """Return the figure as HTML."""
        return str(super().to_html(*args, **_safely(kwargs)))

    def write_html(self, *args: Any, **kwargs: Any) -> None:
        """Write the figure as HTML."""
        super().write_html(*args, **_safely(kwargs))

    def _repr_mimebundle_(self, *args: Any, **kwargs: Any) -> Any:
        return super()._repr_mimebundle_(*args, **_safely(kwargs))

    def _ipython_display_(self) -> None:
        self.show()


def _safely(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {**kwargs, "config": {**(kwargs.get("config") or {}), **SAFE_CONFIG}}
