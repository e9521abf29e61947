"""A plotly figure in the page, drawn by one plotly.js that all figures of the page share."""

from functools import cache

import anywidget
import traitlets

from clinflu.dashboard.frontend import module
from clinflu.figures.config import SAFE_CONFIG, SafeFigure


@cache
def _bundle_module() -> str:
    """Return plotly.js as a module; its own loader is kept from any module system of the page."""
    from plotly.offline import get_plotlyjs

    return (
        "const module = undefined, exports = undefined, define = undefined, before = globalThis.Plotly;\n"
        f"if (!globalThis.__clinfluPlotly) {{\n{get_plotlyjs()}\n"
        "globalThis.__clinfluPlotly = globalThis.Plotly;\n"
        "globalThis.Plotly = before;\n}\n"
        "export default { render() {} };\n"
    )


class PlotlyBundle(anywidget.AnyWidget):  # type: ignore[misc]
    """plotly.js, sent to the page once; a FigureWidget would send its 5 MB for every figure."""

    def __init__(self) -> None:
        self._esm = _bundle_module()
        super().__init__()


class PlotView(anywidget.AnyWidget):  # type: ignore[misc]
    """A place for one figure.

    Parameters
    ----------
    bundle : PlotlyBundle
        Of the same application, so that it is in the page.
    fold : str
        What a button says that opens the figure; without it the figure is always open.
    """

    _esm = module("plotview")
    figure = traitlets.Unicode("").tag(sync=True)
    description = traitlets.Unicode("").tag(sync=True)
    fold = traitlets.Unicode("").tag(sync=True)
    config = traitlets.Dict({**SAFE_CONFIG, "displayModeBar": False}).tag(sync=True)

    def __init__(self, bundle: PlotlyBundle, fold: str = "") -> None:
        self.bundle = bundle
        super().__init__(fold=fold)

    def draw(self, figure: SafeFigure, description: str) -> None:
        """Show a figure; the description is read aloud in its place."""
        with self.hold_sync():
            self.description = description
            self.figure = figure.to_json()

    def clear(self) -> None:
        """Show nothing."""
        self.figure = ""
