"""No count of 1 to 10 can be seen in an export, nor worked out from it."""

import numpy as np
import pandas as pd
import pytest
from findings.attacker import Attack, pinned, read
from findings.random_cohorts import random_audit

from clinflu.analysis.groupings import CROSS, Grouping, grouping, known_groupings
from clinflu.analysis.subgroups import Bootstrap
from clinflu.findings.disclosure import LARGEST_HIDDEN, Pattern
from clinflu.findings.disclosure.cells import Cells, encounters, unsafe
from clinflu.findings.disclosure.folding import ALL_OTHER, OTHER, fold, folded
from clinflu.findings.disclosure.nesting import Crossed, without_remainders
from clinflu.findings.document import Document
from clinflu.findings.material import Material, Options
from clinflu.findings.sections import SECTIONS

COHORTS, QUICK = 60, 12  # 200 in the benchmarks
MORE = [pytest.param(seed, marks=pytest.mark.thorough) for seed in range(QUICK, COHORTS)]


def every_grouping(audit, seed):
    """Return every variable, and every pair and triple of recorded ones in random order."""
    names = list(audit.cohort.schema.feature_names)
    crossed = [f"{one}{CROSS}{other}" for at, one in enumerate(names) for other in names[at + 1 :]]
    crossed += [CROSS.join(names[:3])] if len(names) > 2 else []
    np.random.default_rng(seed).shuffle(crossed)
    return (*known_groupings(audit.study), *crossed)


def published(audit, seed, *, internal=False):
    """Return the material and the document of an export."""
    options = Options(every_grouping(audit, seed), bootstrap=Bootstrap(30), internal=internal)
    material = Material(audit, options)
    sections = tuple(section(material) for section in SECTIONS.values())
    return material, Document("report", sections, internal, simulated=False)


def attacked(audit, material, document, seed):
    """Return what an attacker pins."""
    keys = tuple(name for name in audit.cohort.schema.feature_names if name not in ("within", "lab"))
    attack = Attack.on(material, keys)
    read(attack, document)
    rng = np.random.default_rng(seed)
    return [one for part in attack.parts.values() for one in pinned(part, rng)]


@pytest.mark.parametrize("seed", [*range(QUICK), *MORE])
def test_no_attacker_pins_a_small_cell_of_a_random_cohort(seed):
    audit = random_audit(seed)
    material, document = published(audit, seed)
    assert attacked(audit, material, document, seed) == []


def test_the_attacker_pins_small_cells_where_nothing_is_folded(monkeypatch):
    """Otherwise the test above could not fail."""
    from clinflu.findings.disclosure import folding, nesting, pattern

    monkeypatch.setattr(pattern, "fold", lambda one, *_: [[level] for level in range(len(one.levels))])
    monkeypatch.setattr(pattern, "without_remainders", lambda *given, **_: given[-1])
    assert folding.fold is not pattern.fold
    assert nesting.without_remainders is not pattern.without_remainders
    for seed in range(8):
        audit = random_audit(seed)
        if attacked(audit, *published(audit, seed), seed):
            return
    pytest.fail("nothing was pinned")


def test_the_attacker_finds_what_a_part_of_a_variable_gives_away(monkeypatch):
    """Without the check of nested columns, a difference of two tables that are each safe is not."""
    from clinflu.findings.disclosure import pattern

    audit = _nested_audit()
    material, document = published(audit, 0)
    assert attacked(audit, material, document, 0) == []
    monkeypatch.setattr(pattern, "without_remainders", lambda *given, **_: given[-1])
    material, document = published(audit, 0)
    assert attacked(audit, material, document, 0)


def _nested_audit():
    """Return an audit whose coarse group is the first group and a few others, each table safe by itself."""
    from clinflu import Audit
    from clinflu.data import CohortSchema, FeatureSpec, Provenance, build_cohort

    rng = np.random.default_rng(3)
    n = 6_000
    group = np.where(rng.random(n) < 0.5, "g00", "g01")
    few = (group == "g01") & (rng.random(n) < 0.009)
    rows = pd.DataFrame(
        {
            "encounter": [f"e{at}" for at in range(n)],
            "patient": [f"p{at}" for at in range(n)],
            "group0": np.where(few, "g02", group),
            "within": np.where((group == "g00") | few, "first", "others"),
            "outcome": (rng.random(n) < 0.4).astype(float),
        }
    )
    rows["group0"] = rows["group0"].replace({"g02": "g01"}).where(~few, "g02")
    features = tuple(FeatureSpec(name, name, levels=()) for name in ("group0", "within"))
    schema = CohortSchema("encounter", "patient", "outcome", features, subgroups=("group0", "within"))
    return Audit.fit(build_cohort(rows, schema, Provenance("nested.csv", "0" * 64, "table", n)))


@pytest.mark.parametrize("seed", range(0, COHORTS, 4))
def test_every_count_that_is_shown_is_none_or_large(seed):
    audit = random_audit(seed)
    _, document = published(audit, seed)
    for table in document.tables():
        for column, values in zip(table.columns, zip(*table.rows, strict=True), strict=False):
            if column.kind == "count":
                shown = [value for value in values if isinstance(value, int)]
                assert not [value for value in shown if 0 < value <= LARGEST_HIDDEN], (table.key, column.key)


def test_the_internal_report_shows_every_level():
    audit = random_audit(0)
    material, document = published(audit, 0, internal=True)
    assert material.sizes("group0").levels == grouping(audit.study, "group0").levels
    assert document.internal


def test_the_pattern_is_the_same_whatever_was_asked_for():
    audit = random_audit(12)
    one = Material(audit, Options(("group0",)))
    other = Material(audit, Options(("group1", "within", "group0")))
    assert one.outcomes("group0").levels == other.outcomes("group0").levels
    assert one.sizes("group0").levels == other.sizes("group0").levels


def test_rare_categories_become_one_which_is_not_named():
    one = _grouping([50, 3, 60, 4, 40, 5])
    sizes = np.bincount(one.codes)
    classes = fold(one, lambda members: sizes[members].sum() > LARGEST_HIDDEN, sizes)
    assert classes == [[0], [2], [4], [1, 3, 5]]
    assert folded(one, classes).grouping.levels == ("L0", "L2", "L4", OTHER)


def test_a_single_rare_category_takes_in_the_smallest_that_may_be_seen():
    one = _grouping([50, 3, 60])
    sizes = np.bincount(one.codes)
    classes = fold(one, lambda members: sizes[members].sum() > LARGEST_HIDDEN, sizes)
    assert classes == [[2], [0, 1]]
    assert folded(one, classes).grouping.levels == ("L2", "L0 and rarer levels")
    assert folded(one, classes, ALL_OTHER).grouping.levels == ("L2", "L0 and other levels")


def test_neighbouring_bands_are_put_together_with_the_smaller_one():
    one = _grouping([3, 30, 60, 4, 40], ordered=True)
    sizes = np.bincount(one.codes)
    classes = fold(one, lambda members: sizes[members].sum() > LARGEST_HIDDEN, sizes)
    assert classes == [[0, 1], [2], [3, 4]]
    assert folded(one, classes).grouping.levels == ("L0 … L1", "L2", "L3 … L4")


def _grouping(sizes, *, ordered=False):
    codes = np.repeat(np.arange(len(sizes)), sizes)
    return Grouping("g", "G", tuple(f"L{at}" for at in range(len(sizes))), codes, ordered)


def test_what_a_group_leaves_of_a_larger_one_is_not_small():
    """Children are those under ten and ten to nineteen; both are shown, so the third follows."""
    codes = np.repeat([0, 1, 2], [500, 20, 800])
    part = Grouping("age", "Age", ("0", "10", "20"), codes, ordered=True)
    whole = Grouping("child", "Child", ("children", "others"), (codes == 2).astype(int), ordered=True)
    cells = Cells(np.tile(np.arange(8), 165), np.arange(1320))
    crossed = Crossed.of(cells, (part, whole))
    classes = without_remainders(crossed, (part, whole), [[[0], [1], [2]], [[0], [1]]], by_outcome=True)
    assert classes == [[[0], [1], [2]], [[0], [1]]]  # nothing straddles, nothing is left over
    straddling = Grouping("x", "X", ("a", "b"), np.repeat([0, 1], [505, 815]), ordered=True)
    crossed = Crossed.of(cells, (part, straddling))
    classes = without_remainders(crossed, (part, straddling), [[[0], [1], [2]], [[0], [1]]], by_outcome=False)
    assert classes != [[[0], [1], [2]], [[0], [1]]]  # 505 - 500 = 5 of those of ten to nineteen would follow


def test_counts_of_crossed_levels_are_those_of_the_rows():
    audit = random_audit(12)
    whole = tuple(grouping(audit.study, key) for key in known_groupings(audit.study))
    cells = Cells.of(audit.study, audit.threshold)
    crossed = Crossed.of(cells, whole)
    classes = [[[level] for level in range(len(one.levels))] for one in whole]
    found = crossed.between(0, 1, classes)
    for first in range(len(whole[0].levels)):
        for second in range(len(whole[1].levels)):
            rows = (whole[0].codes == first) & (whole[1].codes == second)
            np.testing.assert_array_equal(found[first, second], np.bincount(cells.outcome[rows], minlength=8))


def test_intersections_form_a_tree():
    audit = random_audit(27)
    pattern = Pattern(audit.study, audit.threshold)
    keys = ("group0*group1", "group1*age", "group0*age", "group0*age_group", "age*age_group", "group0*group1")
    assert pattern.tree(keys) == ("group0*group1", "group1*age")
    assert pattern.tree(keys, before=("group0*age",)) == ("group0*age", "group0*group1")
    assert pattern.tree(("group0*group1*age", "group0*group1")) == ("group0*group1*age",)


def test_an_intersection_adds_up_to_both_of_its_variables():
    made = (random_audit(seed) for seed in range(200))
    patterns = (Pattern(one.study, one.threshold) for one in made if "group1" in one.cohort.schema.feature_names)
    pattern, crossing = next((one, found) for one in patterns if (found := one.crossed("group0*group1")))
    counts = pattern.cells.by_level(crossing.grouping.codes, len(crossing.grouping.levels))
    assert not unsafe(counts).any()
    assert not unsafe(encounters(counts)).any()
    shape = tuple(len(one) for one in crossing.classes)
    by_variable = counts.reshape(*shape, -1)
    for axis, key in enumerate(("group0", "group1")):
        whole = grouping(pattern.study, key)
        exact = pattern.cells.by_level(whole.codes, len(whole.levels))
        expected = np.array([exact[list(members)].sum(axis=0) for members in crossing.classes[axis]])
        np.testing.assert_array_equal(by_variable.sum(axis=1 - axis), expected)
