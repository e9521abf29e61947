"""How far a question is, and what to do where it failed."""

from clinflu.dashboard.answers import FAILED, WORKING
from clinflu.dashboard.nodes import Child, node
from clinflu.dashboard.questions import doing
from clinflu.dashboard.state import State


def progress_bar(state: State, name: str) -> Child:
    """Return what is being done for a question, or why it has no answer; nothing where it has one or is not asked."""
    found = state.answers.get(name)
    if found is None:
        return None
    if found.status == WORKING:
        return node("p", doing(name, state.screen), class_="clinflu-working", role="status")
    if found.status == FAILED:
        again = node("button", "Try again", type="button", act="again", class_="clinflu-quiet")
        return node("p", found.line, " ", again, class_="clinflu-failed")
    return None
