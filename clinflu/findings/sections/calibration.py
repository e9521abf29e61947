"""Section: whether risks are what happens, and what acting on them is worth."""

from collections.abc import Iterator

from clinflu.analysis.curves.decision import ALL, NONE, PER
from clinflu.figures.calibration_figure import calibration_spec
from clinflu.figures.decision_figure import decision_difference_spec, decision_spec
from clinflu.findings.document import Chart, Column, Part, Section, Table, Words, with_interval
from clinflu.findings.material import Material
from clinflu.findings.titles import TITLES
from clinflu.findings.withheld import not_judged

KEY = "calibration"
FEWEST_DRAWN = 3  # thresholds, of which a curve can be drawn
NOTE = "Net benefit in net true alerts an encounter."
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
    title = "Net benefit against alerting to all, to none, and the scores"
    spec = decision_spec(decision.records(), title=title, simulated=simulated)
    says = "Net benefit of the model, the scores, alerting to all and to none, by alert threshold."
    parts.append(Words(tuple(_decision_words(material))))
    if len({row["threshold"] for row in decision.records()}) >= FEWEST_DRAWN:
        parts.append(Chart("decision_chart", title, spec, says, decision.key))
    parts += [decision, *_gain(material)]
    return Section(KEY, TITLES[KEY], tuple(parts))


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
        yield material.curves.worth
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
    return Table.of("decision_differences", title, columns, frame.to_dict("records"))
