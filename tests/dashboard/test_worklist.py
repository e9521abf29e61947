"""The list of predictions is what a plain table says: which rows, in which order, window by window."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from clinflu import Audit
from clinflu.dashboard.screen import CHIPS, SORTS, Screen
from clinflu.dashboard.worklist import PAGE_ROWS, Worklist

AUDITS = ("audit", "old_audit", "banded_audit")
THRESHOLDS = (0.1, 0.36, 0.9)
SEARCHES = ("", "  ", "surgical", "RED", "surg red", "red  SURGICAL ", "E-", "x_y", ".*", "(", "nobody", "no e-a")
ORDERS = {
    "worst": (["wrong", "loss"], [False, False]),
    "highest": (["risk"], [False]),
    "lowest": (["risk"], [True]),
    "youngest": (["age", "loss"], [True, False]),
    "oldest": (["age", "loss"], [False, False]),
    "name": (["name"], [True]),
}


@pytest.fixture(params=AUDITS)
def any_audit(request):
    return request.getfixturevalue(request.param)


def years(frame):
    if "age_group" in frame:
        return frame["age_group"].str.extract(r"(\d+)-", expand=False).astype(float)
    return np.floor(frame["age_years"].astype(float))


def plain_table(audit, threshold):
    """Return one row an audited encounter, in the order of the study."""
    rows, frame = audit.audited_rows, audit.cohort.frame.iloc[audit.audited_rows]
    risk = expit(audit.design.x[rows] @ audit.model.theta)
    happened = frame["readmitted"].to_numpy() == 1
    texts = frame[[*audit.cohort.schema.subgroups]].astype(object).fillna("")
    names = [audit.pseudonyms.encounter(one) for one in frame.index]
    return pd.DataFrame(
        {
            "risk": risk,
            "loss": -np.log(np.where(happened, risk, 1 - risk)),
            "wrong": (risk >= threshold) != happened,
            "age": years(frame),
            "name": names,
            "text": [" ".join(row).lower() for row in texts.to_numpy()],
            "missed": (risk < threshold) & happened,
            "alarm": (risk >= threshold) & ~happened,
            "low": audit.support_table()["low"],
        },
        index=frame.index,
    )


def kept(table, audit, screen):
    children, old = (20, 70) if "age_group" in audit.cohort.frame else (18, 65)
    in_bands = table["age"] + 10 <= children if children == 20 else table["age"] < children
    flags = table.assign(children=in_bands, old=table["age"] >= old)
    for chip in screen.chips:
        flags = flags[flags[chip]]
    for word in screen.search.lower().split():
        begins = flags["name"].str.lower().str.removeprefix("e-").str.startswith(word.removeprefix("e-"))
        flags = flags[begins | flags["text"].map(lambda text, word=word: word in text).astype(bool)]
    return flags


def listed(audit, screen):
    worklist = Worklist(audit)
    return list(worklist.ids[worklist.order(screen, audit.support_table()["low"].to_numpy())])


@pytest.mark.parametrize("threshold", THRESHOLDS)
@pytest.mark.parametrize("how", SORTS)
def test_every_order_is_that_of_a_plain_table(any_audit, how, threshold):
    columns, ascending = ORDERS[how]
    table = plain_table(any_audit, threshold).sort_values(columns, ascending=ascending, kind="stable")
    assert listed(any_audit, Screen(threshold, sort=how)) == list(table.index)


def test_the_orders_are_those_that_are_offered():
    assert set(ORDERS) == set(SORTS)


@pytest.mark.parametrize("how", ["youngest", "oldest"])
def test_who_has_no_recorded_age_comes_last(old_audit, how):
    ages = old_audit.cohort.frame["age_years"][listed(old_audit, Screen(0.3, sort=how))]
    unknown = ages.isna().to_numpy()
    assert 0 < unknown.sum() < len(ages)
    assert unknown[-unknown.sum() :].all()


TEAMS = ("team 7", "team 17", "team 37")
CHOSEN = [(), *((chip,) for chip in CHIPS), ("children", "missed"), ("old", "low"), ("missed", "alarm")]


@pytest.mark.parametrize("chips", CHOSEN, ids="+".join)
def test_every_chip_keeps_those_for_whom_it_holds(any_audit, chips):
    screen = Screen(0.36, chips=chips, sort="name")
    wanted = kept(plain_table(any_audit, 0.36), any_audit, screen)
    assert sorted(listed(any_audit, screen)) == sorted(wanted.index)


@pytest.mark.parametrize("chip", CHIPS)
def test_every_chip_keeps_some_where_there_are_such(old_audit, chip):
    assert 0 < len(listed(old_audit, Screen(0.36, chips=(chip,)))) < len(old_audit.audited_rows)


@pytest.mark.parametrize("text", SEARCHES)
def test_every_word_of_a_search_is_held(any_audit, text):
    screen = Screen(0.36, search=text, sort="highest")
    wanted = kept(plain_table(any_audit, 0.36), any_audit, screen).sort_values("risk", ascending=False, kind="stable")
    assert listed(any_audit, screen) == list(wanted.index)


def test_a_pseudonym_and_its_beginning_are_found(any_audit):
    one = any_audit.design.encounter_ids[any_audit.audited_rows[7]]
    name = any_audit.pseudonyms.encounter(one)
    assert listed(any_audit, Screen(0.36, search=name)) == [one]
    assert listed(any_audit, Screen(0.36, search=f" {name[2:9].lower()} ")) == [one]
    assert listed(any_audit, Screen(0.36, search=name[3:])) == []
    assert listed(any_audit, Screen(0.36, search=one)) == []


@pytest.mark.parametrize("text", ["9", "9 years", "40", "75", "80", "89"])
def test_a_number_finds_those_who_are_that_old_and_nobody_by_a_pseudonym(any_audit, text):
    table, number = plain_table(any_audit, 0.36), int(text.split()[0])
    first = 10 * (number // 10) if "age_group" in any_audit.cohort.frame else number
    wanted = set(table.index[table["age"] == first])
    assert set(listed(any_audit, Screen(0.36, search=text))) == wanted
    assert wanted or "age_group" not in any_audit.cohort.frame


@pytest.mark.parametrize("text", ["90", "93", "120", "90+", "90+ years"])
def test_a_number_tells_nobody_over_89_apart(any_audit, text):
    table = plain_table(any_audit, 0.36)
    assert set(listed(any_audit, Screen(0.36, search=text))) == set(table.index[table["age"] >= 90])


def test_a_number_beside_other_words_may_be_one_of_a_recorded_value(small_cohort):
    teams = small_cohort.frame["ward_team"].map({"red": "team 7", "blue": "team 17"}).fillna("team 37")
    specs = [replace(one, levels=TEAMS) if one.name == "ward_team" else one for one in small_cohort.schema.features]
    schema = replace(small_cohort.schema, features=tuple(specs), subgroups=("ward_team",))
    audit = Audit.fit(replace(small_cohort, schema=schema, frame=small_cohort.frame.assign(ward_team=teams)))
    frame = audit.cohort.frame.iloc[audit.audited_rows]
    assert set(listed(audit, Screen(0.36, search="team 7"))) == set(frame.index[frame["ward_team"] == "team 7"])
    assert set(listed(audit, Screen(0.36, search="7"))) == set(frame.index[np.floor(frame["age_years"]) == 7])


def test_children_are_those_of_the_chip(old_audit, banded_audit):
    for audit in (old_audit, banded_audit):
        children = listed(audit, Screen(0.36, chips=("children",)))
        for text in ("children", "Child "):
            assert listed(audit, Screen(0.36, search=text)) == children != []
        assert set(listed(audit, Screen(0.36, search="children 9"))) == set(listed(audit, Screen(0.36, search="9")))


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_a_threshold_means_what_counting_says(any_audit, threshold):
    meaning, table = Worklist(any_audit).meaning(threshold), plain_table(any_audit, threshold)
    events = any_audit.cohort.outcome[table.index] == 1
    alerts = table["risk"] >= threshold
    assert (meaning.encounters, meaning.events, meaning.alerts) == (len(table), events.sum(), alerts.sum())
    assert (meaning.caught, meaning.missed) == ((events & alerts).sum(), (events & ~alerts).sum())
    assert meaning.false_alarms == (alerts & ~events).sum()


def test_chips_count_those_for_whom_they_hold(any_audit):
    worklist, screen = Worklist(any_audit), Screen(0.36)
    low = any_audit.support_table()["low"].to_numpy()
    table = plain_table(any_audit, 0.36)
    for chip, flags in worklist.flags(screen, low).items():
        assert flags.sum() == len(kept(table, any_audit, replace(screen, chips=(chip,))))
    assert set(worklist.flags(screen, None)) == set(CHIPS) - {"low"}


def test_as_long_as_the_support_is_unknown_nobody_has_little_of_it(audit):
    worklist = Worklist(audit)
    assert len(worklist.order(Screen(0.36, chips=("low",)), None)) == 0
    low = audit.support_table()["low"].to_numpy()
    assert len(worklist.order(Screen(0.36, chips=("low",)), low)) == low.sum() > 0


@pytest.mark.parametrize("how", ["worst", "oldest"])
def test_windows_part_the_list_without_a_gap(any_audit, how):
    worklist, table = Worklist(any_audit), plain_table(any_audit, 0.36)
    order, seen = listed(any_audit, Screen(0.36, sort=how)), []
    for page in range(len(order) // PAGE_ROWS + 2):
        lines = worklist.window(Screen(0.36, sort=how, page=page))
        assert len(lines) <= PAGE_ROWS
        seen += lines
    assert [line.encounter_id for line in seen] == order
    assert [line.name for line in seen] == list(table.loc[order, "name"])
    np.testing.assert_allclose([line.risk for line in seen], table.loc[order, "risk"])
    assert [line.outcome for line in seen] == list(any_audit.cohort.outcome[order])


def test_lines_say_what_the_table_of_mistakes_says(any_audit):
    worklist, lines = Worklist(any_audit), []
    wrong = any_audit.mistakes(0.36)
    for page in range(-(-len(wrong) // PAGE_ROWS)):
        lines += worklist.window(Screen(0.36, page=page))
    lines = lines[: len(wrong)]
    assert [line.encounter_id for line in lines] == list(wrong.index)
    assert [line.kind for line in lines] == list(wrong["kind"])
    assert [line.surprising for line in lines] == list(wrong["verdict"] == "surprising")


def test_a_window_is_new_where_the_screen_is(any_audit):
    worklist, low = Worklist(any_audit), any_audit.support_table()["low"].to_numpy()
    screens = [
        Screen(0.36),
        Screen(0.1),
        Screen(0.36, page=1),
        Screen(0.36, sort="name"),
        Screen(0.36, search="red"),
        Screen(0.36, chips=("missed",)),
        Screen(0.36, chips=("low",)),
    ]
    known = [Worklist(any_audit).window(screen, low) for screen in screens]
    for screen, lines in [*zip(screens, known, strict=True), *zip(screens, known, strict=True)]:
        assert worklist.window(screen, None) == (() if "low" in screen.chips else lines)
        assert worklist.window(screen, low) == lines


def test_ages_over_89_are_listed_as_90_and_over(old_audit, banded_audit):
    for audit, over, words in ((old_audit, 93.0, "90+ years"), (banded_audit, "[90-100)", "90+")):
        recorded = audit.cohort.frame[audit.cohort.schema.feature_names[0]]
        worklist, found = Worklist(audit), {}
        for page in range(-(-len(worklist) // PAGE_ROWS)):
            found |= {line.encounter_id: line.age for line in worklist.window(Screen(0.36, page=page))}
        assert {age for one, age in found.items() if recorded[one] == over} == {words}
        assert words not in {age for one, age in found.items() if recorded[one] != over}


def test_where_no_age_is_recorded_nobody_is_young_or_old(small_cohort):
    old = small_cohort.schema
    schema = replace(old, features=old.features[1:])
    ageless = Audit.fit(replace(small_cohort, schema=schema, frame=small_cohort.frame.drop(columns="age_years")))
    for chip in ("children", "old"):
        assert listed(ageless, Screen(0.36, chips=(chip,))) == []
    assert len(listed(ageless, Screen(0.36, sort="oldest"))) == len(ageless.audited_rows)
    assert {line.age for line in Worklist(ageless).window(Screen(0.36))} == {""}


def test_ties_stay_in_the_order_of_the_study(small_cohort):
    frame = small_cohort.frame.assign(age_years=40.0, visits=0, platelets=1.0, creatinine=1.0)
    audit = Audit.fit(replace(small_cohort, frame=frame))
    table = plain_table(audit, 0.36)
    assert table["risk"].round(9).nunique() < len(table) / 5
    for how, (columns, ascending) in ORDERS.items():
        rounded = table.round({"risk": 12, "loss": 12})
        expected = rounded.sort_values(columns, ascending=ascending, kind="stable")
        assert listed(audit, Screen(0.36, sort=how)) == list(expected.index)
