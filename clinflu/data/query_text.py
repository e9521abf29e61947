"""The text of a query as an expression of Python, which is never executed."""

import ast
import re
import warnings

from clinflu.errors import DataError

LONGEST = 4_000
EXAMPLE = "write it like: age > 70 and not (ward == 'burns')"
SLIPS = {
    r"[&|]": "write and / or in place of & and |",
    r"(?<![=!<>:])=(?!=)": "write == for equal",
    r"\b(AND|OR|NOT|IN|IS)\b": "write and, or, not, in and is in small letters",
}
QUOTED = re.compile(r"""('(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")|`([^`]*)`""", re.DOTALL)


def parse(query: str) -> tuple[ast.expr, dict[str, str]]:
    """Return the expression that a query is, and by stand-in the names that were in back-ticks.

    Raises
    ------
    DataError
        It is no text, too long, or cannot be read.
    """
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
        raise DataError(f"the query cannot be read; {_slip(query)}") from None
    if any(isinstance(node, ast.BitAnd | ast.BitOr) for node in ast.walk(tree)):
        raise nonsense("write and / or in place of & and |")
    return tree.body, names


def _slip(query: str) -> str:
    """Say how to write what is most likely wrong with a query that cannot be read."""
    plain = QUOTED.sub(" ", query)
    for pattern, advice in SLIPS.items():
        if re.search(pattern, plain):
            return advice
    return f"{EXAMPLE}, and put a name that is no plain word in back-ticks"


def nonsense(reason: str) -> DataError:
    """Return the error of a query that can be read and makes no sense."""
    return DataError(f"the query makes no sense: {reason}")
