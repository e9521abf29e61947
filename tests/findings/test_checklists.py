"""The checklists hold every item once, in order, and claim only what a section says and clinflu can know."""

import dataclasses
from string import ascii_lowercase, digits

import pytest

from clinflu.analysis.subgroups import Bootstrap
from clinflu.findings.checklists import CHECKLISTS, SECTION_KEYS, hti1, tripod_ai
from clinflu.findings.document import Table, Words
from clinflu.findings.material import Material, Options
from clinflu.findings.sections import SECTIONS

# The 27 items of Collins et al. (2024), BMJ 385:e078378, table 2, each with the letters of its sub-items.
TRIPOD_AI = """
    1 2 3abc 4 5ab 6abc 7 8abc 9abc 10 11 12abcdefg 13 14 15 16 17 18abcdef 19 20abc 21 22 23ab 24 25 26 27abc
"""
# Paragraphs of 45 CFR 170.315(b)(11)(iv)(B), and how many attributes each holds.
HTI1 = {1: 4, 2: 4, 3: 2, 4: 4, 5: 2, 6: 4, 7: 5, 8: 4, 9: 2}
ROMAN = ("i", "ii", "iii", "iv", "v")
ALL = [item for _, items in CHECKLISTS.values() for item in items]

# What only people know: funding, interests, ethics, protocol, registration, sharing of data, involvement, purpose,
# setting, dates, who judged what, use, deployment, validation elsewhere, watching and updating.
NOT_OURS = {
    "tripod_ai": "3a 3b 3c 4 5b 6a 6c 8b 8c 9c 12d 12f 17 18a 18b 18c 18d 18e 19 23b 24 27b 27c",
    "hti1": (
        "(1)(i) (1)(ii) (2)(i) (2)(ii) (2)(iii) (2)(iv) (3)(i) (4)(iv) (5)(i) (5)(ii) (6)(i) (6)(ii) (6)(iii) (6)(iv) "
        "(7)(iii) (7)(iv) (7)(v) (8)(i) (8)(iii) (9)(i) (9)(ii)"
    ),
}
WHOLLY_OURS = {"tripod_ai": "12a 16 21 23a", "hti1": "(1)(iii) (1)(iv) (7)(i) (7)(ii)"}


def numbers(items):
    return [item.number for item in items]


def test_tripod_ai_has_its_27_items_and_52_sub_items_in_order():
    split = [(item.rstrip(ascii_lowercase), item.lstrip(digits)) for item in TRIPOD_AI.split()]
    expected = [f"{number}{letter}" for number, letters in split for letter in letters or [""]]
    assert [number for number, _ in split] == [str(number) for number in range(1, 28)]
    assert len(expected) == 52
    assert numbers(tripod_ai.ITEMS) == expected


def test_hti1_has_its_31_attributes_in_order():
    expected = [f"({paragraph})({roman})" for paragraph, count in HTI1.items() for roman in ROMAN[:count]]
    assert len(expected) == 31
    assert numbers(hti1.ITEMS) == expected


@pytest.mark.parametrize("item", ALL, ids=numbers(ALL))
def test_an_item_names_a_section_or_says_why_not(item):
    assert item.topic
    for text in (item.asks, item.answer, item.left):
        assert not text or text.endswith(".")
    assert item.asks
    assert len(item.answer) > 10
    if item.section is None:
        assert item.status == "not reported"
        assert not item.left
        assert any(
            word in item.answer for word in ("filled in", "ask for it", "for the hospital to say", "the hospital says")
        )
    else:
        assert item.section in SECTION_KEYS
        assert item.status == ("reported in part" if item.left else "reported")
        assert "filled in" not in item.answer


@pytest.mark.parametrize("name", CHECKLISTS)
def test_nothing_asks_for_the_same_twice(name):
    asked = [item.asks for item in CHECKLISTS[name][1]]
    assert len(set(asked)) == len(asked)


@pytest.mark.parametrize("name", CHECKLISTS)
def test_what_clinflu_cannot_know_is_not_reported_and_little_is_wholly(name):
    statuses = {item.number: item.status for item in CHECKLISTS[name][1]}
    for number in NOT_OURS[name].split():
        assert statuses[number] == "not reported", number
    assert [number for number, status in statuses.items() if status == "reported"] == WHOLLY_OURS[name].split()


def test_sections_are_known_by_their_keys():
    assert set(SECTIONS) <= set(SECTION_KEYS)
    assert len(set(SECTION_KEYS)) == len(SECTION_KEYS)


def test_an_item_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        tripod_ai.ITEMS[0].section = "data"


# Words, or titles of tables and columns, that a section must hold if these items may point to it.
EVIDENCE = {
    "summary": ("The model predicts whether a patient will be", "AUROC", "subgroups"),
    "data": (
        "Source:",
        "read by the loader",
        "the outcome is whether",
        "Flowchart",
        "Who they are",
        "Events",
        "Patients",
    ),
    "model": (
        "Logistic regression for the risk",
        "a missing value is",
        "Categories enter",
        "It alerts from",
        "Odds ratio",
    ),
    "performance": ("95 % from", "none of whose patients taught the model"),
    "subgroups": ("Differences are to the complement", "Benjamini"),
    "limits": ("internal validation", "Readmissions to other hospitals", "events"),
    "method": ("Split: by patient at random", "penalised logistic regression", "bootstrap"),
    "provenance": ("clinflu", "Python", "seed of the split"),
}


def test_evidence_is_asked_of_every_section_that_an_item_points_to():
    assert {item.section for item in ALL} - {None} == set(EVIDENCE)


@pytest.fixture(scope="module")
def material(simulated_audit):
    return Material(simulated_audit, Options(bootstrap=Bootstrap(50)))


@pytest.mark.parametrize("key", EVIDENCE)
def test_a_section_says_what_the_checklists_claim(key, material):
    said = []
    for part in SECTIONS[key](material).parts:
        if isinstance(part, Words):
            said += part.paragraphs
        if isinstance(part, Table):
            said += [part.title, *(column.label for column in part.columns), *(str(row) for row in part.rows)]
    text = " ".join(said)
    assert [words for words in EVIDENCE[key] if words not in text] == []
