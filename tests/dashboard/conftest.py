"""Audits, one whose every text is an attack; a session of one's own; and the page as a reader meets it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

from clinflu import Audit
from clinflu.dashboard.app import build
from clinflu.dashboard.state import State
from clinflu.data import CohortSchema, FeatureSpec, build_cohort
from clinflu.verdicts import AccessLog, VerdictStore

HOSTILE = "<img src=x onerror=alert(1)>\"'><script>alert(1)</script>=1+1$$x$$"
BANDS = tuple(f"[{low}-{low + 10})" for low in range(0, 100, 10))
CODE = ("_esm", "_css", "comm", "keys")
HOME_VARIABLES = ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")


@dataclass(frozen=True)
class Element:
    """An element of the tree that the page was sent."""

    tag: str
    attributes: dict
    children: tuple

    @classmethod
    def of(cls, plain):
        tag, attributes, children = plain
        return cls(tag, attributes, tuple(one if isinstance(one, str) else cls.of(one) for one in children))

    def __iter__(self) -> Iterator["Element"]:
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child

    @property
    def text(self):
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    def get(self, name):
        return self.attributes.get(name)

    def all(self, tag=None, class_=None, **data):
        """Return the elements in it of a tag and a class, and with these ``data-`` attributes."""
        return [
            one
            for one in self
            if (tag is None or one.tag == tag)
            and (class_ is None or class_ in str(one.get("class")).split())
            and all(one.get(f"data-{name}") == value for name, value in data.items())
        ]

    def one(self, tag=None, class_=None, **data):
        (found,) = self.all(tag, class_, **data)
        return found

    @property
    def tables(self):
        """Every table by its caption: the rows of its body, each the texts of its cells."""
        return {
            table.one("caption").text: [
                [cell.text for cell in row.children] for body in table.all("tbody") for row in body.all("tr")
            ]
            for table in self.all("table")
        }

    @property
    def figures(self):
        """Every figure by its key, as plotly draws it."""
        return {one.get("data-key"): json.loads(one.get("figure")) for one in self.all("figure")}

    @property
    def chosen(self):
        """The option that is selected in this box."""
        (found,) = [one for one in self.all("option") if one.get("selected")]
        return found


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """A home that is nobody's."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def _no_home_of_the_user(home, monkeypatch):
    for name in HOME_VARIABLES:
        place = home / name.lower()
        place.mkdir(exist_ok=True, mode=0o700)
        monkeypatch.setenv(name, str(place))


@pytest.fixture(scope="session")
def audit(small_cohort):
    schema = replace(small_cohort.schema, subgroups=("ward", "ward_team"))
    return Audit.fit(replace(small_cohort, schema=schema))


@pytest.fixture(scope="session")
def fresh(audit):
    """The same study without anything that was computed of it before."""
    return Audit(audit.study)


@pytest.fixture(scope="session")
def hostile():
    """What must never reach the page as HTML."""
    return HOSTILE


@pytest.fixture(scope="session")
def hostile_audit(small_cohort):
    """An audit whose every header, label, unit, level, source and id is an attack."""
    old = small_cohort.schema
    frame = small_cohort.frame.reset_index()
    names = {name: f"{HOSTILE}{name}" for name in frame.columns}
    features = []
    for spec in old.features:
        unit, levels = HOSTILE, spec.levels
        if spec.is_category:
            unit, levels = None, tuple(f"{HOSTILE}{level}" for level in spec.levels)
            frame[spec.name] = HOSTILE + frame[spec.name]
        features.append(replace(spec, name=names[spec.name], label=f"{HOSTILE}{spec.label}", unit=unit, levels=levels))
    for name in (old.encounter_id, old.patient_id):
        frame[name] = HOSTILE + frame[name]
    schema = CohortSchema(
        encounter_id=names[old.encounter_id],
        patient_id=names[old.patient_id],
        outcome=names[old.outcome],
        features=tuple(features),
        outcome_label=HOSTILE,
        subgroups=(names["ward"], names["ward_team"]),
    )
    provenance = replace(small_cohort.provenance, source=HOSTILE)
    return Audit.fit(build_cohort(frame.rename(columns=names), schema, provenance))


@pytest.fixture(scope="session")
def old_audit(small_cohort):
    """An audit of children and of patients of 93 years, in which some have no recorded age."""
    places = np.arange(len(small_cohort.frame))
    ages = small_cohort.frame["age_years"].clip(upper=80).round().mask(places % 5 == 0, 93.0).mask(places % 7 == 0)
    ages = ages.mask(places % 11 == 0, 9.0)
    return Audit.fit(replace(small_cohort, frame=small_cohort.frame.assign(age_years=ages)))


@pytest.fixture(scope="session")
def banded_audit(small_cohort):
    """An audit whose ages are bands of ten years, the last of which begins at 90."""
    old, rng = small_cohort.schema, np.random.default_rng(5)
    ages = pd.Series(rng.choice(BANDS, len(small_cohort.frame)), small_cohort.frame.index, dtype="str")
    frame = small_cohort.frame.drop(columns="age_years").assign(age_group=ages)
    band = FeatureSpec("age_group", "Age", levels=BANDS)
    schema = replace(old, features=(band, *old.features[1:]), subgroups=("ward", "age_group"))
    return Audit.fit(replace(small_cohort, frame=frame, schema=schema))


@pytest.fixture
def store(tmp_path):
    return VerdictStore(tmp_path / "verdicts" / "verdicts.sqlite")


@pytest.fixture
def access_log(tmp_path):
    """Where it is written down who saw an identifier."""
    return tmp_path / "access" / "access.log"


@pytest.fixture
def state_of(store, access_log):
    """A session on any audit, whose verdicts and log stay in the folder of the test."""

    def make(audit, role="clinician"):
        return State(audit, store, AccessLog(access_log), role)

    return make


@pytest.fixture
def state(state_of, audit):
    return state_of(audit)


@pytest.fixture
def dashboard(state):
    """The dashboard as a user finds it: nothing is chosen."""
    return build(state)


@pytest.fixture
def panels(dashboard):
    """The panels by the name of their class."""
    return {type(panel).__name__: panel for panel in dashboard.panels}


class Later:
    """Jobs that wait until the test runs them, as a loop would."""

    def __init__(self):
        self.waiting = {}

    def start(self, name, compute, ended, told):
        told(0, 0)
        self.waiting[name] = compute, ended

    def stop(self, name):
        self.waiting.pop(name, None)

    def run(self, name):
        compute, ended = self.waiting.pop(name)
        ended(compute(lambda *_: None), None)


@pytest.fixture
def later(monkeypatch, state_of, audit):
    """A session whose work waits, and its panels."""
    monkeypatch.setattr("clinflu.dashboard.answers.Jobs", Later)
    state = state_of(audit)
    return state, {type(panel).__name__: panel for panel in build(state).panels}


@pytest.fixture
def send():
    """What the browser does: a message to a block."""

    def fire(owner, act, key="", value=""):
        owner.widget._handle_custom_msg({"act": act, "key": key, "value": value}, [])

    return fire


@pytest.fixture
def read():
    """What the reader finds in a block."""
    return lambda owner: Element.of(owner.widget.tree)


@pytest.fixture
def widgets_of():
    """A widget and all that it holds."""

    def walk(widget):
        return [widget, *(one for child in getattr(widget, "children", ()) for one in walk(child))]

    return walk


@pytest.fixture
def sent(widgets_of):
    """Every text that the browser is sent of a widget and of what it holds, without the code that it runs."""

    def texts(value):
        if isinstance(value, dict):
            return [*value, *(text for one in value.values() for text in texts(one))]
        if isinstance(value, list | tuple):
            return [text for one in value for text in texts(one)]
        if isinstance(value, str) and value[:1] in ("{", "["):
            return texts(json.loads(value))
        return [value] if isinstance(value, str) else []

    def walk(widget):
        states = [one.get_state() for one in widgets_of(widget)]
        return texts([{name: one for name, one in state.items() if name not in CODE} for state in states])

    return walk


@pytest.fixture
def page(sent):
    """All that the browser is sent of a widget, as one text."""
    return lambda widget: "\n".join(sent(widget))


@pytest.fixture
def worst(audit, state):
    """The id of the worst mistake, chosen."""
    encounter_id = str(audit.mistakes().index[0])
    state.choose(encounter_id)
    return encounter_id


@pytest.fixture
def opened(worst, state):
    """The id of the worst mistake, chosen, with its past patients and the what-if open."""
    state.open_past_patients()
    state.open_what_if()
    return worst


@pytest.fixture(autouse=True)
def without_any_loop(without_the_loop_of_a_browser):
    """No event loop runs on this thread."""
