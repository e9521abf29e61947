"""What a person sees of a recorded value."""

import pytest

from clinflu.data import FeatureSpec
from clinflu.data.shown import recorded_text, shown


@pytest.mark.parametrize(
    ("recorded", "unit", "told"),
    [
        (1, "visits", "1 visit"),
        (1.0, "days", "1 day"),
        (1, "diagnoses", "1 diagnosis"),
        (0, "visits", "0 visits"),
        (1.5, "days", "1.5 days"),
        (11, "years", "11 years"),
        (1, "mmol/L", "1 mmol/L"),
        (1, "s", "1 s"),
        (1, "celsius", "1 celsius"),
        (1, None, "1"),
    ],
)
def test_one_of_what_is_counted_is_one(recorded, unit, told):
    assert recorded_text(recorded, unit) == told


def test_a_person_sees_one_stay():
    assert shown(FeatureSpec("stays", "Inpatient stays, year before", unit="stays"), 1.0) == "1 stay"
