"""Ages over 89 are 90 and over wherever a reader can look."""

import re

import numpy as np
from dashboard.steps import every_step

from clinflu.dashboard.app import build
from clinflu.dashboard.screen import EDIT, REMOVE, Ask


def seen_by_a_reader(panel, read):
    """Return all that a reader, or a screen reader, meets, charts too; the Python is for the analyst."""
    tree = read(panel)
    code = {id(one) for fold in tree.all("details", "clinflu-python") for one in fold}
    kept = [one for one in tree if id(one) not in code]
    texts = [child for one in kept for child in one.children if isinstance(child, str)]
    shown = ("aria-label", "placeholder", "title", "alt", "label", "figure", "description")
    return "\n".join([*texts, *(str(one.get(name)) for one in kept for name in shown if one.get(name))])


def test_numeric_ages_over_89_are_90_and_over_everywhere(old_audit, state_of, read):
    state = state_of(old_audit, "analyst")
    panels = build(state).panels
    ages, shown = old_audit.cohort.frame["age_years"], ""
    for chosen in [one for one in old_audit.mistakes().index if ages[one] == 93][:3]:
        every_step(state, str(chosen))
        state.prepare(action=EDIT, variable="age_years")
        state.search(state.names.encounter(chosen))
        for panel in panels:
            said = seen_by_a_reader(panel, read)
            assert not re.search(r"93(\.0)? years", said), type(panel)
            shown += f"{type(panel).__name__} {said}"
        assert "90+ years" in seen_by_a_reader(panels[0], read)
        assert "90+ years" in str(read(panels[1]).figures["attribution"])
        assert ["Age", "90+ years"] in [row[:2] for row in read(panels[1]).tables["The same numbers"]]
    assert "90+ years" in read(panels[2]).text


def test_age_bands_over_89_are_90_and_over_everywhere(banded_audit, state_of, read):
    state = state_of(banded_audit, "analyst")
    panels = build(state).panels
    ages = banded_audit.cohort.frame["age_group"]
    chosen = next(str(one) for one in banded_audit.mistakes().index if ages[one] == "[90-100)")
    every_step(state, chosen)
    state.group_by("age_group")
    state.prepare(action=EDIT, variable="age_group", value="90+", group=("age_group", "90+"))
    state.ask(Ask(REMOVE, group=("age_group", "90+")))
    removed = banded_audit.study.train_frame["age_group"] == "[90-100)"
    np.testing.assert_array_equal(state.answer("change").refit.change.rows, np.flatnonzero(removed))
    state.search(state.names.encounter(chosen))
    state.look_at("data")
    for panel in panels:
        assert "90-100" not in panel.widget.content, type(panel)
        assert "90+" in seen_by_a_reader(panel, read), type(panel)
    assert read(panels[3]).one("select", act="value").chosen.text == "90+"
    assert read(panels[3]).one("select", act="group").chosen.text.startswith("90+ (")
    assert "90+" in [row[0] for row in read(panels[2]).tables["Change of the risk without each group"]]
    assert "90+" in " ".join(read(panels[2]).figures["ledger"]["layout"]["yaxis"]["ticktext"])
    assert "Age 90+" in [row[0] for row in read(panels[3]).tables["Their group, and everyone"]]
    assert "Age: 90+" in [row[0] for row in read(panels[3]).tables["Every subgroup, the worst first"]]
    assert not state.error
