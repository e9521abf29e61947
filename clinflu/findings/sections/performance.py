"""Section: the performance of the model on all audited encounters."""

from clinflu.analysis.subgroups import MEASURES
from clinflu.findings.document import Column, Section, Table, Words
from clinflu.findings.material import WITHHELD, Material

TITLE = "Performance"


def section(material: Material) -> Section:
    """Return the section."""
    everyone = material.table.everyone
    counted = material.may_be_counted
    counts = f"{everyone.encounters:,} audited encounters" + (
        f", {everyone.events:,} with the event" if counted else ""
    )
    words = Words(
        (
            (
                f"On {counts}, none of whose patients taught the model. Intervals are of sampling other patients to "
                "audit: "
                "Wilson's for shares of counts, otherwise from a bootstrap that draws patients "
                f"({material.options.bootstrap.replicates:,} times, seed {material.options.bootstrap.seed})."
            ),
        )
    )
    rows = [
        {
            "measure": measure.label,
            "value": found.value if counted else WITHHELD,
            "value_low": found.low if counted else None,
            "value_high": found.high if counted else None,
            "method": found.withheld or found.method,
        }
        for name, measure in MEASURES.items()
        for found in (everyone.estimates[name],)
    ]
    columns = (
        Column("measure", "Measure"),
        Column("value", "Value", "number", 4),
        Column("value_low", "95 % from", "number", 4),
        Column("value_high", "95 % to", "number", 4),
        Column("method", "Interval"),
    )
    return Section("performance", TITLE, (words, Table.of("performance", "On all audited encounters", columns, rows)))
