"""What a check of a source found."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from clinflu.analysis.source_check.drift import Drift
from clinflu.analysis.source_check.duplicates import Copies, Duplicates
from clinflu.analysis.source_check.leakage import Leakage
from clinflu.analysis.source_check.sides import Sides
from clinflu.analysis.source_check.summary import Summary
from clinflu.analysis.source_check.units import Suspicious
from clinflu.analysis.source_check.variables import Variable
from clinflu.data.cohort import Provenance
from clinflu.data.finding import Finding

FEWEST_OF_A_KIND = 100  # below which discrimination and calibration are hardly known


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something to look at before a model is fitted.

    Parameters
    ----------
    kind : str
        ``"size"``, ``"years"``, ``"leakage"``, ``"missingness"``, ``"patients"``, ``"value"``,
        ``"duplicates"`` or ``"drift"``.
    where : str
        The label of the variable, or what else it is about.
    says : str
        What was found.
    """

    kind: str
    where: str
    says: str


@dataclass(frozen=True, slots=True)
class SourceCheck:
    """What a source holds, and what looks wrong in it; no id and no value of a single patient is in it.

    Parameters
    ----------
    provenance : Provenance
    outcome_label : str
        The event in words, to be read after "was".
    summary : Summary
    variables : tuple of Variable
    left_out : tuple of Finding
        What the loader noticed and left out.
    suspicious : tuple of Suspicious
        Values that cannot be, or that look like another unit.
    duplicates : Duplicates
    leakage : Leakage
    sides : Sides
        What is on both sides of the split by patient.
    drift : Drift
    """

    provenance: Provenance
    outcome_label: str
    summary: Summary
    variables: tuple[Variable, ...]
    left_out: tuple[Finding, ...]
    suspicious: tuple[Suspicious, ...]
    duplicates: Duplicates
    leakage: Leakage
    sides: Sides
    drift: Drift

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """What to look at, the gravest first."""
        return (*self._sizes(), *self._leaks(), *self._patients(), *self._values(), *self._copies(), *self._drifts())

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, ready for JSON; every name of a number holds its unit."""
        simulated = " SIMULATED patients." if self.provenance.simulated else ""
        found: dict[str, Any] = _plain(asdict(self))
        found["provenance"]["flowchart"] = [
            {"step": step, "encounters": encounters} for step, encounters in self.provenance.flowchart()
        ]
        del found["provenance"]["exclusions"]
        return {
            "notice": f"INTERNAL working paper: not for distribution.{simulated}",
            "alarms": [asdict(alarm) for alarm in self.alarms],
            **found,
        }

    def _sizes(self) -> list[Alarm]:
        found = []
        fewest = min(self.summary.events, self.summary.encounters - self.summary.events)
        if fewest < FEWEST_OF_A_KIND:
            says = (
                f"fewer than {FEWEST_OF_A_KIND} encounters with, or without, the event: too few to fit a model and to "
                "judge it on other patients"
            )
            found.append(Alarm("size", "How many there are", says))
        if self.summary.last_year is not None and self.summary.last_year > datetime.now(UTC).year:
            says = "years lie in the future, so dates were shifted: years are not those of the calendar"
            found.append(Alarm("years", "Period", says))
        return found

    def _leaks(self) -> list[Alarm]:
        found = []
        for one in self.leakage.alone:
            told = [f"alone it tells the outcome with an AUROC of {one.auroc:.3f}"] if one.too_well else []
            told += [f"it settles the outcome: {', '.join(one.settling)}"] if one.settling else []
            if told:
                found.append(Alarm("leakage", one.label, "; ".join(told)))
            if one.missing_tells:
                says = f"whether it is missing tells the outcome with an AUROC of {one.missing_auroc:.3f}"
                found.append(Alarm("missingness", one.label, says))
        return found

    def _patients(self) -> list[Alarm]:
        found = [Alarm("patients", one.label, f"it looks like an identifier: {one.says}") for one in self.sides.ids]
        if self.sides.patients_on_both_sides:
            says = f"{self.sides.patients_on_both_sides:,} patients are on both sides"
            found.append(Alarm("patients", "Split by patient", says))
        return found

    def _values(self) -> list[Alarm]:
        return [
            Alarm("value", one.label, f"{one.says} ({_encounters(one.encounters)}{_mostly(one.where)})")
            for one in self.suspicious
        ]

    def _copies(self) -> list[Alarm]:
        parts = {
            "the same patient": self.duplicates.within_patients,
            "another patient": self.duplicates.across_patients,
        }
        return [
            Alarm("duplicates", f"Copies of an encounter of {whose}", _copied(copies))
            for whose, copies in parts.items()
            if copies.suspicious
        ]

    def _drifts(self) -> list[Alarm]:
        found = [
            Alarm("drift", f"Event rate {one.year}", f"{one.rate_percent:.1f} %, far from that of the other years")
            for one in self.drift.rates
            if one.flagged
        ]
        return found + [Alarm("drift", one.label, "; ".join(one.says)) for one in self.drift.moved if one.says]


def _encounters(count: int) -> str:
    return "1 encounter" if count == 1 else f"{count:,} encounters"


def _mostly(where: str | None) -> str:
    return f", nearly all with {where}" if where else ""


def _copied(copies: Copies) -> str:
    return (
        f"{_encounters(copies.rare_encounters)} equal another one in every variable and the outcome, and are too rare "
        f"for chance; one row is there {copies.largest} times"
    )


def _plain(value: Any) -> Any:
    """Return mappings and sequences of plain values with lists for tuples."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value
