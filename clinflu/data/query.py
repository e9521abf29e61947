"""Choose encounters by a boolean query over their recorded variables, such as ``age > 70 and not ward == 'burns'``.

The query is read as a Python expression and walked over a white list of its parts; nothing of it is ever executed.
"""

import ast
import difflib
import re
import unicodedata
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from clinflu.data.arrays import Flags, Vector
from clinflu.data.design import MISSING
from clinflu.data.schema import CohortSchema
from clinflu.errors import DataError

LONGEST = 4_000
DEEPEST = 40
NAMED = 20
SHOWN_CHARACTERS = 60
EXAMPLE = "write it like: age > 70 and not (ward == 'burns')"
ORDERINGS: dict[type[ast.cmpop], Callable[..., Any]] = {ast.Lt: np.less, ast.LtE: np.less_equal}
ORDERINGS |= {ast.Gt: np.greater, ast.GtE: np.greater_equal}
MIRRORED: dict[type[ast.cmpop], ast.cmpop] = {
    ast.Lt: ast.Gt(),
    ast.Gt: ast.Lt(),
    ast.LtE: ast.GtE(),
    ast.GtE: ast.LtE(),
}
QUOTED = re.compile(r"""('(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")|`([^`]*)`""", re.DOTALL)

Value = float | str | None


def matching(query: str, frame: pd.DataFrame, schema: CohortSchema) -> Flags:
    """Return which rows of a cohort's frame a query is true of, (n,).

    Parameters
    ----------
    query : str
        ``and``, ``or``, ``not``, comparisons (also chained, ``0 < visits <= 3``), ``in`` and ``not in`` with a list,
        ``is missing``; over the recorded variables and the outcome. A name that is no plain word stands in
        back-ticks. Text stands in quotes and must be a level that one of the rows has.
    frame : DataFrame
        Rows of a cohort.
    schema : CohortSchema
        Which of their columns may be asked about.

    Returns
    -------
    (n,) bool
        A missing number is neither above nor below nor equal to anything, and ``not`` does not change that: such a
        row answers only to ``is missing``. A missing category is a level of its own,
        ``missing``, as it is in the model.

    Raises
    ------
    DataError
        The query cannot be read, asks about something that is not recorded, or compares what cannot be compared; one
        line that says which names or levels there are.
    """
    expression, names = _parse(query)
    return _Reader(frame, schema, names).read(expression, 0).true


@dataclass(frozen=True, slots=True)
class _Truth:
    """Of which rows something is true and of which it is false; it is unknown of the others."""

    true: Flags
    false: Flags

    @classmethod
    def known(cls, true: Flags) -> Self:
        return cls(true, ~true)

    def negated(self) -> "_Truth":
        return _Truth(self.false, self.true)


def _parse(query: str) -> tuple[ast.expr, dict[str, str]]:
    """Return the expression, and by stand-in the names that were in back-ticks."""
    if not isinstance(query, str) or not query.strip():
        raise DataError(f"the query is empty or no text; {EXAMPLE}")
    if len(query) > LONGEST:
        raise DataError(f"the query has {len(query):,} characters; at most {LONGEST:,} are read: ask for less at once")
    names: dict[str, str] = {}
    prefix = "quoted_"
    while prefix in query:
        prefix += "_"

    def stand_in(found: re.Match[str]) -> str:
        if found[1] is not None:
            return found[1]
        names[f"{prefix}{len(names)}"] = found[2]
        return f" {prefix}{len(names) - 1} "

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as one for a backslash in a level
            tree = ast.parse(f"({QUOTED.sub(stand_in, query)}\n)", mode="eval")  # over as many lines as it has
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise DataError(
            f"the query cannot be read; {EXAMPLE}, and put a name that is no plain word in back-ticks"
        ) from None
    return tree.body, names


class _Reader:
    """Walks one expression over one frame."""

    def __init__(self, frame: pd.DataFrame, schema: CohortSchema, names: dict[str, str]) -> None:
        self._frame = frame
        self._schema = schema
        self._names = names

    def read(self, node: ast.expr, depth: int) -> _Truth:
        if depth > DEEPEST:
            raise DataError(f"the query is nested more than {DEEPEST} deep; write it flatter")
        match node:
            case ast.BoolOp(op=op, values=values):
                parts = [self.read(value, depth + 1) for value in values]
                return _all(parts) if isinstance(op, ast.And) else _any(parts)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self.read(operand, depth + 1).negated()
            case ast.Compare(left=left, ops=ops, comparators=rights):
                sides = [left, *rights]
                return _all([self._compare(sides[k], op, sides[k + 1]) for k, op in enumerate(ops)])
            case ast.Name():
                raise _nonsense(f"say with what {_shown(self._name(node))} is to be compared")
            case _:
                raise _nonsense("a query holds only comparisons, joined by and, or and not")

    def _compare(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> _Truth:
        if self._is_variable(right) and not self._is_variable(left) and not isinstance(op, ast.In | ast.NotIn):
            left, op, right = right, MIRRORED.get(type(op), op), left
        if not self._is_variable(left) or self._is_variable(right):
            raise _nonsense("compare a recorded variable with a value")
        variable = self._variable(left)
        if isinstance(op, ast.In | ast.NotIn):
            if not isinstance(right, ast.List | ast.Tuple | ast.Set):
                raise _nonsense(f"after 'in' comes a list, as in {variable} in [...]")
            parts = [self._equals(variable, self._value(one)) for one in right.elts]
            one_of = _any(parts) if parts else _Truth.known(np.zeros(len(self._frame), dtype=bool))
            return one_of if isinstance(op, ast.In) else one_of.negated()
        value = self._value(right)
        if type(op) in ORDERINGS:
            return self._ordered(variable, ORDERINGS[type(op)], value)
        if isinstance(op, ast.Is | ast.IsNot) and value is not None:
            raise _nonsense("'is' goes only with missing; use == for a value")
        equal = self._equals(variable, value)
        return equal.negated() if isinstance(op, ast.NotEq | ast.IsNot) else equal

    def _equals(self, variable: str, value: Value) -> _Truth:
        if value is None:
            return _Truth.known(self._frame[variable].isna().to_numpy(dtype=bool))
        if not self._is_category(variable):
            return self._ordered(variable, np.equal, value)
        recorded = self._frame[variable].astype(object).fillna(MISSING).to_numpy()
        if not isinstance(value, str):
            raise _nonsense(f"{_shown(variable)} is a category; compare it with text in quotes")
        if value not in recorded and value != MISSING:
            there = sorted(set(recorded))
            more = f" and {len(there) - NAMED} more" if len(there) > NAMED else ""
            raise _nonsense(
                f"no encounter has the level {_shown(value)} of {_shown(variable)}{_nearest(value, there)}; "
                f"there are: {', '.join(map(_shown, there[:NAMED]))}{more}"
            )
        return _Truth.known(recorded == value)

    def _ordered(self, variable: str, relation: Callable[..., Any], value: Value) -> _Truth:
        if self._is_category(variable):
            raise _nonsense(f"{_shown(variable)} is a category, whose levels have no order; use == or in")
        if not isinstance(value, float):
            raise _nonsense(f"{_shown(variable)} is a number; compare it with a number, or write: is missing")
        numbers: Vector = self._frame[variable].to_numpy(dtype=float, na_value=np.nan)
        recorded, true = ~np.isnan(numbers), relation(numbers, value)
        return _Truth(true & recorded, ~true & recorded)

    def _value(self, node: ast.expr) -> Value:
        """Return a number, a text, or None for missing."""
        match node:
            case ast.Constant(value=None) | ast.Name(id="missing"):
                return None
            case ast.Constant(value=str(text)):
                return text
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=number)):
                return -_number(number)
            case ast.Constant(value=number):
                return _number(number)
            case _:
                raise _nonsense("a value is a number, a text in quotes, or the word missing")

    def _is_variable(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id != "missing"

    def _name(self, node: ast.Name) -> str:
        return self._names.get(node.id, node.id)

    def _variable(self, node: ast.expr) -> str:
        name = self._name(node) if isinstance(node, ast.Name) else ""
        known = (*self._schema.feature_names, self._schema.outcome)
        by_spelling = {unicodedata.normalize("NFKC", one): one for one in known}  # as Python spells its names
        found = name if name in known else by_spelling.get(unicodedata.normalize("NFKC", name))
        if name in (self._schema.encounter_id, self._schema.patient_id):
            raise _nonsense("it asks about recorded variables; name encounters and patients by their ids instead")
        if found is None:
            more = f" and {len(known) - NAMED} more" if len(known) > NAMED else ""
            raise _nonsense(
                f"no recorded variable is called {_shown(name)}{_nearest(name, known)}; "
                f"there are: {', '.join(known[:NAMED])}{more}"
            )
        return found

    def _is_category(self, variable: str) -> bool:
        return variable != self._schema.outcome and self._schema.feature(variable).is_category


def _all(parts: list[_Truth]) -> _Truth:
    return _Truth(
        np.logical_and.reduce([one.true for one in parts]), np.logical_or.reduce([one.false for one in parts])
    )


def _any(parts: list[_Truth]) -> _Truth:
    return _all([one.negated() for one in parts]).negated()


def _number(number: object) -> float:
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise _nonsense("a value is a number, a text in quotes, or the word missing")
    try:
        return float(number)
    except OverflowError:
        raise _nonsense("a number in it is too large") from None


def _nearest(name: str, known: tuple[str, ...] | list[str]) -> str:
    near = difflib.get_close_matches(name[:SHOWN_CHARACTERS], known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _shown(text: str) -> str:
    return repr(text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}...")


def _nonsense(reason: str) -> DataError:
    return DataError(f"the query makes no sense: {reason}")
