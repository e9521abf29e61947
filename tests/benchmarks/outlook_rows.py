"""Groups and shifts, influence along SGD, a price on self-influence, and membership attacks: each beside its truth."""

from collections.abc import Iterable, Sequence

import numpy as np
from rows import Row, at_least, at_most, between

from clinflu.analysis.outlook import (
    FitRows,
    Judged,
    PenaltyPath,
    Query,
    SgdComparison,
    SgdPlan,
    SgdRun,
    compare_runs,
    membership,
    optimum_of,
    penalty_path,
    sgd_comparison,
    shift_effects,
    study_penalty_path,
)
from clinflu.analysis.outlook.membership import Membership
from clinflu.analysis.outlook.penalty import LABELS
from clinflu.analysis.outlook.penalty_path import PRICED, RIDGE
from clinflu.analysis.outlook.shadows import fit_shadows
from clinflu.data.digits import Digits
from clinflu.influence.training import TrainingRows
from clinflu.model.mlp import Mlp
from clinflu.study import Study
from data_loaders.simulated import load_simulated

VARIABLES = ("admission_source_id", "medical_specialty")
LEAST_R, MOST_NEWTON = 0.99, 0.1
SLOPES, CHANCE = (0.85, 1.2), (0.49, 0.51)
LEFT_OUT = 100


def outlook_rows(encounters: int = 3_000, small: int = 1_500, shadows: int = 128) -> list[Row]:
    """Measure all four on simulated cohorts and on the digits 4 and 9."""
    study = Study.fit(load_simulated(encounters))
    return [
        *shift_rows(study),
        *sgd_rows(study),
        *network_rows(),
        *penalty_rows(Study.fit(load_simulated(small))),
        *digit_penalty_rows(),
        *membership_rows(study, shadows),
    ]


def shift_rows(study: Study, variables: Iterable[str] = VARIABLES) -> list[Row]:
    """Return how far the estimates of leaving out whole levels are from their refits, over the levels."""
    found = []
    for variable in variables:
        effects = shift_effects(study, variable)
        errors, name = effects.errors.dropna(), f"shifts, {variable} ({len(effects.shifts)} levels)"
        found += [
            Row(f"{name}: first order, median error", float(errors["first_order_error"].median()), "of the change"),
            Row(f"{name}: second order, median error", float(errors["second_order_error"].median()), "of the change"),
            Row(
                f"{name}: one Newton step, median error",
                float(errors["newton_error"].median()),
                "of the change",
                at_most(MOST_NEWTON),
            ),
            Row(f"{name}: first order, worst", float(errors["first_order_error"].max()), "of the change"),
            Row(f"{name}: one Newton step, worst", float(errors["newton_error"].max()), "of the change"),
            Row(f"{name}: largest change of a risk", float(errors["largest_risk_change_pp"].max()), "pp"),
        ]
    return found


def sgd_rows(study: Study, epochs: Sequence[int] = (1, 3, 10, 30, 100), left_out: int = LEFT_OUT) -> list[Row]:
    """Return how influences agree with runs without the row, at the worst miss of the audited encounters."""
    audited = study.split.audited
    losses = np.logaddexp(0.0, study.margins[audited]) - study.design.y[audited] * study.margins[audited]
    worst = str(study.design.encounter_ids[audited[np.argmax(losses)]])
    rows = np.random.default_rng(0).choice(len(study.train.y), left_out, replace=False)
    plan = SgdPlan(1, 32, 0.2, decay=0.1)
    name = f"SGD, logistic, {len(study.train.y):,} rows, {left_out} left out"
    return _run_rows(name, sgd_comparison(study, worst, plan, epochs=epochs, rows=rows))


def network_rows(epochs: Sequence[int] = (5, 20, 80), left_out: int = 30) -> list[Row]:
    """Return the same for a network of four units on two digits, at the test image of the largest loss."""
    digits = Digits.load(4, 9)
    x, y = digits.x[digits.train], digits.labels[digits.train]
    family = Mlp(4)
    start = family.start(x.shape[1], seed=0)
    longest = SgdPlan(max(epochs), 16, 0.3, decay=0.02)
    run = SgdRun(family, x, y, np.ones(len(y)), np.full(len(start), 0.5), longest, start)
    queries = [Query(family, digits.x[row], float(digits.labels[row])) for row in digits.test]
    query = max(queries, key=lambda one: one.loss(run.theta))
    rows = np.random.default_rng(0).choice(len(y), left_out, replace=False)
    name = f"SGD, network of 4 units, {len(y)} images, {left_out} left out"
    return _run_rows(name, compare_runs(run, query, optimum_of(run), epochs, rows))


def penalty_rows(study: Study, mus: Sequence[float] = (0.0, 10.0, 100.0)) -> list[Row]:
    """Return what prices do to the models of a study, beside ridge."""
    name = f"price, {len(study.train.y):,} x {len(study.design.columns)}"
    return [
        row for label in LABELS for row in _path_rows(f"{name}, {label}", study_penalty_path(study, mus, label=label))
    ]


def digit_penalty_rows(mus: Sequence[float] = (0.0, 3.0, 30.0)) -> list[Row]:
    """Return the same for two digits; their test images are both audited and confirming."""
    digits = Digits.load(4, 9)
    penalty = np.append(0.0, np.ones(digits.x.shape[1] - 1))
    rows = FitRows(digits.x[digits.train], digits.labels[digits.train], np.ones(len(digits.train)), penalty)
    test = digits.x[digits.test]
    judged = Judged(test, test, digits.labels[digits.test])
    name = f"price, digits {len(rows.y)} x {test.shape[1]}"
    return [
        row for label in LABELS for row in _path_rows(f"{name}, {label}", penalty_path(rows, judged, mus, label=label))
    ]


def membership_rows(study: Study, shadows: int = 128) -> list[Row]:
    """Return how far a membership attack gets, whether influence foresees it, and what it finds where nothing is."""
    found = membership(study, shadows=shadows)
    foreseen = 2.0 * found.measures["dffits"]
    table = found.correlations(resamples=300)
    name = f"membership, {len(found.ids):,} records, {shadows} shadows"
    ranked = [
        Row(
            f"{name}: rank correlation of {measure} with the separation{end}",
            float(line[f"with_separation{suffix}"]),
            "r",
        )
        for measure, line in table.iterrows()
        for end, suffix in (("", ""), (", low", "_low"), (", high", "_high"))
    ]
    return [
        Row(f"{name}: told", int(found.told.sum()), "records", digits=7),
        Row(f"{name}: mean AUROC of the attack", float(found.auroc.mean()), "AUROC"),
        Row(f"{name}: found at a false-positive rate of 1 %", found.found_at_low_fpr, "share"),
        Row(
            f"{name}: separation per 2 DFFITS",
            float(foreseen @ found.separation / (foreseen @ foreseen)),
            "slope",
            between(*SLOPES),
        ),
        Row(f"{name}: reliability of the separation", found.reliability, "r"),
        *ranked,
        _silent_row(study, shadows),
    ]


def _silent_row(study: Study, shadows: int, silent: int = 300) -> Row:
    """Return the mean AUROC of the attack on records that have no weight, and so no effect."""
    train = study.train
    weights = train.weights.copy()
    weights[:silent] = 0.0
    muted = TrainingRows.fit(train.x, train.y, weights, train.model.penalty, train.patients)
    found = Membership(muted, study.train_ids, fit_shadows(muted, shadows), "online")
    mean = float(found.auroc[:silent].mean())
    return Row(f"membership: mean AUROC of the attack on {silent} records of weight 0", mean, "AUROC", between(*CHANCE))


def _run_rows(name: str, comparison: SgdComparison) -> list[Row]:
    found = []
    for epochs, line in comparison.to_frame().iterrows():
        for method in ("sgd", "optimum", "tracin"):
            bar = at_least(LEAST_R) if method == "sgd" else None
            found.append(Row(f"{name}, {epochs} epochs: {method}, Pearson", float(line[f"{method}_pearson"]), "r", bar))
            found.append(Row(f"{name}, {epochs} epochs: {method}, Spearman", float(line[f"{method}_spearman"]), "r"))
        found.append(Row(f"{name}, {epochs} epochs: sgd from optimum", float(line["sgd_from_optimum"]), "relative"))
    return found


def _path_rows(name: str, path: PenaltyPath) -> list[Row]:
    units = {
        "largest_self_influence": "nats",
        "largest_removal_pp": "pp",
        "largest_relabel_pp": "pp",
        "log_loss": "nats",
        "auroc": "AUROC",
        "accuracy": "share",
    }
    found = []
    for method in (PRICED, RIDGE):
        for mu, line in path.frame.loc[method].iterrows():
            values = [None if np.isnan(line[column]) else float(line[column]) for column in units]
            found += [
                Row(f"{name}: {method}, mu {mu:g}: {column}", value, unit)
                for (column, unit), value in zip(units.items(), values, strict=True)
            ]
    return found
