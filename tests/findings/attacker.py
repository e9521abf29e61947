"""An attacker who knows how levels were put together and reads every published number, rounded functions too.

For each part of the cohort the full table (every recorded level of every variable x outcome x alert) is an unknown
vector of whole numbers. Everything that was published bounds sums of it. A cell is pinned if every table that agrees
with all that was published has the same number there.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_matrix, vstack

from clinflu.analysis.groupings import CROSS, grouping

AUDITED = ("true alert", "false alert", "missed event", "true quiet")
OTHERS = ("event", "no event")
HALF_SHARE, HALF_NUMBER, HALF_PERCENT = 0.0005 + 1e-9, 0.0005 + 1e-9, 0.005 + 1e-9
PATTERNS = 12
PARTS_OF = {"age_group": "age", "under_10": "age", "within": "group0"}  # what the attacker knows of the columns
TIME_S = 20.0


@dataclass
class Part:
    """One part of the cohort: its unknown table, what was published of it, and the truth."""

    name: str
    shape: tuple[int, ...]  # levels of each variable, then outcomes
    truth: np.ndarray
    rows: list
    low: list
    high: list

    def say(self, members, low, high):
        """Note that the sum of these cells (a boolean array of the shape) lies between two numbers."""
        self.rows.append(csr_matrix(members.reshape(1, -1).astype(float)))
        self.low.append(low)
        self.high.append(high)
        inside = float(self.truth[members].sum())
        assert low - 1e-6 <= inside <= high + 1e-6, (self.name, low, inside, high)  # the attacker reads rightly

    def say_combination(self, weights, low, high):
        """Note that a weighted sum of cells lies between two numbers."""
        self.rows.append(csr_matrix(weights.reshape(1, -1)))
        self.low.append(low)
        self.high.append(high)
        inside = float((self.truth * weights).sum())
        assert low - 1e-6 <= inside <= high + 1e-6, (self.name, low, inside, high)

    def nothing(self):
        return np.zeros(self.shape, dtype=bool)

    def cells(self, chosen, outcomes=None):
        """Return the cells of chosen levels, {axis: levels}, and outcomes."""
        members = np.ones(self.shape, dtype=bool)
        for axis, levels in chosen.items():
            keep = np.zeros(self.shape[axis], dtype=bool)
            keep[list(levels)] = True
            members &= keep.reshape([-1 if at == axis else 1 for at in range(len(self.shape))])
        if outcomes is not None:
            keep = np.zeros(self.shape[-1], dtype=bool)
            keep[list(outcomes)] = True
            members &= keep
        return members


@dataclass
class Attack:
    """The three parts, the variables that span their tables, and how levels were put together."""

    material: object
    keys: tuple[str, ...]
    parts: dict
    held: dict  # by derived variable: the level that each level of its parent belongs to
    parents: dict

    @classmethod
    def on(cls, material, keys):
        study = material.study
        groupings = [grouping(study, key) for key in keys]
        parents = {key: parent for key, parent in PARTS_OF.items() if parent in keys and key in material.pattern.shown}
        alert, event = study.risks >= material.threshold, study.design.y == 1
        outcome = {
            "audited": np.select([event & alert, alert, event], [0, 1, 2], 3),
            "train": np.where(event, 0, 1),
            "confirm": np.where(event, 0, 1),
        }
        parts = {}
        for name, codes in outcome.items():
            rows = getattr(study.split, name)
            outcomes = AUDITED if name == "audited" else OTHERS
            shape = (*(len(one.levels) for one in groupings), len(outcomes))
            truth = np.zeros(shape)
            np.add.at(truth, (*(one.codes[rows] for one in groupings), codes[rows]), 1)
            parts[name] = Part(name, shape, truth, [], [], [])
        return cls(material, keys, parts, {key: _held(study, key, parent) for key, parent in parents.items()}, parents)

    def members(self, key, level, *, outcomes):
        """Return {axis: recorded levels} of a published level, or None where the attack does not span its variable."""
        names = key.split(CROSS)
        if not all(name in self.keys or name in self.held for name in names):
            return None
        if CROSS in key:
            crossing = self.material.pattern.crossed(key)
            shape = tuple(len(one) for one in crossing.classes)
            place = np.unravel_index(crossing.grouping.levels.index(level), shape)
            chosen = [one[at] for one, at in zip(crossing.classes, place, strict=True)]
        else:
            shown = self.material.pattern.shown[key]
            folded = shown.outcomes if outcomes else shown.sizes
            chosen = [folded.classes[folded.grouping.levels.index(level)]]
        found = {}
        for axis, levels in (self._axis(name, one) for name, one in zip(names, chosen, strict=True)):
            found[axis] = np.intersect1d(found.get(axis, levels), levels).astype(int)
        return found

    def _axis(self, name, levels):
        if name in self.keys:
            return self.keys.index(name), levels
        return self.keys.index(self.parents[name]), np.flatnonzero(np.isin(self.held[name], levels))


def _held(study, key, parent):
    """Return the level of a derived variable that each level of its parent belongs to."""
    part, whole = grouping(study, parent), grouping(study, key)
    held = np.full(len(part.levels), -1)
    held[part.codes] = whole.codes
    return held


def read(attack, document):
    """Note everything that the tables of a document say."""
    tables = {table.key: table.records() for table in document.tables()}
    _read_parts(attack, tables["parts"])
    _read_characteristics(attack, tables["characteristics"])
    for key in ("subgroup_outcomes", "subgroup_alerts"):
        _read_subgroups(attack, tables[key])
    _read_weak(attack, tables)


def _read_parts(attack, records):
    names = {"training": "train", "audited": "audited", "confirming": "confirm"}
    for row in records:
        part = attack.parts[names[row["part"]]]
        part.say(part.cells({}), row["encounters"], row["encounters"])
        if isinstance(row["events"], int):
            part.say(part.cells({}, _events(part)), row["events"], row["events"])


def _read_characteristics(attack, records):
    label_of = {attack.material.sizes(key).label: key for key in attack.material.variables}
    for row in records:
        members = attack.members(label_of[row["variable"]], row["level"], outcomes=False)
        for name, part in attack.parts.items():
            if members is not None:
                part.say(part.cells(members), row[name], row[name])


def _events(part):
    return (0, 2) if part.name == "audited" else (0,)


def _key_of(attack, label):
    keys = (*attack.material.variables, *(one.key for one in attack.material.intersections))
    by_label = {attack.material.sizes(key).label: key for key in keys if CROSS not in key}
    by_label |= {one.label: one.key for one in attack.material.intersections}
    return by_label.get(label)


def _read_subgroups(attack, records):
    part = attack.parts["audited"]
    for row in records:
        if row["variable"] == "Everyone":
            members = {}
        else:
            key = _key_of(attack, row["variable"])
            told_apart = isinstance(row["events"], int)
            members = attack.members(key, row["level"], outcomes=told_apart)
            if members is None:
                continue
        part.say(part.cells(members), row["encounters"], row["encounters"])
        _read_figures(part, members, row)


def _read_figures(part, members, row):
    """Invert the published figures of a subgroup: counts, shares, and O:E with the mean risk.

    Interval bounds are given only beside the very counts that they could be inverted to.
    """
    everyone, n = part.cells(members), row["encounters"]
    told = [key for key, value in row.items() if key.endswith(("_low", "_high")) and value is not None]
    assert not told or isinstance(row["events"], int)
    if isinstance(row["events"], int):
        part.say(part.cells(members, (0, 2)), row["events"], row["events"])
    ratios = {
        "event_rate": ((0, 2), (0, 1, 2, 3)),
        "alert_rate": ((0, 1), (0, 1, 2, 3)),
        "sensitivity": ((0,), (0, 2)),
        "specificity": ((3,), (1, 3)),
        "ppv": ((0,), (0, 1)),
        "npv": ((3,), (2, 3)),
    }
    for name, (above, below) in ratios.items():
        value = row.get(name)
        if not isinstance(value, float):
            continue
        weights = part.cells(members, above) - (value - HALF_SHARE) * part.cells(members, below)
        part.say_combination(weights, 0.0, np.inf)
        weights = part.cells(members, above) - (value + HALF_SHARE) * part.cells(members, below)
        part.say_combination(weights, -np.inf, 0.0)
    if isinstance(row.get("oe"), float) and isinstance(row.get("mean_risk"), float):
        around = HALF_NUMBER * (row["mean_risk"] + row["oe"] + 1.0) * n
        expected = row["oe"] * row["mean_risk"] * n
        part.say(everyone & part.cells(members, (0, 2)), expected - around, expected + around)


def _read_weak(attack, tables):
    """Read the rounded sizes and event rates of weak subgroups whose variables the attack spans."""
    rows = tables.get("weak_subgroups", [])
    found = {one.words: one for one in attack.material.weak_shown} if rows else {}
    for row in rows:
        conditions = found[row["subgroup"]].conditions
        chosen = {}
        for one in conditions:
            members = attack.members(one.key, one.level, outcomes=True)
            if members is None:
                break
            for axis, levels in members.items():
                chosen[axis] = np.intersect1d(chosen.get(axis, levels), levels).astype(int)
        else:
            for side, name in (("audited", "audited"), ("confirm", "confirm")):
                _read_rounded(attack.parts[name], chosen, row[f"{side}_encounters"], row[f"{side}_rate"])


def _read_rounded(part, chosen, encounters, rate):
    half = max(10, 10 ** (len(str(encounters)) - 2)) / 2
    part.say(part.cells(chosen), max(0, encounters - half), encounters + half)
    if isinstance(rate, float):
        everyone, events = part.cells(chosen), part.cells(chosen, _events(part))
        part.say_combination(events - (rate - HALF_PERCENT) * everyone, 0.0, np.inf)
        part.say_combination(events - (rate + HALF_PERCENT) * everyone, -np.inf, 0.0)


def pinned(part, rng):
    """Return the cells of 1 to 10 that are pinned: levels, pairs of levels and full combinations, by outcome."""
    matrix, low, high = vstack(part.rows).tocsr(), np.array(part.low), np.array(part.high)
    targets = _targets(part)
    true_values = targets @ part.truth.ravel()
    waiting = np.flatnonzero((true_values > 0.5) & (true_values < 10.5))
    for _ in range(PATTERNS):
        if not len(waiting):
            return []
        objective = rng.normal(size=part.truth.size)
        other = _solve(objective, matrix, low, high)
        if other is not None:
            waiting = waiting[np.abs((targets[waiting] @ other) - true_values[waiting]) < 0.5]
    found = []
    while len(waiting):
        target, value = targets[waiting[0]], true_values[waiting[0]]
        moved = False
        for sign in (1.0, -1.0):
            other = _solve(sign * target.toarray().ravel(), matrix, low, high)
            if other is not None and abs((target @ other)[0] - value) > 0.5:
                waiting = waiting[np.abs((targets[waiting] @ other) - true_values[waiting]) < 0.5]
                moved = True
                break
        if not moved:
            found.append((part.name, int(waiting[0]), float(value)))
            waiting = waiting[1:]
    return found


def _targets(part):
    """Return what the attacker is after, one row a target: sums over the cells of a margin and some outcomes."""
    audited = part.name == "audited"
    outcomes = [(0, 2), (1, 3), (0, 1), (2, 3), (0,), (1,), (2,), (3,)] if audited else [(0,), (1,)]
    outcomes.append(tuple(range(part.shape[-1])))
    axes = range(len(part.shape) - 1)
    margins = [subset for size in (0, 1, 2, len(part.shape) - 1) for subset in combinations(axes, size)]
    index = np.arange(part.truth.size).reshape(part.shape)
    rows = []
    for margin in dict.fromkeys(margins):
        for levels in np.ndindex(*(part.shape[axis] for axis in margin)):
            place = tuple(
                slice(None) if axis not in margin else levels[margin.index(axis)] for axis in range(len(part.shape) - 1)
            )
            rows += [index[(*place, list(chosen))].ravel() for chosen in outcomes]
    lengths = np.array([len(one) for one in rows])
    columns, starts = np.concatenate(rows), np.concatenate([[0], np.cumsum(lengths)])
    return csr_matrix((np.ones(len(columns)), columns, starts), (len(rows), part.truth.size))


def _solve(objective, matrix, low, high):
    """Return a table of whole numbers that agrees with all that was published, None where none was found in time."""
    result = milp(
        objective,
        constraints=LinearConstraint(matrix, low, high),
        bounds=Bounds(0, np.inf),
        integrality=np.ones(matrix.shape[1]),
        options={"time_limit": TIME_S, "mip_rel_gap": 0.0},
    )
    return None if result.x is None else np.rint(result.x)
