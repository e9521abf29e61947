"""Differences of subgroups to everyone else, as tables: all that may be shown, those that stand after correction."""

from dataclasses import replace
from typing import Any

from clinflu.analysis.subgroups import MEASURES
from clinflu.figures.style import signed
from clinflu.findings.document import Column, Table, with_interval
from clinflu.findings.losses import SIGNIFICANT
from clinflu.findings.material import Material

JUDGED = ("oe", "calibration_intercept", "calibration_slope", "auroc", "sensitivity", "net_benefit")


def differences(material: Material) -> Table:
    """Return every difference that may be shown.

    Parameters
    ----------
    material : Material
    """
    rows = []
    for one in material.table.groups if material.may_be_counted else ():
        for name, found in one.differences.items():
            if not found.withheld and material.may_be_shown(name):
                described: dict[str, Any] = {"variable": one.label, "level": one.level, "measure": MEASURES[name].label}
                values: dict[str, Any] = {
                    "difference": found.value,
                    "difference_low": found.low,
                    "difference_high": found.high,
                }
                rows.append({**described, **values, "p": found.p, "q": found.q})
    table = Table.of(
        "subgroup_differences",
        "Differences to the complement",
        (
            Column("variable", "Variable"),
            Column("level", "Level"),
            Column("measure", "Measure"),
            *with_interval(Column("difference", "Difference", "number")),
            Column("p", "p", "p"),
            Column("q", "q", "p"),
        ),
        rows,
        "A subgroup less everyone else; p of no difference, q after Benjamini and Hochberg.",
    )
    return replace(table, files_only=True)


def in_words(row: dict[str, Any]) -> str:
    """Return a difference in words, from a row of :func:`notable`."""
    value, low, high = (signed(row[name], 3) for name in ("difference", "difference_low", "difference_high"))
    how = "lower" if row["difference"] < 0 else "higher"
    return (
        f"{row['variable']}: {row['level']}, whose {_within(row['measure'])} is {how} than that of everyone else "
        f"({value}, 95 % interval {low} to {high}, q {row['q']:.3g})"
    )


def _within(label: str) -> str:
    """Return the name of a measure within a sentence."""
    return label if label[:2].isupper() else label[0].lower() + label[1:]


def notable(material: Material, every: Table) -> Table:
    """Return the differences that stand after correction, those that matter to patients first.

    Parameters
    ----------
    material : Material
    every : Table
        See :func:`differences`.
    """
    kept = tuple(row for row in every.rows if isinstance(row[-1], float) and row[-1] <= SIGNIFICANT)
    judged = tuple(MEASURES[name].label for name in JUDGED)
    shown = tuple(row for row in kept if row[2] in judged)
    note = (
        f"Of {len(every.rows):,} differences {len(kept):,} have a q of at most {SIGNIFICANT}; shown are those in "
        "calibration, discrimination, sensitivity and net benefit. All of them are in the tables of the "
        "workbook. That event rates and mean risks differ between subgroups is expected of a model that tells patients "
        "apart."
    )
    if not material.may_be_judged:
        note = "Differences in what the model does are withheld: that none is listed does not mean that there is none."
    return Table("notable_differences", "Differences that stand after correction", every.columns, shown, note)
