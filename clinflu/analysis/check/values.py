"""A check as plain values under pseudonyms, ready for JSON; every name of a number holds its unit."""

from math import isfinite
from typing import Any

from clinflu.analysis.check.points import ESTIMATES, GROUP, KINDS, NEWTON, ONE_STEP, SINGLE, methods_of
from clinflu.analysis.check.result import Check
from clinflu.data.pseudonym import Pseudonyms
from clinflu.influence.agreement import Agreement, correlation_text, percent_text, points_text
from clinflu.influence.result import PERCENT

OVER_ALL = "all of them"
OF_KIND = {SINGLE: "For one encounter at a time", GROUP: "For groups"}
PRINTED = {SINGLE: (ONE_STEP, "one encounter"), GROUP: (NEWTON, "a group")}
RANKS = 0.95


def check_values(check: Check, names: Pseudonyms) -> dict[str, Any]:
    """Return everything that a check shows, without any id of the source.

    Parameters
    ----------
    check : Check
    names : Pseudonyms
        What encounters are called.
    """
    provenance = check.provenance
    simulated = " SIMULATED patients." if provenance.simulated else ""
    return {
        "notice": f"INTERNAL working paper: not for distribution.{simulated}",
        "sentence": sentence(check),
        "refits": check.refits,
        "training_encounters": check.training_encounters,
        "plan": {
            "strongest_encounters": check.plan.strongest,
            "random_encounters": check.plan.random,
            "groups_of_each_sort": check.plan.groups,
            "seed": check.plan.seed,
        },
        "predictions": _predictions(check, names),
        "grades": [_row(check, kind, method, None) for kind, method in _graded(check, tuple(KINDS))],
        "by_prediction": [
            _row(check, kind, method, place)
            for kind, method in _graded(check, (SINGLE, GROUP))
            for place in range(len(check.checked))
        ],
        "provenance": {
            "source": provenance.source,
            "sha256": provenance.sha256,
            "loader": provenance.loader,
            "simulated": provenance.simulated,
        },
    }


def sentence(check: Check) -> str:
    """Return what was done, which estimate has the smallest median error, and which ones views print."""
    predictions = "1 prediction" if len(check.checked) == 1 else f"{len(check.checked)} predictions"
    done = (
        f"The model was refitted {check.refits:,} times, each time without one encounter or one group of them, and "
        f"what it then says of {predictions} was compared with what was estimated without refitting."
    )
    return " ".join([done, *(_nearest(check, kind) for kind in OF_KIND if check.has(kind)), _printed(check)])


def _nearest(check: Check, kind: str) -> str:
    grades = [check.grade(kind, method) for method in methods_of(kind)]
    known = [grade for grade in grades if isfinite(grade.median_relative_error)]
    if not known:
        return f"{OF_KIND[kind]} no refit is large enough to grade an estimate by."
    best = min(known, key=lambda grade: grade.median_relative_error)
    return (
        f"{OF_KIND[kind]} the {best.what} has the smallest median error, {percent_text(best.median_relative_error)} "
        f"of the refit; its largest error is {points_text(best.largest_error)} percentage points."
    )


def _printed(check: Check) -> str:
    """Return which estimates views print, and how far they can be trusted."""
    kinds = [kind for kind in PRINTED if check.has(kind)]
    named = " and ".join(f"the {ESTIMATES[PRINTED[kind][0]]} for {PRINTED[kind][1]}" for kind in kinds)
    known = [r for kind in kinds if isfinite(r := check.rank_correlation(kind, PRINTED[kind][0]))]
    if not known:
        return f"Views print {named}; a refit stands beside each, and is the truth."
    largest = max(check.grade(kind, PRINTED[kind][0]).largest_error for kind in kinds)
    ranked = f"(rank correlation {correlation_text(min(known))} or more)"
    order = f"rank only roughly {ranked}" if min(known) < RANKS else f"put removals in nearly the same order {ranked}"
    return (
        f"Views print {named}. Here they {order}, but a size can be off by up to {points_text(largest)} percentage "
        "points: go by the refit that stands beside each."
    )


def _graded(check: Check, kinds: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(kind, method) for kind in kinds if check.has(kind) for method in methods_of(kind)]


def _predictions(check: Check, names: Pseudonyms) -> list[dict[str, Any]]:
    return [
        {
            "number": place + 1,
            "encounter": names.encounter(one.encounter_id) if one.encounter_id else None,
            "why": one.why,
            "risk_percent": PERCENT * one.risk,
        }
        for place, one in enumerate(check.checked)
    ]


def _row(check: Check, kind: str, method: str, place: int | None) -> dict[str, Any]:
    grade = check.grade(kind, method) if place is None else check.grade_of(place, kind, method)
    return {
        "prediction": OVER_ALL if place is None else place + 1,
        "kind": kind,
        "removed": KINDS[kind],
        "method": method,
        "estimate": ESTIMATES[method],
        **_figures(grade),
    }


def _figures(grade: Agreement) -> dict[str, Any]:
    return {
        "removals": grade.removals,
        "no_finite_fit": grade.no_finite_fit,
        "no_estimate": grade.no_estimate,
        "unresolved": grade.unresolved,
        "pearson_r": _known(grade.pearson_r),
        "slope": _known(grade.slope),
        "median_error_percent": _known(PERCENT * grade.median_relative_error),
        "largest_error_percent": _known(PERCENT * grade.largest_relative_error),
        "largest_error_pp": _known(grade.largest_error),
        "sign_agreement_percent": _known(PERCENT * grade.sign_agreement),
    }


def _known(value: float) -> float | None:
    return value if isfinite(value) else None
