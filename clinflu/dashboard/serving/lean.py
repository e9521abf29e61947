"""What Jupyter's servers would import and never use."""

import sys

UNUSED = ("rfc3987_syntax",)  # builds a grammar for seconds, for formats of JSON that no server here checks


def leave_out_unused() -> None:
    """Let the imports of these fail; whoever tries them, which is jsonschema, does without.

    It is for a process that is a server and nothing else, before it imports Jupyter.
    """
    for name in UNUSED:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
