"""Choose encounters by a boolean query over their recorded variables, such as ``age > 70 and not ward == 'burns'``.

The query is read as a Python expression and walked over a white list of its parts; nothing of it is ever executed.
"""

import ast
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from clinflu.data.arrays import Flags, Rows, Vector
from clinflu.data.asking import NAMED, levels_there, nearest, shortened
from clinflu.data.code_sets import holding
from clinflu.data.design import MISSING
from clinflu.data.levels import level_codes
from clinflu.data.query_text import nonsense, parse
from clinflu.data.schema import CohortSchema
from clinflu.errors import DataError

DEEPEST = 40
ORDERINGS: dict[type[ast.cmpop], Callable[..., Any]] = {ast.Lt: np.less, ast.LtE: np.less_equal}
ORDERINGS |= {ast.Gt: np.greater, ast.GtE: np.greater_equal}
MIRRORED: dict[type[ast.cmpop], ast.cmpop] = {
    ast.Lt: ast.Gt(),
    ast.Gt: ast.Lt(),
    ast.LtE: ast.GtE(),
    ast.GtE: ast.LtE(),
}
NOT_RECORDED = ("nan", "na", "nat", "null")

Value = float | str | None


def matching(query: str, frame: pd.DataFrame, schema: CohortSchema) -> Flags:
    """Return which rows of a cohort's frame a query is true of, (n,).

    Parameters
    ----------
    query : str
        ``and``, ``or``, ``not``, comparisons (also chained, ``0 < visits <= 3``), ``in`` and ``not in`` with a list,
        ``is missing``, ``'I10' in diagnoses`` of a set of codes; over the recorded variables and the outcome. A name
        that is no plain word stands in
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
    expression, names = parse(query)
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


class _Reader:
    """Walks one expression over one frame."""

    def __init__(self, frame: pd.DataFrame, schema: CohortSchema, names: dict[str, str]) -> None:
        self._frame = frame
        self._schema = schema
        self._names = names
        self._known = (*schema.feature_names, schema.outcome)
        self._categories: dict[str, tuple[Rows, dict[str, int]]] = {}  # converted only once, however long the query
        self._numbers: dict[str, Vector] = {}

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
                raise nonsense(f"say with what {shortened(self._name(node))} is to be compared")
            case _:
                raise nonsense("a query holds only comparisons, joined by and, or and not")

    def _compare(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> _Truth:
        if self._is_variable(right) and not self._is_variable(left) and not isinstance(op, ast.In | ast.NotIn):
            left, op, right = right, MIRRORED.get(type(op), op), left
        if self._is_variable(left) and self._is_variable(right) and not isinstance(op, ast.In | ast.NotIn):
            self._refuse_two_names(left, right)
        if isinstance(op, ast.In | ast.NotIn) and not self._is_variable(left) and self._is_set(right):
            held = self._holding(self._variable(right), self._value(left))
            return held if isinstance(op, ast.In) else held.negated()
        named = self._is_variable(right) and not isinstance(op, ast.In | ast.NotIn)
        if not self._is_variable(left) or named:
            raise nonsense("compare a recorded variable with a value")
        variable = self._variable(left)
        if isinstance(op, ast.In | ast.NotIn):
            if not isinstance(right, ast.List | ast.Tuple | ast.Set):
                raise nonsense(f"after 'in' comes a list, as in {variable} in [...]")
            one_of = self._one_of(variable, [self._value(one) for one in right.elts])
            return one_of if isinstance(op, ast.In) else one_of.negated()
        value = self._value(right)
        if type(op) in ORDERINGS:
            return self._ordered(variable, ORDERINGS[type(op)], value)
        if isinstance(op, ast.Is | ast.IsNot) and value is not None:
            raise nonsense("'is' goes only with missing; use == for a value")
        equal = self._equals(variable, value)
        return equal.negated() if isinstance(op, ast.NotEq | ast.IsNot) else equal

    def _equals(self, variable: str, value: Value) -> _Truth:
        if value is None:
            return _Truth.known(self._frame[variable].isna().to_numpy(dtype=bool))
        return self._one_of(variable, [value])

    def _one_of(self, variable: str, values: list[Value]) -> _Truth:
        """Return of which rows the variable has one of some values; None stands for missing."""
        if not values:
            return _Truth.known(np.zeros(len(self._frame), dtype=bool))
        given = [value for value in values if value is not None]
        if self._is_codes(variable):
            if given:
                raise self._no_single_value(variable)
            return self._equals(variable, None)
        if self._is_category(variable):
            codes, _ = self._coded(variable)
            found = _Truth.known(np.isin(codes, [self._code(variable, value) for value in given]))
        else:
            numbers, wanted = self._numeric(variable), [self._number_for(variable, value) for value in given]
            member, recorded = np.isin(numbers, wanted), ~np.isnan(numbers)
            found = _Truth(member, ~member & recorded)
        return found if len(given) == len(values) else _any([found, self._equals(variable, None)])

    def _holding(self, variable: str, code: Value) -> _Truth:
        """Return which rows hold a code of a set; where none is recorded, they do not."""
        if not isinstance(code, str):
            raise nonsense(f"{shortened(variable)} is a set of codes; put the code in quotes")
        held = holding(self._frame[variable], self._schema.feature(variable), code)
        if not held.any():
            raise nonsense(f"no encounter holds the code {shortened(code)} of {shortened(variable)}")
        return _Truth.known(held)

    def _no_single_value(self, variable: str) -> DataError:
        return nonsense(f"{shortened(variable)} is a set of codes; ask whether 'one of them' is in it, or: is missing")

    def _code(self, variable: str, value: Value) -> int:
        """Return the code of a level, -1 where no row has it and yet it may be asked for."""
        codes, levels = self._coded(variable)
        if not isinstance(value, str):
            raise nonsense(f"{shortened(variable)} is a category; compare it with text in quotes")
        if value not in levels and value != MISSING:
            there = np.array(list(levels), dtype=object)[codes]
            raise nonsense(
                f"no encounter has the level {shortened(value)} of {shortened(variable)}{levels_there(value, there)}"
            )
        return levels.get(value, -1)

    def _coded(self, variable: str) -> tuple[Rows, dict[str, int]]:
        """Return the code of each row's level, and the code of each level."""
        if variable not in self._categories:
            codes, levels = level_codes(self._frame[variable])
            self._categories[variable] = codes, {level: code for code, level in enumerate(levels)}
        return self._categories[variable]

    def _numeric(self, variable: str) -> Vector:
        if variable not in self._numbers:
            self._numbers[variable] = self._frame[variable].to_numpy(dtype=float, na_value=np.nan)
        return self._numbers[variable]

    def _number_for(self, variable: str, value: Value) -> float:
        if not isinstance(value, float):
            raise nonsense(f"{shortened(variable)} is a number; compare it with a number, or write: is missing")
        return value

    def _ordered(self, variable: str, relation: Callable[..., Any], value: Value) -> _Truth:
        if self._is_codes(variable):
            raise self._no_single_value(variable)
        if self._is_category(variable):
            raise nonsense(f"{shortened(variable)} is a category, whose levels have no order; use == or in")
        number, numbers = self._number_for(variable, value), self._numeric(variable)
        recorded, true = ~np.isnan(numbers), relation(numbers, number)
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
            case ast.Name():
                raise _no_value(self._name(node))
            case _:
                raise nonsense("a value is a number, a text in quotes, or the word missing")

    def _refuse_two_names(self, left: ast.expr, right: ast.expr) -> None:
        """Raise if one of two names is a variable and the other one is a value without its quotes."""
        names = [self._name(one) for one in (left, right) if isinstance(one, ast.Name)]
        unknown = [name for name in names if self._found(name) is None]
        if len(unknown) == 1:
            raise _no_value(unknown[0])

    def _is_variable(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id != "missing"

    def _name(self, node: ast.Name) -> str:
        return self._names.get(node.id, node.id)

    def _variable(self, node: ast.expr) -> str:
        name = self._name(node) if isinstance(node, ast.Name) else ""
        found = self._found(name)
        if name in (self._schema.encounter_id, self._schema.patient_id):
            raise nonsense("it asks about recorded variables; name encounters and patients by their ids instead")
        if found is None:
            known = self._known
            more = f" and {len(known) - NAMED} more" if len(known) > NAMED else ""
            raise nonsense(
                f"no recorded variable is called {shortened(name)}{nearest(name, known)}; "
                f"there are: {', '.join(known[:NAMED])}{more}"
            )
        return found

    def _found(self, name: str) -> str | None:
        """Return the recorded variable of that name, also where Python spells it otherwise."""
        by_spelling = {unicodedata.normalize("NFKC", one): one for one in self._known}
        return name if name in self._known else by_spelling.get(unicodedata.normalize("NFKC", name))

    def _is_set(self, node: ast.expr) -> bool:
        return self._is_variable(node) and self._is_codes(self._variable(node))

    def _is_codes(self, variable: str) -> bool:
        return variable != self._schema.outcome and self._schema.feature(variable).is_codes

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
        raise nonsense("a value is a number, a text in quotes, or the word missing")
    try:
        return float(number)
    except OverflowError:
        raise nonsense("a number in it is too large") from None


def _no_value(name: str) -> DataError:
    if name.casefold() in NOT_RECORDED:
        return nonsense("to ask for what was not recorded, write: is missing")
    return nonsense(f"no recorded variable is called {shortened(name)}; where it is a text, put text in quotes")
