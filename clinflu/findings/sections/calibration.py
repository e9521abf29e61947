"""Section: whether risks are what happens, and what acting on them is worth."""

from collections.abc import Iterator

from clinflu.analysis.curves.decision import ALL, NONE, PER
from clinflu.figures.calibration_figure import calibration_spec
from clinflu.figures.decision_figure import decision_difference_spec, decision_spec
from clinflu.findings.document import Chart, Column, Part, Section, Table, Words, with_interval
from clinflu.findings.material import Material
from clinflu.findings.sections.performance import thresholds
from clinflu.findings.titles import TITLES
from clinflu.findings.withheld import not_judged

KEY = "calibration"
FEWEST_DRAWN = 3  # thresholds, of which a curve can be drawn
NOTE = "Net benefit in net true alerts an encounter."
NOT_DRAWN = (
    "The curves of the model and of the scores together, and of what the model adds, are not drawn: they are shown "
    "only at thresholds between which, for every predictor at once, more than 10 events and more than 10 others lie, "
    "so that no small count follows; here that is {0}."
)
INSTEAD = "Drawn instead is the model alone, at the thresholds under Performance."
INTERVALS = (
    "Intervals of differences of net benefit are by infinitesimal jackknife over patients, paired. That of the net "
    "benefit under Performance comes from a bootstrap of patients: against treating none it is an interval of the same "
    "figure, so the two may differ a little."
)
BANDS_WORDS = (
    "Calibration: of patients with a predicted risk of 20 %, do 20 in 100 have the event? Points are bands of risk, "
    "the line a smoothed curve with its 95 % band, patients as the unit."
)
WORTH = (
    "Net benefit weighs true alerts against false ones at the odds of each threshold. A model is of use at a threshold "
    "where its curve is above those of alerting to everybody and to nobody. Points of scores were turned into risks by "
    "a logistic regression in the training encounters."
)


def section(material: Material) -> Section:
    """Return the section."""
    if not material.may_be_judged:
        return not_judged(material, KEY)
    simulated = material.study.cohort.provenance.simulated
    bands, smoothed, decision = _bands(material), _smoothed(material), _decision(material)
    parts: list[Part] = [Words(tuple(_calibration_words(material)))]
    title = "Predicted risk against what happened"
    curve = [{**row, "low": row["observed_low"], "high": row["observed_high"]} for row in smoothed.records()]
    spec = calibration_spec(bands.records(), curve, title=title, simulated=simulated)
    says = "Event rate in bands of predicted risk and the smoothed curve; the diagonal is perfect calibration."
    parts += [Chart("calibration_chart", title, spec, says, bands.key), bands, smoothed]
    parts += [Words(tuple(_decision_words(material))), *_curves(decision, material), decision, *_gain(material)]
    return Section(KEY, TITLES[KEY], tuple(parts))


def _curves(decision: Table, material: Material) -> Iterator[Part]:
    """Draw the decision curves; where too few thresholds may be shown of all predictors, that of the model alone."""
    simulated, many = material.study.cohort.provenance.simulated, _thresholds_of(decision)
    if many >= FEWEST_DRAWN:
        title = "Net benefit against alerting to all, to none, and the scores"
        spec = decision_spec(decision.records(), title=title, simulated=simulated)
        says = "Net benefit of the model, the scores, alerting to all and to none, by alert threshold."
        yield Chart("decision_chart", title, spec, says, decision.key)
        return
    own = _of_the_model(material)
    drawn = _thresholds_of(own) >= FEWEST_DRAWN
    why = NOT_DRAWN.format({0: "no threshold", 1: "one threshold"}.get(many, f"{many} thresholds"))
    yield Words((f"{why} {INSTEAD}" if drawn else why,))
    if drawn:
        title = "Net benefit of the model against alerting to all and to none"
        spec = decision_spec(_lines_of_the_model(own), title=title, simulated=simulated)
        says = "Net benefit of the model, of alerting to all and to none, by alert threshold."
        yield Chart("decision_chart", title, spec, says, own.key)
        yield own


def _thresholds_of(table: Table) -> int:
    return len({row["threshold"] for row in table.records()})


def _of_the_model(material: Material) -> Table:
    """Return the model's decision curve, made of nothing but what the choice of a threshold and the counts show."""
    everyone = material.table.everyone
    rate, rows = everyone.events / everyone.encounters, []
    for row in thresholds(material).records():
        at = float(row["threshold"] or 0.0)
        rows.append({"threshold": at, "model": row["net_benefit"], "all": rate - (1.0 - rate) * at / (1.0 - at)})
    columns = (
        Column("threshold", "Threshold", "share"),
        Column("model", "Net benefit of the model", "number", 4),
        Column("all", f"{ALL} (treat none: 0)", "number", 4),
    )
    return Table.of("decision_model", "Decision curve of the model", columns, rows, NOTE)


def _lines_of_the_model(table: Table) -> list[dict[str, object]]:
    """Return what is drawn of that table: a row a line and threshold."""
    lines = {"Model": "model", ALL: "all", NONE: ""}
    return [
        {"label": label, "threshold": row["threshold"], "net_benefit_per_1000": _times(row[key]) if key else 0.0}
        for label, key in lines.items()
        for row in table.records()
    ]


def _calibration_words(material: Material) -> Iterator[str]:
    yield BANDS_WORDS
    found = material.curves.smoothed
    if found is None:
        yield "There are too few events for a smoothed curve."
        return
    yield (
        f"On average predicted risk and smoothed event rate differ by {100 * found.ici:.2f} percentage points; half of "
        f"them by at most {100 * found.e50:.2f}, nine in ten by at most {100 * found.e90:.2f}."
    )


def _decision_words(material: Material) -> Iterator[str]:
    yield WORTH
    if material.curves.worth:
        yield f"{material.curves.worth} {INTERVALS}"
    yield from (f"{one.label}: {one.note}" for one in material.study.cohort.schema.baselines)
    if material.curves.left_out:
        yield f"Not known for every encounter, and left out: {', '.join(material.curves.left_out)}."


def _bands(material: Material) -> Table:
    columns = (
        Column("low", "Risk from", "share"),
        Column("high", "to under", "share"),
        Column("encounters", "Encounters", "count"),
        Column("events", "Events", "count"),
        Column("mean_risk", "Mean risk", "share"),
        *with_interval(Column("event_rate", "Event rate", "share")),
    )
    records = material.curves.bands.to_frame().to_dict("records")
    return Table.of("calibration_bands", "Calibration in bands of risk", columns, records)


def _smoothed(material: Material) -> Table:
    columns = (
        Column("risk", "Risk", "share"),
        *with_interval(Column("observed", "Smoothed event rate", "share")),
    )
    found = material.curves.smoothed
    frame = None if found is None else found.to_frame().rename(columns={"low": "observed_low", "high": "observed_high"})
    records = [] if frame is None else frame.to_dict("records")
    return Table.of("calibration_smoothed", "Smoothed calibration", columns, records)


def _decision(material: Material) -> Table:
    columns = (
        Column("label", "Predictor"),
        Column("threshold", "Threshold", "share"),
        Column("net_benefit", "Net benefit", "number", 4),
        Column("net_benefit_per_1000", f"Per {PER:,} encounters", "number", 1),
    )
    records = material.curves.decision.to_frame().to_dict("records")
    return Table.of("decision_curve", "Decision curves", columns, records, NOTE)


def _gain(material: Material) -> Iterator[Part]:
    """Draw what the model adds over the better default, and list it beside that over each score."""
    differences, simulated = _differences(material), material.study.cohort.provenance.simulated
    over = [row for row in differences.records() if row["second"] in (ALL, NONE)]
    ends = {"per_1000": "value", "per_1000_low": "value_low", "per_1000_high": "value_high"}
    drawn = [{"threshold": row["threshold"], **{to: _times(row[key]) for to, key in ends.items()}} for row in over]
    if len(drawn) >= FEWEST_DRAWN:
        title = "What the model adds over the better of alerting to all and to none"
        says = "Difference of net benefit by threshold, with its 95 % interval; 0 is no better than the default."
        spec = decision_difference_spec(drawn, title=title, simulated=simulated)
        yield Chart("decision_gain_chart", title, spec, says, differences.key)
    yield differences


def _times(value: object) -> float | None:
    return PER * value if isinstance(value, float) else None


def _differences(material: Material) -> Table:
    columns = (
        Column("threshold", "Threshold", "share"),
        Column("second", "Model against"),
        *with_interval(Column("value", "Net benefit more by", "number", 4)),
    )
    frame = material.curves.decision.differences().rename(columns={"low": "value_low", "high": "value_high"})
    title = "The model's net benefit against the better default and each score"
    return Table.of("decision_differences", title, columns, frame.to_dict("records"), INTERVALS)
