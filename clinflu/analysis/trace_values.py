"""A trace as plain values under pseudonyms, ready for JSON; every name of a number holds its unit."""

from typing import Any

import pandas as pd

from clinflu.analysis.carriers import Carrier
from clinflu.analysis.sentence import chance, headline
from clinflu.analysis.trace import Trace
from clinflu.data.pseudonym import Pseudonyms
from clinflu.data.shown import shown_value
from clinflu.influence.result import PERCENT


def trace_values(trace: Trace, names: Pseudonyms) -> dict[str, Any]:
    """Return everything that a trace shows, without any id of the source; an age over 89 is ``"90+"``.

    Parameters
    ----------
    trace : Trace
    names : Pseudonyms
        What encounters are called.
    """
    return {
        "notice": notice(trace),
        "sentence": headline(trace),
        "chance": chance(trace),
        "support": trace.support.words,
        "encounter": names.encounter(trace.encounter_id),
        "role": trace.role,
        "kind": trace.kind,
        "verdict": trace.verdict,
        "risk": trace.risk,
        "risk_percent": PERCENT * trace.risk,
        "threshold": trace.threshold,
        "threshold_percent": PERCENT * trace.threshold,
        "interval": {
            "low": trace.interval.low,
            "high": trace.interval.high,
            "level": trace.interval.level,
            "method": trace.interval.method,
        },
        "outcome": trace.outcome,
        "outcome_label": trace.outcome_label,
        "similar": {
            "encounters": trace.similar_encounters,
            "event_rate_percent": PERCENT * trace.similar_event_rate,
        },
        "baseline_risk_percent": PERCENT * trace.baseline_risk,
        "attribution": [_contribution(row) for row in trace.attribution.to_dict("records")],
        "pushed_toward_error": _patients(trace.pushed_toward_error, names, trace.encounter_id),
        "pushed_against": _patients(trace.pushed_against, names, trace.encounter_id),
        "ten_strongest_together": {
            "encounters": trace.together.encounters,
            "risk_change_refit_pp": _plain(trace.together.risk_change_refit_pp),
            "few_patients_explain": trace.few_patients_explain,
        },
        "subgroups": [_subgroup(row) for row in trace.subgroups.to_dict("records")],
        "concentration": {"patients": trace.concentration},
        "low_support": trace.support.low,
        "grades": {"single": trace.grades.single, "subgroup": trace.grades.subgroup},
        "provenance": provenance_values(trace),
    }


def notice(trace: Trace) -> str:
    """Return what must stand at the top of every view of a trace."""
    simulated = " SIMULATED patients." if trace.provenance.simulated else ""
    return f"INTERNAL working paper: not for distribution.{simulated}"


def provenance_values(trace: Trace) -> dict[str, Any]:
    """Return where the cohort comes from."""
    provenance = trace.provenance
    return {
        "source": provenance.source,
        "sha256": provenance.sha256,
        "loader": provenance.loader,
        "simulated": provenance.simulated,
        "flowchart": [{"step": step, "encounters": count} for step, count in provenance.flowchart()],
        "definition": list(provenance.definition),
        "notes": [*provenance.notes, *trace.notes],
    }


def _contribution(row: dict[str, Any]) -> dict[str, Any]:
    names = ("variable", "label", "recorded", "unit", "log_odds", "risk_pp")
    value = shown_value(row["recorded"], row["variable"], row["label"], row["unit"])
    return {name: _plain(row[name]) for name in names} | {"recorded": _plain(value)}


def _subgroup(row: dict[str, Any]) -> dict[str, Any]:
    level = shown_value(row["level"], row["variable"], row["label"])
    return {name: _plain(value) for name, value in row.items()} | {"level": level}


def _carrier(carrier: Carrier) -> dict[str, Any]:
    return {
        "variable": carrier.variable,
        "label": carrier.label,
        "recorded": _plain(shown_value(carrier.recorded, carrier.variable, carrier.label, carrier.unit)),
        "unit": carrier.unit,
        "log_odds": carrier.log_odds,
        "share_percent": PERCENT * carrier.share,
    }


def _patients(frame: pd.DataFrame, names: Pseudonyms, audited_id: str) -> list[dict[str, Any]]:
    return [
        {
            "encounter": names.encounter(str(encounter_id)),
            "outcome": int(row["outcome"]),
            "risk_change_estimate_pp": _plain(row["risk_change_estimate_pp"]),
            "risk_change_refit_pp": _plain(row["risk_change_refit_pp"]),
            "loss_change_estimate_nats": _plain(row["loss_change_estimate"]),
            "loss_change_refit_nats": _plain(row["loss_change_refit"]),
            "leverage": float(row["leverage"]),
            "same_encounter": str(encounter_id) == audited_id,
            "same_patient": bool(row["same_patient"]),
            "patient_encounters": int(row["patient_encounters"]),
            "carried_by": [_carrier(one) for one in row["carried_by"]],
        }
        for encounter_id, row in frame.iterrows()
    ]


def _plain(value: Any) -> Any:
    """Return a value as JSON takes it; missing is None."""
    if pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value
