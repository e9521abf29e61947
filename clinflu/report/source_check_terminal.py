"""A check of a source for the terminal."""

from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from clinflu.data.shown import printable
from clinflu.report.source_check_page import NO_DEFINITION, auroc, count, known, period, share

ALONE_SHOWN = 8
Cell = tuple[str, str]


def source_check_view(values: dict[str, Any]) -> RenderableType:
    """Return a check, given as :meth:`clinflu.analysis.source_check.SourceCheck.to_dict`, for a rich console.

    The flowchart and the counts are not in it: the command prints them before.
    """
    summary = values["summary"]
    return Group(
        Text(values["notice"], style="bold red"),
        _words(f"Period: {period(summary)}. {summary['encounters_per_patient']:.2f} encounters per patient."),
        *_list("What counts as the event", values["provenance"]["definition"] or [NO_DEFINITION]),
        *_list("Notes of the source", values["provenance"]["notes"]),
        *_list("Left out by the loader", [_finding(one) for one in values["left_out"]]),
        Text(),
        _alarms(values["alarms"]),
        _variables(values["variables"]),
        _copies(values["duplicates"], values["sides"]),
        _alone(values["leakage"]),
        *_drift(values["drift"]),
    )


def _words(text: str, style: str = "") -> Text:
    """Return words that may hold values of the data as text that only says what it says."""
    return Text(printable(text), style=style)


def _list(title: str, lines: list[str]) -> list[Text]:
    return [Text(f"{title}:", style="bold"), *(_words(f"  {line}") for line in lines)] if lines else []


def _table(title: str, *columns: Cell) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for name, justify in columns:
        table.add_column(name, justify="right" if justify == "right" else "left", overflow="fold")
    return table


def _finding(one: dict[str, Any]) -> str:
    return f"{one['table']}, column {one['column']!r}: {one['what']} ({one['rows']:,} rows)"


def _alarms(alarms: list[dict[str, Any]]) -> RenderableType:
    if not alarms:
        return Text("Nothing was flagged. That is no proof that nothing is wrong.", style="bold")
    table = _table("To look at before a model is fitted", ("What", "left"), ("Where", "left"), ("Found", "left"))
    for one in alarms:
        table.add_row(one["kind"], _words(one["where"]), _words(one["says"]))
    return table


def _variables(variables: list[dict[str, Any]]) -> Table:
    table = _table(
        "Recorded variables",
        ("Variable", "left"),
        ("Missing", "right"),
        ("1 %, median, 99 %; or levels, the commonest", "left"),
        ("Recorded", "left"),
    )
    for one in variables:
        told = _number(one) if one["kind"] == "number" else _category(one)
        told = f"{told}; constant" if one["constant"] else told
        table.add_row(_words(one["label"]), share(one["missing_percent"]), _words(told), _words(one["recorded"] or ""))
    return table


def _category(one: dict[str, Any]) -> str:
    noun = "level" if one["kind"] == "category" else "code"
    levels = f"1 {noun}" if one["levels"] == 1 else f"{one['levels']:,} {noun}s"
    return f"{levels}, {one['commonest']} {share(one['commonest_percent'])}" if one["levels"] else "never recorded"


def _number(one: dict[str, Any]) -> str:
    quantiles = ", ".join(known(one[name]) for name in ("quantile_01", "median", "quantile_99"))
    return f"{quantiles} {one['unit'] or ''}".rstrip()


def _copies(duplicates: dict[str, Any], sides: dict[str, Any]) -> Text:
    within, across = duplicates["within_patients"], duplicates["across_patients"]
    return _words(
        "Equal to another encounter in every variable and the outcome: "
        f"{within['encounters']:,} within a patient, {across['encounters']:,} across patients. On both sides of the "
        f"split by patient: {count(sides['patients_on_both_sides'])} patients, "
        f"{count(sides['identical_rows_on_both_sides'])} encounters that equal one in training."
    )


def _alone(leakage: dict[str, Any]) -> RenderableType:
    if leakage["why_not"]:
        return _words(f"\nLeakage was not judged: {leakage['why_not']}.")
    table = _table(
        f"What tells most alone (AUROC, {leakage['folds']} folds by patient)",
        ("Variable", "left"),
        ("AUROC", "right"),
        ("Of being missing", "right"),
    )
    for one in leakage["alone"][:ALONE_SHOWN]:
        table.add_row(_words(one["label"]), auroc(one["auroc"]), auroc(one["missing_auroc"]))
    return table


def _drift(drift: dict[str, Any]) -> list[RenderableType]:
    if drift["why_not"]:
        return [_words(f"Years were not compared: {drift['why_not']}.")]
    table = _table(
        "Events by year of admission",
        ("Year", "right"),
        ("Encounters", "right"),
        ("Events", "right"),
        ("Rate", "right"),
        ("95 % interval", "right"),
    )
    for one in drift["rates"]:
        interval = f"{one['low_percent']:.1f} to {one['high_percent']:.1f} %"
        rate = f"{one['rate_percent']:.1f} %"
        table.add_row(str(one["year"]), f"{one['encounters']:,}", f"{one['events']:,}", rate, interval)
    return [table]
