"""Section: the model, in full: what it was fitted to, how, and every coefficient that may be seen."""

from typing import Any

from clinflu.data.design import INTERCEPT, MISSING
from clinflu.data.shown import NOT_RECORDED, shown
from clinflu.findings.document import Column, Section, Table, Words, with_interval
from clinflu.findings.material import Material
from clinflu.findings.titles import TITLES

KEY = "model"
LEVEL = "level"
PREPARED = (
    "Categories enter as one column a level, numbers standardised by the training encounters; a missing value is a "
    "level of its own, or the training mean."
)
OF_CODES = (
    "A set of codes enters as one column for each code that at least {} training encounters hold, and one for all "
    "others: {}."
)
GIVEN = "The columns are those of the model as it was given, prepared by itself."
NOTE = (
    "Odds ratios per unit or against the reference level, 95 % intervals by infinitesimal jackknife over patients or "
    "by the model, whichever is wider; of a penalised fit they describe sampling alone, not the shrinkage."
)
BY_LINE = " Coefficients are in log-odds by the line through the margins, which intervals take as known."
NO_ODDS_RATIOS = (
    "In this model what a variable does depends on all others, so there is no odds ratio to show: single predictions "
    "say what each variable added."
)
HIDDEN = " Coefficients of levels and values with few training encounters or events are withheld: they would tell them."


def section(material: Material) -> Section:
    """Return the section."""
    study = material.study
    schema = study.cohort.schema
    words = (
        (
            f"{study.model.of_margin.title} for the risk of being {schema.outcome_label}, fitted to "
            f"{len(study.split.train):,} training encounters: {len(schema.features)} recorded variables in "
            f"{len(study.design.columns)} columns, L2 penalty {study.penalty:g} on the summed loss, the intercept "
            f"free. {GIVEN if study.is_adopted else PREPARED}"
        ),
        f"It alerts from a predicted risk of {100 * material.threshold:.1f} %"
        + (", the 90th percentile of the training risks." if material.options.threshold is None else "."),
        *filter(None, [_by_log(material)]),
        *_of_codes(material),
        *study.notes,
        *study.warnings,
        *study.trust.reasons,
    )
    if not study.model.of_margin.keeps_columns:
        return Section(KEY, TITLES[KEY], (Words((*words, NO_ODDS_RATIOS)),))
    return Section(KEY, TITLES[KEY], (Words(tuple(words)), _coefficients(material)))


def _by_log(material: Material) -> str:
    """Say which counts enter by their logarithm."""
    counts = [spec.label for spec in material.study.cohort.schema.features if spec.log1p]
    if not counts or material.study.is_adopted:
        return ""
    return f"These counts enter as log(1 + count): {'; '.join(counts)}."


def _of_codes(material: Material) -> list[str]:
    """Say how sets of codes enter."""
    if material.study.is_adopted:
        return []
    return [OF_CODES.format(spec.fewest, spec.label) for spec in material.study.cohort.schema.code_sets]


def _coefficients(material: Material) -> Table:
    frame = material.audit.odds_ratio_intervals
    every = enumerate(zip(frame.index, frame.to_dict("records"), strict=True))
    told = [_row(material, str(column), row) for at, (column, row) in every if _may_be_told(material, at, str(column))]
    columns = (
        Column("variable", "Variable"),
        Column("level", "Level or unit"),
        *with_interval(Column("odds_ratio", "Odds ratio", "number")),
        Column("coefficient", "Coefficient", "number", 4),
        Column("standard_error", "Standard error", "number", 4),
    )
    return Table.of("coefficients", "Coefficients", columns, told, _note(material, len(frame) - len(told)))


def _note(material: Material, hidden: int) -> str:
    """Say what the coefficients are, and why some or all of them are not there."""
    if not material.may_be_judged:
        return material.not_judged
    by_line = "" if material.study.model.of_margin.has_log_odds else BY_LINE
    return NOTE + by_line + (HIDDEN if hidden else "")


def _may_be_told(material: Material, place: int, column: str) -> bool:
    """Whether a coefficient may be shown: it would tell the outcomes of the few whom a rare column holds."""
    if material.internal:
        return True
    if not material.may_be_judged:
        return False
    variable, level = material.study.design.variables[place], _level(material, column)
    if variable == INTERCEPT:
        return True
    if level is None:
        return material.pattern.column_may_be_told(place)
    return material.pattern.may_be_told(variable, _text(material, variable, level))


def _row(material: Material, column: str, values: dict[str, Any]) -> dict[str, Any]:
    variable, level = values["variable"], _level(material, column)
    if variable not in material.study.cohort.schema.feature_names:
        return {**values, "variable": column, "level": values["per"]}
    label = material.study.cohort.schema.feature(variable).label
    return {**values, "variable": label, "level": _text(material, variable, level) if level else values["per"]}


def _text(material: Material, variable: str, level: str) -> str:
    return NOT_RECORDED if level == MISSING else shown(material.study.cohort.schema.feature(variable), level)


def _level(material: Material, column: str) -> str | None:
    """Return the level that a column stands for, None where it is a number, the intercept or of an adopted model."""
    encoder = material.study.encoder
    if encoder is None:
        return None
    return next((one.level for one in encoder.columns if one.name == column and one.kind == LEVEL), None)
