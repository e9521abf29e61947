"""An audit, and one whose every label, level and unit is an attack."""

from dataclasses import replace

import pytest

from clinflu import Audit
from clinflu.dashboard.app import build

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="session")
def audit(small_cohort):
    return Audit.fit(small_cohort)


@pytest.fixture(scope="session")
def hostile():
    """What must never reach the page as HTML."""
    return HOSTILE


@pytest.fixture(scope="session")
def hostile_audit(small_cohort):
    schema = small_cohort.schema
    levels = {"medical": f"{HOSTILE} medical", "surgical": '"><script>alert(1)</script>'}
    features = tuple(
        replace(
            spec,
            label=f"{HOSTILE} {spec.label}",
            unit=spec.unit and HOSTILE,
            levels=spec.levels and tuple(levels.get(level, level) for level in spec.levels),
        )
        for spec in schema.features
    )
    frame = small_cohort.frame.assign(
        ward=small_cohort.frame["ward"].replace(levels),
        ward_team=small_cohort.frame["ward_team"].replace({"red": HOSTILE}),
    )
    return Audit.fit(
        replace(
            small_cohort,
            frame=frame,
            schema=replace(schema, features=features, outcome_label=HOSTILE),
            provenance=replace(small_cohort.provenance, source=HOSTILE),
        )
    )


@pytest.fixture
def dashboard(audit):
    """The dashboard as a user finds it: nothing is chosen."""
    return build(audit)


@pytest.fixture
def panels(dashboard):
    """The panels by the name of their class."""
    return {type(panel).__name__: panel for panel in dashboard.panels}


@pytest.fixture
def send():
    """What the browser does: a message to a widget."""

    def fire(widget, kind, value, **others):
        widget._handle_custom_msg({"type": kind, "value": value, **others}, [])

    return fire


@pytest.fixture
def worst(audit, dashboard):
    """The id of the worst mistake, chosen."""
    encounter_id = audit.mistakes().index[0]
    dashboard.state.choose(encounter_id)
    assert not dashboard.state.error
    return encounter_id
