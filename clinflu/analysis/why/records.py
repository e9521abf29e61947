"""What was found about a group as plain records, for tables and charts; nobody is named."""

from collections.abc import Iterator
from typing import Any

from clinflu.analysis.why.consequence import Consequence, Measured
from clinflu.analysis.why.training_groups import TrainingGroup
from clinflu.analysis.why.variables import Carried
from clinflu.analysis.why.why import Why
from clinflu.influence.result import PERCENT

Record = dict[str, Any]
HARMS, HELPS = "harms", "helps"
SIDES = {"group": "the group", "rest": "all others", "check": "the group, confirming"}


def training_group_records(why: Why) -> list[Record]:
    """Return a record a training group, harmful ones first: losses in nats, risks in percentage points."""
    harmful = [_group(one, HARMS) for one in why.groups.harmful]
    return [*harmful, *(_group(one, HELPS) for one in why.groups.helpful)]


def left_out_records(why: Why) -> list[Record]:
    """Return a record for each number of most harmful training patients left out together; changes in nats."""
    excess = why.excess.total
    return [
        {
            "patients": one.patients,
            "encounters": one.encounters,
            "estimate": one.estimate,
            "loss_change": one.loss_change,
            "share_of_excess": -one.loss_change / excess if excess > 0 else None,
            "rest_change": one.rest_change,
            "check_change": one.check_change,
        }
        for one in why.patients.left_out
    ]


def concentration_records(why: Why) -> list[Record]:
    """Return the share of the total absolute effect that the strongest training patients hold."""
    return [{"patients": one.patients, "share": one.share} for one in why.patients.top]


def variable_records(carried: Carried | None, shown: int | None = None) -> list[Record]:
    """Return a record a variable, the largest first, and what is left of the total as the last where some are cut."""
    if carried is None:
        return []
    parts = carried.parts[:shown]
    records = [{"variable": one.label, "value": one.value, "share": one.share} for one in parts]
    if len(parts) < len(carried.parts):
        rest = carried.total - sum(one.value for one in parts)
        share = rest / carried.total if carried.total else None
        records.append({"variable": "All other variables", "value": rest, "share": share})
    return records


def remedy_records(why: Why) -> list[Record]:
    """Return a record for each remedy and side, with every measure before and after and the interval of its change."""
    return [
        {
            "kind": one.kind,
            "remedy": one.label,
            "encounters": one.encounters,
            "side": name,
            **dict(_moved(one.consequence, side)),
        }
        for one in why.remedies
        for side, name in SIDES.items()
    ]


def support_record(why: Why) -> Record:
    """Return what training holds of the group; shares of 1."""
    support = why.support
    return {
        "encounters": support.own.encounters,
        "patients": support.own.patients,
        "events": support.own.events,
        "other_encounters": support.others.encounters,
        "other_patients": support.others.patients,
        "other_events": support.others.events,
        "share": support.share,
        "effective_patients": support.effective_patients,
        "own_influence": support.own_influence,
        "median_leverage": support.median_leverage,
        "median_leverage_rest": support.median_leverage_rest,
    }


def _group(one: TrainingGroup, direction: str) -> Record:
    loss, check = one.refit.group["log_loss"], one.refit.check["log_loss"]
    levels = one.refit.group["o_e"]
    return {
        "direction": direction,
        "group": one.name,
        "encounters": one.size.encounters,
        "patients": one.size.patients,
        "events": one.size.events,
        "estimate": one.estimate,
        "loss_change": loss.change,
        "loss_change_low": loss.low,
        "loss_change_high": loss.high,
        "risk_change_pp": PERCENT * one.refit.group["mean_risk"].change,
        "o_e_before": levels.before,
        "o_e_after": levels.after,
        "rest_change": one.refit.rest["log_loss"].change,
        "check_change": check.change,
        "check_change_low": check.low,
        "check_change_high": check.high,
    }


def _moved(consequence: Consequence, side: str) -> Iterator[tuple[str, float]]:
    measured: Measured = getattr(consequence, side)
    for name, moved in measured.items():
        yield f"{name}_before", moved.before
        yield f"{name}_after", moved.after
        yield f"{name}_change", moved.change
        yield f"{name}_change_low", moved.low
        yield f"{name}_change_high", moved.high
