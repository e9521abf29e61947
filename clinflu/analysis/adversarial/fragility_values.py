"""What a working paper shows of how fragile a prediction is: plain values, no id of the source."""

from typing import Any

from clinflu.analysis.adversarial.fragility import Fragility
from clinflu.data.pseudonym import Pseudonyms


def fragility_values(found: Fragility, names: Pseudonyms) -> dict[str, Any]:
    """Return everything that is shown of it.

    Parameters
    ----------
    found : Fragility
    names : Pseudonyms
        What encounters are called.
    """
    rows = found.to_frame().reset_index().to_dict("records")
    return {
        "words": found.words,
        "records": found.records,
        "edits": found.edits,
        "refits": found.refits,
        "alterations": [
            {
                "kind": row["kind"],
                "encounter": names.encounter(row["encounter_id"]),
                "altered": row["altered"],
                "risk_change_estimate_pp": row["change_estimate_pp"],
                "risk_change_refit_pp": row["change_pp"],
                "flips": bool(row["flips"]),
            }
            for row in rows
        ],
    }
