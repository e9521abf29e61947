"""Section: the model, in full: what it was fitted to, how, and every coefficient that may be seen."""

from typing import Any

from clinflu.data.design import MISSING
from clinflu.data.shown import NOT_RECORDED, shown
from clinflu.findings.document import Column, Section, Table, Words
from clinflu.findings.material import WITHHELD, Material
from clinflu.findings.titles import TITLES

KEY = "model"
LEVEL = "level"
FIGURES = ("odds_ratio", "odds_ratio_low", "odds_ratio_high", "coefficient", "standard_error")


def section(material: Material) -> Section:
    """Return the section."""
    study = material.study
    model, schema = study.model, study.cohort.schema
    penalty = float(model.penalty[-1])
    words = (
        (
            f"Logistic regression for the risk of being {schema.outcome_label}, fitted to {len(study.split.train):,} "
            f"training encounters: {len(schema.features)} recorded variables in {len(study.design.columns)} columns, "
            f"L2 penalty {penalty:g} on the summed loss, the intercept free. Categories enter as one column a level, "
            "numbers standardised by the training encounters; a missing value is a level of its own, or the training "
            "mean."
        ),
        f"It alerts from a predicted risk of {100 * material.threshold:.1f} %"
        + (", the 90th percentile of the training risks." if material.options.threshold is None else "."),
        *filter(None, [_by_log(material)]),
        *study.notes,
        *study.warnings,
        *study.trust.reasons,
    )
    return Section(KEY, TITLES[KEY], (Words(tuple(words)), _coefficients(material)))


def _by_log(material: Material) -> str:
    """Say which counts enter by their logarithm."""
    counts = [spec.label for spec in material.study.cohort.schema.features if spec.log1p]
    if not counts or material.study.encoder is None:
        return ""
    return f"These counts enter as log(1 + count): {'; '.join(counts)}."


def _coefficients(material: Material) -> Table:
    rows = [_row(material, str(column), values) for column, values in _intervals(material).items()]
    columns = (
        Column("variable", "Variable"),
        Column("level", "Level or unit"),
        Column("odds_ratio", "Odds ratio", "number"),
        Column("odds_ratio_low", "95 % from", "number"),
        Column("odds_ratio_high", "95 % to", "number"),
        Column("coefficient", "Coefficient", "number", 4),
        Column("standard_error", "Standard error", "number", 4),
    )
    note = (
        "Odds ratios per unit or against the reference level, 95 % intervals by infinitesimal jackknife over patients "
        "or by the model, whichever is wider; of a penalised fit they describe sampling alone, not the shrinkage."
    )
    hidden = (
        ""
        if material.internal
        else " A level that few encounters have is withheld: its coefficient would tell their outcomes."
    )
    return Table.of("coefficients", "Coefficients", columns, rows, note if material.internal else note + hidden)


def _intervals(material: Material) -> dict[Any, dict[str, Any]]:
    frame = material.audit.odds_ratio_intervals
    return dict(zip(frame.index, frame.to_dict("records"), strict=True))


def _row(material: Material, column: str, values: dict[str, Any]) -> dict[str, Any]:
    variable = values["variable"]
    names = material.study.cohort.schema.feature_names
    if variable not in names:
        return {**values, "variable": column, "level": values["per"]}
    spec = material.study.cohort.schema.feature(variable)
    described = {"variable": spec.label, "level": values["per"]}
    level = _level(material, column)
    if level is None:
        return {**values, **described}
    text = NOT_RECORDED if level == MISSING else shown(spec, level)
    if material.internal or material.pattern.may_be_told(variable, text):
        return {**values, **described, "level": text}
    known = text in material.sizes(variable).levels
    return {**described, "level": text if known else "a rarer level", **dict.fromkeys(FIGURES, WITHHELD)}


def _level(material: Material, column: str) -> str | None:
    """Return the level that a column stands for, None where it is a number or the intercept."""
    encoder = material.study.encoder
    if encoder is None:
        return None
    return next((one.level for one in encoder.columns if one.name == column and one.kind == LEVEL), None)
