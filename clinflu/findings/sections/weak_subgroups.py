"""Section: the subgroups that the model predicts worst, found by search and confirmed on other patients."""

from typing import Any

import numpy as np

from clinflu.analysis.slices import WeakSubgroup
from clinflu.findings.document import Column, Section, Table, Words, with_interval
from clinflu.findings.material import Material
from clinflu.findings.titles import TITLES
from clinflu.findings.weak import mostly_beyond_risk
from clinflu.findings.withheld import not_judged

KEY = "weak_subgroups"
SEARCHED = (
    "All combinations of one to three recorded variables were considered: {1:,} were measured, {2:,} left out "
    "because they hold under {0:,} audited encounters or provably cannot be among the worst. Those with the largest "
    "prediction error (mean loss) above average, shrunk where they are small, were then tested on the confirming "
    "encounters, whose patients neither taught the model nor chose the subgroups; {3:,} were passed over as versions "
    "of worse ones."
)
CONFIRMED = (
    "Larger than everyone else's on the confirming encounters too is the loss of {1:,} of the {0:,} tested (false "
    "discovery rate {2:g} %). That may be because their risks are high, and patients at high risk are harder to "
    "predict, or because their risks are wrong: see the loss beyond the risks, which is 0 in the mean where they are "
    "right."
)

BEYOND, EXPECTED = "beyond its risks", "as its risks expect"
MARKED = (
    f'Where the last column says "{BEYOND}", most of the larger loss on the confirming encounters is more than their '
    f'own risks let expect: those risks are wrong. Where it says "{EXPECTED}", such patients are harder to predict.'
)


def section(material: Material) -> Section:
    """Return the section."""
    if not material.may_be_judged:
        return not_judged(material, KEY)
    found, shown = material.weak, material.weak_shown
    work = found.counted
    said = [
        SEARCHED.format(found.min_support, work.measured, work.by_bound + work.by_support, found.set_aside),
        CONFIRMED.format(len(found.found), len(found.confirmed), 100 * found.options.level),
    ]
    if len(shown) < len(found.found):
        said.append(_not_shown(material))
    if any(map(mostly_beyond_risk, material.weak_confirmed_shown)):
        said.append(MARKED)
    if not material.internal:
        said.append("Sizes are rounded to two digits and to tens, event rates to a percent.")
    return Section(KEY, TITLES[KEY], (Words(tuple(said)), _table(material)))


def _not_shown(material: Material) -> str:
    tested, confirmed = len(material.weak.found), len(material.weak.confirmed)
    shown, yes = len(material.weak_shown), len(material.weak_confirmed_shown)
    return (
        f"The table shows {shown:,} of the {tested:,} tested, and {yes:,} of the {confirmed:,} confirmed: the others, "
        "or what they leave of larger groups, are small, so nothing more is said of them."
    )


def _table(material: Material) -> Table:
    digits = 3 if material.internal else 2
    columns = (
        Column("subgroup", "Subgroup"),
        Column("confirmed", "Larger loss confirmed"),
        Column("audited_encounters", "Audited encounters", "count"),
        Column("audited_rate", "Event rate", "share", digits),
        Column("audited_risk", "Mean risk", "share"),
        Column("audited_excess", "Loss above all others (nats)", "number"),
        Column("audited_beyond", "Loss beyond its risks", "number"),
        Column("confirm_encounters", "Confirming encounters", "count"),
        Column("confirm_rate", "Event rate there", "share", digits),
        *with_interval(Column("confirm_excess", "Loss above all others there", "number")),
        Column("confirm_beyond", "Loss beyond its risks there", "number"),
        Column("q", "q", "p"),
        Column("most", "Most of that loss"),
    )
    rows = [_row(material, one) for one in material.weak_shown]
    note = "q of a one-sided test, patients as the unit, after Benjamini and Hochberg over all that were tested."
    return Table.of("weak_subgroups", "The weakest subgroups, the worst first", columns, rows, note)


def _row(material: Material, one: WeakSubgroup) -> dict[str, Any]:
    row: dict[str, Any] = {"subgroup": one.words}
    for name in ("audited", "confirm"):
        side = getattr(one, name)
        rate = side.events / side.encounters if side.encounters else np.nan
        row |= {f"{name}_encounters": material.rounded(side.encounters), f"{name}_rate": rate}
        row |= {f"{name}_excess": side.excess_loss, f"{name}_beyond": side.beyond_risk}
    ends = {"confirm_excess_low": one.low, "confirm_excess_high": one.high}
    confirmed = "yes" if one.q <= material.weak.options.level else "no" if np.isfinite(one.q) else "too few patients"
    most = (BEYOND if mostly_beyond_risk(one) else EXPECTED) if confirmed == "yes" else ""
    about = {"audited_risk": one.audited.mean_risk, "confirmed": confirmed, "most": most}
    return {**row, **about, **ends, "p": one.p, "q": one.q}
