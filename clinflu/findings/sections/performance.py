"""Section: the performance of the model on all audited encounters, beside the scores that the source brings."""

from typing import Any

from clinflu.analysis.subgroups import MEASURES
from clinflu.figures.roc_figure import precision_recall_spec, roc_spec
from clinflu.figures.thresholds_figure import thresholds_spec
from clinflu.findings.document import Chart, Column, Part, Section, Table, Words, with_interval
from clinflu.findings.material import WITHHELD, Material
from clinflu.findings.titles import TITLES

KEY = "performance"
THRESHOLD_DIGITS = 4
SAID = (
    "On {encounters:,} audited encounters{events}, {whose} taught the model. Intervals are of sampling other patients "
    "to audit, patients as the unit: Wilson's for shares of counts, DeLong's for the AUROC where no patient is there "
    "twice, otherwise from a bootstrap that draws patients ({replicates:,} times, seed {seed})."
)
COMPARED_NOTE = (
    "Intervals by infinitesimal jackknife over patients, that of this model's AUROC as in the table above; differences "
    "are paired. Scores marked ~ are approximate: what "
    "they lack stands under the decision curves."
)

NET_BENEFIT_NOTE = (
    "The interval of the net benefit is by the bootstrap named; the section on decision curves gives one by jackknife, "
    "paired, for its difference to alerting to all or to none, so the two may differ a little."
)


def section(material: Material) -> Section:
    """Return the section."""
    everyone, bootstrap = material.table.everyone, material.options.bootstrap
    events = f", {everyone.events:,} with the event" if material.may_be_counted else ""
    drawn = {"replicates": bootstrap.replicates, "seed": bootstrap.seed}
    whose = "whose patients also" if material.study.judges_its_teachers else "none of whose patients"
    words = Words((SAID.format(encounters=everyone.encounters, events=events, whose=whose, **drawn),))
    parts: list[Part] = [words, _overall(material)]
    if material.may_be_judged:
        parts += _curves(material)
    return Section(KEY, TITLES[KEY], tuple(parts))


def _overall(material: Material) -> Table:
    rows = [{"measure": measure.label, **_shown(material, name)} for name, measure in MEASURES.items()]
    columns = (
        Column("measure", "Measure"),
        *with_interval(Column("value", "Value", "number", 4)),
        Column("method", "Interval"),
    )
    return Table.of(
        "performance", "On all audited encounters", columns, rows, NET_BENEFIT_NOTE if material.may_be_judged else ""
    )


def _shown(material: Material, name: str) -> dict[str, Any]:
    if not material.may_be_shown(name):
        return {"value": WITHHELD}
    found = material.table.everyone.estimates[name]
    ends = {"value_low": found.patient_low, "value_high": found.patient_high}
    return {"value": found.value, **ends, "method": found.withheld or found.method}


def _curves(material: Material) -> list[Part]:
    simulated = material.study.cohort.provenance.simulated
    everyone, table = material.table.everyone, _roc(material)
    title = "ROC: events found against false alerts"
    threshold = round(material.threshold, THRESHOLD_DIGITS)
    spec = roc_spec(table.records(), title=title, threshold=threshold, simulated=simulated)
    says = "ROC curves of the model and of the scores, at the thresholds of the table."
    parts: list[Part] = [_compared(material), Chart("roc_chart", title, spec, says, table.key)]
    title = "Precision and recall: how many alerts are right"
    rate = round(everyone.events / everyone.encounters, 3)
    marked = {"event_rate": rate, "threshold": threshold}
    spec = precision_recall_spec(table.records(), **marked, title=title, simulated=simulated)
    says = "Positive predictive value against sensitivity; the line is the event rate."
    return [*parts, Chart("pr_chart", title, spec, says, table.key), table, *_choosing(material)]


def _compared(material: Material) -> Table:
    columns = (
        Column("predictor", "Predictor"),
        *with_interval(Column("auroc", "AUROC", "number")),
        *with_interval(Column("precision", "Average precision", "number")),
        *with_interval(Column("gap", "This model better by", "number")),
    )
    rows = []
    for one, gap in zip(material.curves.rocs, (None, *material.curves.gaps), strict=True):
        row = {"predictor": one.predictor.label, **one.auroc.named("auroc"), **one.average_precision.named("precision")}
        if gap is None:  # the same as in the table above
            own = material.table.everyone.estimates["auroc"]
            row |= {"auroc_low": own.low, "auroc_high": own.high}
        rows.append(row if gap is None else {**row, "gap": gap.value, "gap_low": gap.low, "gap_high": gap.high})
    return Table.of("compared", "Beside the scores", columns, rows, COMPARED_NOTE)


def _roc(material: Material) -> Table:
    columns = (
        Column("label", "Predictor"),
        Column("threshold", "Threshold", "number", THRESHOLD_DIGITS),
        Column("sensitivity", "Sensitivity", "share"),
        Column("specificity", "Specificity", "share"),
        Column("false_positive_rate", "False positive rate", "share"),
        Column("ppv", "PPV", "share"),
        Column("npv", "NPV", "share"),
    )
    rows = [row for one in material.curves.rocs for row in one.to_frame().to_dict("records")]
    note = "Risks of the model, points of the scores; between two thresholds lie enough events and enough others."
    return Table.of("roc", "Every predictor at its thresholds", columns, rows, note)


def _choosing(material: Material) -> list[Part]:
    """Draw and list what each threshold costs and finds."""
    table, title = thresholds(material), "What an alert threshold costs and finds"
    simulated = material.study.cohort.provenance.simulated
    threshold = round(material.threshold, THRESHOLD_DIGITS)
    spec = thresholds_spec(table.records(), title=title, threshold=threshold, simulated=simulated)
    says = "Share of events found, of encounters alerted to and of alerts that are right, by alert threshold."
    return [Chart("thresholds_chart", title, spec, says, table.key), table]


def thresholds(material: Material) -> Table:
    """Return what each threshold costs and finds.

    Parameters
    ----------
    material : Material
    """
    columns = (
        Column("threshold", "Threshold", "share"),
        Column("alerts", "Alerts", "count"),
        Column("true_alerts", "True alerts", "count"),
        Column("alert_rate", "Alerts in 100 encounters", "share"),
        Column("sensitivity", "Events found", "share"),
        Column("ppv", "Alerts that are right", "share"),
        Column("needed_to_evaluate", "Alerts for each event found", "number", 1),
        Column("net_benefit", "Net benefit", "number", 4),
        Column("now", "Now"),
    )
    found = material.curves.thresholds.to_frame().to_dict("records")
    rows = [{**row, "now": "alert threshold" if row["threshold"] == material.threshold else ""} for row in found]
    note = "Choose the threshold whose alerts can be acted on, then look at what they find."
    return Table.of("thresholds", "Choosing a threshold", columns, rows, note)
