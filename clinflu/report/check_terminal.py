"""A check of the estimates for the terminal, under pseudonyms."""

from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from clinflu.data.shown import printable
from clinflu.report.check_page import correlation, per_cent, points, share, slope

FIGURES = ("n", "r", "slope", "med. %", "max. %", "max. pp", "sign %", "out")
NAME_WIDTH = 16


def check_view(values: dict[str, Any]) -> RenderableType:
    """Return a check, given as :func:`clinflu.analysis.check.values.check_values`, for a rich console."""
    by_prediction = [
        _grades(_title(one), [row for row in values["by_prediction"] if row["prediction"] == one["number"]])
        for one in values["predictions"]
    ]
    return Group(
        Text(values["notice"], style="bold red"),
        Panel(Text(values["sentence"]), title="Every estimate against the truth", title_align="left"),
        _grades("Over all predictions", values["grades"]),
        *by_prediction,
        Text(
            "n: removals. r: Pearson. slope: of the refit on the estimate. med. %, max. %: median and largest error, "
            "as a share of the refit. max. pp: largest error in percentage points. sign %: how many say the right "
            "direction. out, left out: without a finite fit + without an estimate + refits too near 0 for a relative "
            "error. Over all predictions r is the lowest and slope the worst of them.",
            style="dim",
        ),
        Text(printable(f"{values['provenance']['source']} ({values['provenance']['sha256'][:12]})"), style="dim"),
    )


def _title(prediction: dict[str, Any]) -> str:
    name = prediction["encounter"] or f"Prediction {prediction['number']}"
    return f"{name}: {prediction['why']}, predicted risk {prediction['risk_percent']:.1f} %"


def _grades(title: str, rows: list[dict[str, Any]]) -> Table:
    """Return a table narrow enough for 80 columns, so that no figure is ever broken."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 0),
    )
    table.add_column("without", width=NAME_WIDTH, overflow="fold")
    for name in FIGURES:
        table.add_column(name, justify="right", no_wrap=True)
    before = None
    for row in rows:
        if row["removed"] != before:
            table.add_row(Text(row["removed"], style="bold"))
        table.add_row(f"  {row['estimate'].removesuffix(' estimate')}", *_figures(row))
        before = row["removed"]
    return table


def _figures(row: dict[str, Any]) -> tuple[str, ...]:
    left_out = (row["no_finite_fit"], row["no_estimate"], row["unresolved"])
    return (
        f"{row['removals']:,}",
        correlation(row["pearson_r"]),
        slope(row["slope"]),
        _short(per_cent(row["median_error_percent"])),
        _short(per_cent(row["largest_error_percent"])),
        _short(points(row["largest_error_pp"])),
        _short(share(row["sign_agreement_percent"])),
        "+".join(f"{count:,}" for count in left_out) if any(left_out) else "0",
    )


def _short(text: str) -> str:
    """Return a figure without the unit that its column names."""
    return text.removesuffix(" %").replace("under ", "<")
