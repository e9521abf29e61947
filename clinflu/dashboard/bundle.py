"""What all blocks of a page share: one plotly.js and one style sheet."""

from functools import cache

import anywidget

from clinflu.dashboard.frontend import style


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


class Bundle(anywidget.AnyWidget):  # type: ignore[misc]
    """Sent to the page once; a FigureWidget would send its 5 MB for every figure.

    Parameters
    ----------
    plotly : bool
        False where the page brings plotly.js itself.
    """

    def __init__(self, *, plotly: bool = True) -> None:
        self._esm = _bundle_module() if plotly else "export default { render() {} };"
        self._css = style()
        super().__init__()
