"""What if: removals, edits, the fewest, and who is better and worse off, as the audit refits them."""

import re

import pytest
from dashboard.steps import every_step, past

from clinflu import Edit, Remove
from clinflu.dashboard.app import ANSWERS, build
from clinflu.dashboard.levels import natural_order
from clinflu.dashboard.questions import QUESTIONS, SEARCHING
from clinflu.dashboard.screen import EDIT, RELABEL, REMOVE, Ask
from clinflu.dashboard.statusline import StatusLine
from clinflu.dashboard.wording import alert, decimal, percent, points, step
from clinflu.data import FeatureSpec


def test_a_group_is_removed_and_its_consequences_counted(fresh, dashboard, panels, send, read, opened):
    state, panel = dashboard.state, panels["WhatIf"]
    choices = read(panel).one("select", act="group")
    assert [one.get("label") for one in choices.all("optgroup")] == ["Ward", "Team"]
    assert choices.chosen.get("value") == ""
    (surgical,) = [one for one in choices.all("option") if one.text.startswith("surgical")]
    train = fresh.cohort.frame.iloc[fresh.train_rows]
    assert surgical.text == f"surgical ({(train['ward'] == 'surgical').sum()} in training)"
    send(panel, "group", value=surgical.get("value"))
    assert read(panel).one("select", act="group").chosen.text == surgical.text
    send(panel, "ask-group")
    refit = fresh.what_if(Remove(query="ward == 'surgical'"))
    tree = read(panel)
    before, after = refit.risk_before(opened), refit.risk_after(opened)
    assert tree.one("span", "clinflu-risk").text == step(before, 100 * (after - before))
    assert f"Refitted without the {(train['ward'] == 'surgical').sum()} past encounters of Ward surgical." in tree.text
    interval = refit.risk_change_interval_pp(opened)
    assert f"95 % interval of the change {points(interval.low)} to {points(interval.high)}." in tree.text
    assert alert(before, after, fresh.threshold) in tree.text
    assert not state.error


def test_who_is_predicted_worse_stands_beside_who_is_better(fresh, state, panels, read, opened):
    state.ask(Ask(REMOVE, group=("ward", "surgical")))
    frame = fresh.what_if(Remove(query="ward == 'surgical'")).to_frame()
    ward = fresh.cohort.frame["ward"]
    audited = {"Everyone": frame, f"Ward {ward[opened]}": frame[(ward[frame.index] == ward[opened]).to_numpy()]}
    rows = {row[0]: row[1:] for row in read(panels["WhatIf"]).tables["Their group, and everyone"]}
    assert set(rows) == set(audited)
    outcome = fresh.cohort.outcome
    for name, part in audited.items():
        count, happened, mean, alerts, worse, better = rows[name]
        assert count == str(len(part))
        assert happened == percent(outcome[part.index].mean())
        assert mean == f"{percent(part['risk_before'].mean())} → {percent(part['risk_after'].mean())}"
        over = [(part[column] >= fresh.threshold).sum() for column in ("risk_before", "risk_after")]
        assert alerts == f"{over[0]} → {over[1]}"
        assert (worse, better) == (str((part["loss_change"] > 1e-4).sum()), str((part["loss_change"] < -1e-4).sum()))
        assert int(worse) + int(better) > 0.9 * len(part)


def test_every_subgroup_is_listed_worst_first(fresh, state, panels, read, opened):
    state.ask(Ask(REMOVE, encounters=(past(state),)))
    refit = fresh.what_if(Remove([past(state)]))
    wanted = refit.subgroup_metrics().sort_values("log_loss_change", ascending=False, na_position="last")
    rows = read(panels["WhatIf"]).tables["Every subgroup, the worst first"]
    levels = wanted["level"].replace("missing", "not recorded")
    assert [row[0] for row in rows] == (wanted["label"] + ": " + levels).tolist()
    assert {row[0].split(":")[0] for row in rows} == {"Ward", "Team"}
    for row, told in zip(rows, wanted.itertuples(), strict=True):
        assert row[1] == str(told.n)
        assert row[4] == f"{told.log_loss_before:.5f} → {told.log_loss_after:.5f}"
    metrics = {row[0]: row[1:] for row in read(panels["WhatIf"]).tables["On all audited encounters"]}
    everyone = refit.metrics()
    assert metrics["AUROC"][:2] == [f"{everyone.at['auroc', when]:.4f}" for when in ("before", "after")]
    assert metrics["Mean risk"][0] == f"{100 * everyone.at['mean_risk', 'before']:.2f} %"
    assert state.screen.encounter_id == opened


def test_numbers_of_a_refit_have_one_minus_sign_and_the_digits_and_units_of_each_other(state, panels, read, opened):
    state.ask(Ask(REMOVE, group=("ward", "surgical")))
    tree, refit = read(panels["WhatIf"]), state.answer("change").refit
    before, after = re.findall(r"([0-9.]+) %", tree.one("span", "clinflu-risk").text)
    change = re.search(r"([+−][0-9.]+) percentage points, refitted; .* ([+−][0-9.]+) to ([+−][0-9.]+)\.", tree.text)
    assert {len(one.partition(".")[2]) for one in (before, after, *change.groups())} == {1}
    assert change[1] == points(refit.risk_change_pp(opened))
    rows = tree.tables["On all audited encounters"]
    assert min(float(one.strip(" %").replace("−", "-")) for row in rows for one in row[1:3]) < 0
    for name, *numbers in rows:
        said = [re.fullmatch(r"[+−]?[0-9]+\.([0-9]+)( %| points|)", one).groups() for one in numbers]
        percents = name in ("Mean risk", "Event rate")
        assert [unit.strip() for _, unit in said] == (["%", "%", "points"] if percents else [""] * 3), name
        assert {len(digits) for digits, _ in said} == {2 if percents else 4}


@pytest.mark.parametrize("action", [REMOVE, RELABEL])
def test_the_fewest_that_change_the_decision_bear_pseudonyms(fresh, dashboard, panels, send, read, action):
    opened = str(fresh.mistakes().index[0])
    every_step(dashboard.state, opened)
    dashboard.state.set_threshold(fresh.prediction(opened).risk * 1.3)
    send(panels["WhatIf"], "ask-fewest", action)
    found = fresh.flip_set(opened, threshold=dashboard.state.screen.threshold, relabel=action == RELABEL)
    said = read(panels["WhatIf"]).one("div", "clinflu-found").text
    assert found.verified
    assert found.words in said
    assert "another, smaller set may exist" in said
    for encounter_id in found.encounters[:20]:
        assert fresh.pseudonyms.encounter(encounter_id) in said
        assert not re.search(rf"\b{encounter_id}\b", said)
    assert read(panels["WhatIf"]).one("span", "clinflu-risk").text == step(
        found.risk_before, 100 * (found.risk_after - found.risk_before)
    )
    assert "the model would now alert" in read(panels["WhatIf"]).text


def test_one_value_is_recorded_otherwise(fresh, dashboard, panels, send, read, opened):
    panel, one = panels["WhatIf"], past(dashboard.state)
    send(panels["PastPatients"], "tick", fresh.pseudonyms.encounter(one), value=True)
    send(panel, "action", value=EDIT)
    assert read(panel).one("select", act="action").chosen.get("value") == EDIT
    assert [box.text for box in read(panel).one("select", act="variable").all("option")[1:]] == [
        spec.label for spec in fresh.cohort.schema.features
    ]
    send(panel, "variable", value="age_years")
    assert "years" in read(panel).one("input", act="value").get("placeholder")
    send(panel, "value", value="101,5")
    send(panel, "ask-ticked")
    refit = fresh.what_if(Edit(one, {"age_years": 101.5}))
    assert read(panel).one("span", "clinflu-risk").text == step(refit.risk_before(opened), refit.risk_change_pp(opened))
    assert "Refitted with another Age for the past encounter that you ticked." in read(panel).text
    send(panel, "variable", value="ward")
    choices = read(panel).one("select", act="value")
    assert [box.text for box in choices.all("option")] == ["medical", "surgical", "intensive", "not recorded"]
    assert choices.chosen.get("value") == ""
    send(panel, "value", value="intensive")
    send(panel, "ask-ticked")
    refit = fresh.what_if(Edit(one, {"ward": "intensive"}))
    assert dashboard.state.answer("change").refit == refit
    send(panels["PastPatients"], "tick", fresh.pseudonyms.encounter(past(dashboard.state, 1)), value=True)
    send(panel, "ask-ticked")
    assert "exactly one" in dashboard.state.error


def test_ages_are_offered_from_the_youngest_and_not_recorded_last(banded_audit, state_of, read):
    state = state_of(banded_audit)
    panel = build(state).panels[3]
    state.choose(str(banded_audit.mistakes().index[0]))
    state.open_what_if()
    state.prepare(action=EDIT, variable="age_group")
    offered = [one.text for one in read(panel).one("select", act="value").all("option")]
    assert offered == [*(f"[{low}-{low + 10})" for low in range(0, 90, 10)), "90+", "not recorded"]


@pytest.mark.parametrize(
    ("spec", "levels"),
    [
        (FeatureSpec("age", "Age", levels=("70-79", "<10", "10-19")), ["<10", "10-19", "70-79", "unknown"]),
        (FeatureSpec("a1c", "HbA1c", levels=("None", "Norm", ">7", ">8")), ["None", "Norm", ">7", ">8"]),
        (FeatureSpec("unit", "Unit", levels=()), ["10", "Ward 2", "ward 10", "Ward 10b", "zone"]),
    ],
)
def test_levels_stand_in_the_order_in_which_one_looks_for_them(spec, levels):
    assert natural_order(spec, levels[::-1]) == levels


def test_how_much_one_altered_record_could_change_is_shown_without_ids(fresh, dashboard, panels, send, read, opened):
    panel, state = panels["WhatIf"], dashboard.state
    every_step(state, opened)
    send(panel, "ask-altered")
    found = fresh.fragility(opened, threshold=state.screen.threshold)
    said = read(panel).text
    assert found.words in said
    for encounter_id, row in found.to_frame().iterrows():
        assert fresh.pseudonyms.encounter(encounter_id) in said
        assert row["altered"].replace(" -> ", " → ") in said
        assert f"{row['change_pp']:+.2f}".replace("-", "−") in said
        assert not re.search(rf"\b{encounter_id}\b", said)
    assert f"audit.fragility(encounter, threshold={state.screen.threshold!r})" in panel.calls(opened)
    state.choose(str(fresh.mistakes().index[3]))
    state.open_what_if()
    assert found.words not in read(panel).text


@pytest.mark.parametrize(
    ("name", "ask", "words"),
    [
        ("change", ("ask-fewest", REMOVE), (SEARCHING, "The answer is there")),
        ("altered", ("ask-altered",), (QUESTIONS["altered"].doing, "The search is done")),
    ],
)
def test_the_reader_is_led_to_an_answer_whenever_it_is_asked(later, send, read, name, ask, words):
    (state, panels), (doing, there) = later, words
    state.choose(str(state.audit.mistakes().index[0]))
    state.open_past_patients()
    state.open_what_if()  # the refits of the past patients are still under way
    panel, line = panels["WhatIf"].widget, StatusLine(state, "page")
    arrivals = panel.arrivals
    send(panels["WhatIf"], *ask)
    assert (panel.arrivals, read(line).one("div", "clinflu-status").text) == (arrivals, f"{doing} …")
    state._answers._jobs.run(name)
    assert (panel.arrivals, panel.part) == (arrivals + 1, ANSWERS[name])
    assert read(panels["WhatIf"]).all("div", ANSWERS[name].removeprefix("."))
    assert state.status.startswith(there)
    state.say("Undone.")
    send(panels["WhatIf"], *ask)
    assert (panel.arrivals, panel.part) == (arrivals + 2, ANSWERS[name])
    assert state.status.startswith(there)


def test_an_answer_that_was_not_just_asked_leads_nobody_away(later, send):
    state, panels = later
    state.choose(str(state.audit.mistakes().index[0]))
    state.open_past_patients()
    state.open_what_if()
    send(panels["WhatIf"], "ask-altered")
    state._answers._jobs.run("altered")
    arrivals = panels["WhatIf"].widget.arrivals
    state.set_threshold(0.3)
    state._answers._jobs.run("altered")
    assert (panels["WhatIf"].widget.arrivals, state.status) == (arrivals, "")


def test_what_cannot_be_asked_is_said_in_one_line(dashboard, panels, send, opened):
    panel, state = panels["WhatIf"], dashboard.state
    for act, key, value, words in (
        ("ask-ticked", "", "", "tick at least one"),
        ("ask-group", "", "", "choose a group"),
        ("group", "", "999", "no such group"),
        ("action", "", "burn", "cannot be done"),
        ("variable", "", "nosuch", "no such variable"),
        ("ask-fewest", "burn", "", "cannot be done"),
    ):
        send(panel, act, key, value)
        assert words in state.error
        assert state.screen.asked is None
    assert state.screen.encounter_id == opened


def test_an_answer_stays_with_its_question_until_another_is_asked(dashboard, panels, send, read, opened, audit):
    state = dashboard.state
    state.tick(past(state, 0), on=True)
    send(panels["WhatIf"], "ask-ticked")
    said = read(panels["WhatIf"]).one("div", "clinflu-answer")
    send(panels["PastPatients"], "tick", audit.pseudonyms.encounter(past(state, 1)), value=True)
    assert read(panels["WhatIf"]).one("div", "clinflu-answer") == said
    send(panels["WhatIf"], "ask-ticked")
    assert "Refitted without the 2 past encounters that you ticked." in read(panels["WhatIf"]).text
    assert state.screen.encounter_id == opened


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (0.1, 0.15, "stays below"),
        (0.3, 0.25, "stays above"),
        (0.1, 0.2, "would now alert"),
        (0.2, 0.1, "no longer alert"),
        (0.2, float("nan"), "cannot be fitted"),
    ],
)
def test_crossing_the_threshold_is_said(before, after, said):
    assert said in alert(before, after, 0.2)


def test_what_is_not_known_of_everyone_is_said_so():
    assert (decimal(float("nan"), 4), decimal(-0.11267, 4)) == ("not known", "−0.1127")


def test_small_changes_keep_enough_digits_to_be_seen():
    assert step(0.0191, 0.06) == "1.91 % → 1.97 %"
    assert step(0.312, -2.3) == "31.2 % → 28.9 %"
    assert step(0.312, float("nan")) == "31.2 % → no finite fit"
