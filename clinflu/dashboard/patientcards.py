"""Past patients as cards: what was recorded of them, what happened, and the risk without them."""

from typing import Any

import anywidget
import pandas as pd
import traitlets

from clinflu.analysis.carriers import Carrier
from clinflu.analysis.trace import Trace
from clinflu.dashboard.frontend import module
from clinflu.dashboard.wording import outcome, points, step
from clinflu.data.pseudonym import Pseudonyms
from clinflu.figures.style import recorded_text

SHOWN = 5


class PatientCards(anywidget.AnyWidget):  # type: ignore[misc]
    """One column of cards, each with a box to tick.

    Parameters
    ----------
    title, tone : str
        Head of the column, and ``"toward"`` or ``"against"``.

    Attributes
    ----------
    selected : list of str
        Pseudonyms of the ticked ones; the browser sets it.
    """

    _esm = module("patientcards")
    view = traitlets.Dict().tag(sync=True)
    selected = traitlets.List().tag(sync=True)

    def __init__(self, title: str, tone: str) -> None:
        head = {"title": title, "tone": tone, "shown": SHOWN, "empty": "No past patient did."}
        self._ids: dict[str, str] = {}
        super().__init__(view={**head, "lead": "", "cards": []})

    def fill(self, cards: dict[str, dict[str, Any]], lead: str) -> None:
        """Show other patients, none of them ticked.

        Parameters
        ----------
        cards : dict
            By encounter id, which stays here.
        lead : str
            Which way they moved the risk.
        """
        self._ids = {card["name"]: encounter_id for encounter_id, card in cards.items()}
        self.selected = []
        self.view = {**self.view, "lead": lead, "cards": list(cards.values())}

    @property
    def ticked(self) -> tuple[str, ...]:
        """Encounter ids of the ticked ones."""
        return tuple(self._ids[name] for name in self.selected if name in self._ids)


def cards(trace: Trace, patients: pd.DataFrame, names: Pseudonyms) -> dict[str, dict[str, Any]]:
    """Return what the cards of past patients say, by encounter id: plain text under pseudonyms.

    Parameters
    ----------
    trace : Trace
    patients : DataFrame
        ``trace.pushed_toward_error`` or ``trace.pushed_against``.
    names : Pseudonyms
    """
    here = trace.attribution.set_index("variable")
    return {
        str(encounter_id): {
            "name": names.encounter(str(encounter_id)),
            "outcome": outcome(row["outcome"], trace.outcome_label),
            "values": [_value(carrier, here) for carrier in row["carried_by"]],
            "effect_lead": f"Without this {'encounter' if row['patient_encounters'] > 1 else 'patient'} the risk goes ",
            "effect": step(trace.risk, row["risk_change_refit_pp"]),
            "proof": f"({points(row['risk_change_refit_pp'], 2)} percentage points, refitted).",
            "note": f"Estimated without a refit: {points(row['risk_change_estimate_pp'], 2)}. {_note(row)}",
        }
        for encounter_id, row in patients.iterrows()
    }


def _value(carrier: Carrier, here: pd.DataFrame) -> dict[str, Any]:
    unit = here.at[carrier.variable, "unit"]
    theirs = recorded_text(carrier.recorded, unit)
    ours = recorded_text(here.at[carrier.variable, "recorded"], unit)
    return {"label": carrier.label, "recorded": theirs, "here": ours, "same": theirs == ours}


def _note(row: pd.Series) -> str:
    notes = []
    if row["same_patient"]:
        notes.append("Another encounter of this same patient.")
    if row["patient_encounters"] > 1:
        notes.append(f"One of {row['patient_encounters']} encounters of that patient.")
    return " ".join(notes)
