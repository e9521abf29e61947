"""No two places of a report contradict each other, and what is not shown is said to be so."""

from dataclasses import replace

import numpy as np
import pytest

from clinflu.analysis.subgroups import Bootstrap
from clinflu.findings.differences import in_words
from clinflu.findings.document import Chart, Table, Words
from clinflu.findings.losses import GroupLoss
from clinflu.findings.material import Material, Options
from clinflu.findings.sections import SECTIONS, calibration, summary, weak_subgroups
from clinflu.findings.sections import why as why_section
from clinflu.model.logistic import row_loss

QUICK = Bootstrap(50)
LATE = ("failing", "losses", "furthest", "furthest_confirmed", "explained")


@pytest.fixture(scope="module")
def exported(simulated_audit):
    return Material(simulated_audit, Options(bootstrap=QUICK))


def with_known(material, **known):
    """Return the same material with some of its parts given, and what follows from them not computed yet."""
    other = replace(material)
    other.__dict__.update({key: one for key, one in material.__dict__.items() if key not in LATE})
    other.__dict__.update(known)
    return other


def said(section):
    return " ".join(one for part in section.parts if isinstance(part, Words) for one in part.paragraphs)


def part_of(section, key):
    return next(part for part in section.parts if getattr(part, "key", "") == key)


def test_the_summary_counts_the_differences_that_stand_and_names_the_surest(exported):
    rows = part_of(SECTIONS["subgroups"](exported), "notable_differences").records()
    assert rows
    text = said(summary.section(exported))
    assert (f"{len(rows)} differences stand" if len(rows) > 1 else "1 difference stands") in text
    assert in_words(min(rows, key=lambda row: row["q"])) in text


def test_a_difference_is_told_with_its_direction_and_interval():
    row = {"variable": "Age", "level": "old", "measure": "Sensitivity", "q": 0.0143}
    row |= {"difference": -0.141, "difference_low": -0.211, "difference_high": -0.056}
    told = in_words(row)
    assert "Age: old, whose sensitivity is lower" in told
    assert "(−0.141, 95 % interval −0.211 to −0.056, q 0.0143)" in told
    assert "whose AUROC is" in in_words(row | {"measure": "AUROC"})


def test_no_failing_subgroup_is_said_of_what_was_compared_and_not_of_the_mean_loss(exported):
    text = said(summary.section(with_known(exported, failing=())))
    assert "predicted worse" not in text
    assert "none is beyond chance worse calibrated, or of a lower AUROC, than everyone else" in text
    larger = sum(one.beyond_chance for one in exported.losses)
    assert f"In mean loss, the size of the prediction error, {larger or 'none'} of {len(exported.losses)}" in text


@pytest.mark.parametrize("key", ["summary", "why"])
def test_where_no_subgroup_could_be_compared_none_is_said_to_be_no_worse(exported, key):
    table = exported.table
    empty = with_known(exported, table=replace(table, groups=()))
    assert "No subgroup could be compared with everyone else: too few" in said(SECTIONS[key](empty))
    blank = {name: replace(one, q=np.nan, withheld="too few") for name, one in table.groups[0].differences.items()}
    few = with_known(exported, table=replace(table, groups=(replace(table.groups[0], differences=blank),)))
    assert "None of the 1 subgroups could be compared" in said(SECTIONS[key](few))
    for material in (empty, few):
        assert "beyond chance" not in said(SECTIONS[key](material)).partition("Mean loss (in nats)")[2]
        assert "none is beyond chance" not in said(SECTIONS[key](material))


def test_the_losses_are_those_of_the_encounters(exported):
    study, by_key = exported.study, {one.key: one for one in exported.compared}
    rows = study.split.audited
    loss = row_loss(study.margins[rows], study.design.y[rows])
    for one in exported.losses[:3]:
        found = by_key[one.group.variable]
        inside = found.codes[rows] == found.levels.index(one.group.level)
        assert one.excess == pytest.approx(loss[inside].mean() - loss[~inside].mean())
    assert [one.excess for one in exported.losses] == sorted((one.excess for one in exported.losses), reverse=True)


@pytest.mark.parametrize(
    ("q", "confirmed", "says"),
    [
        (0.4, False, "That could be chance"),
        (0.4, True, "its larger loss stands"),
        (0.01, False, "beyond chance (q 0.01)"),
    ],
)
def test_where_none_fails_the_furthest_is_explained_and_marked(exported, q, confirmed, says):
    largest = replace(exported.losses[0], q=q)
    weak = exported.weak.confirmed[0] if confirmed else None
    material = with_known(exported, failing=(), losses=(largest, *exported.losses[1:]), furthest_confirmed=weak)
    section = why_section.section(material)
    assert len(material.explained) == 1
    assert material.explained[0].label == largest.name
    assert says in said(section)
    assert isinstance(part_of(section, "why_1_groups"), Table)
    assert largest.name in said(summary.section(material))


def test_a_group_below_all_others_is_not_explained(exported):
    below = GroupLoss(exported.losses[-1].group, -0.1, 0.5)
    material = with_known(exported, failing=(), losses=(below,))
    assert material.furthest is None
    assert material.explained == ()
    assert "So none is explained." in said(why_section.section(material))


def test_curves_that_are_not_drawn_are_said_to_be_so_and_the_model_is_drawn_from_what_is_shown(exported):
    section = calibration.section(exported)
    assert len({row["threshold"] for row in part_of(section, "decision_curve").records()}) < calibration.FEWEST_DRAWN
    assert "are not drawn" in said(section)
    chart, drawn = part_of(section, "decision_chart"), part_of(section, "decision_model")
    assert isinstance(chart, Chart)
    assert chart.table == drawn.key
    shown = part_of(SECTIONS["performance"](exported), "thresholds").records()
    assert shown
    rate = exported.table.everyone.events / exported.table.everyone.encounters
    for row, one in zip(shown, drawn.records(), strict=True):
        at = row["threshold"]
        assert (one["threshold"], one["model"]) == (at, row["net_benefit"])
        assert one["all"] == pytest.approx(rate - (1 - rate) * at / (1 - at), abs=6e-5)


def test_curves_that_are_drawn_are_not_said_to_be_missing(simulated_audit):
    section = calibration.section(Material(simulated_audit, Options(bootstrap=QUICK, internal=True)))
    assert "are not drawn" not in said(section)
    assert "decision_model" not in {getattr(part, "key", "") for part in section.parts}


def test_each_interval_of_the_net_benefit_says_how_it_was_made(exported):
    assert "jackknife" in part_of(SECTIONS["performance"](exported), "performance").note
    section = calibration.section(exported)
    assert "jackknife" in part_of(section, "decision_differences").note
    assert "bootstrap" in part_of(section, "decision_differences").note


def test_the_weak_subgroups_that_are_confirmed_are_those_counted(exported):
    section = weak_subgroups.section(exported)
    rows = part_of(section, "weak_subgroups").records()
    yes = [row for row in rows if row["confirmed"] == "yes"]
    every = exported.weak
    assert f"{len(rows)} of the {len(every.found)} tested, and {len(yes)} of the {len(every.confirmed)}" in said(
        section
    )
    text = said(summary.section(exported))
    assert f"{len(every.confirmed)} groups with a larger mean loss" in text
    assert f"{len(yes)} of them can be shown" in text


def test_the_weak_subgroups_whose_risks_are_wrong_are_marked_as_many_as_the_summary_says(exported):
    rows = part_of(weak_subgroups.section(exported), "weak_subgroups").records()
    marked = [row for row in rows if row["most"] == weak_subgroups.BEYOND]
    assert marked
    assert f"In {len(marked)} of those shown, marked in the table" in said(summary.section(exported))
    for row in rows:
        assert bool(row["most"]) is (row["confirmed"] == "yes")
        if row["most"]:
            assert (row["confirm_beyond"] > row["confirm_excess"] / 2) is (row["most"] == weak_subgroups.BEYOND)
