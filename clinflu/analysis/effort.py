"""How much an experiment computes: less where it is only to be seen to work, all of it where its figures are quoted."""

import os
from typing import TypeVar

VARIABLE = "CLINFLU_NOTEBOOKS"
FULL = "full"

Plan = TypeVar("Plan")


def effort(reduced: Plan, full: Plan) -> Plan:
    """Return the full plan where the variable CLINFLU_NOTEBOOKS says ``full``, as ``make notebooks`` does.

    Parameters
    ----------
    reduced : plan of an experiment
        Of a minute or less on two cores.
    full : plan of an experiment
        What the quoted figures need.
    """
    return full if os.environ.get(VARIABLE) == FULL else reduced
