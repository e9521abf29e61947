"""Figures of the notebooks, kept as files where that is asked for."""

import os
from pathlib import Path

from plotly import graph_objects as go

VARIABLE = "CLINFLU_FIGURES"


def kept(figure: go.Figure, name: str) -> go.Figure:
    """Return a figure as it is; where the variable CLINFLU_FIGURES names a folder, write it there too.

    Parameters
    ----------
    figure : Figure
        Of public data alone.
    name : str
        Of the file, without its ending. It becomes one HTML page that needs no network.
    """
    folder = os.environ.get(VARIABLE)
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        figure.write_html(Path(folder) / f"{name}.html", include_plotlyjs=True)
    return figure
