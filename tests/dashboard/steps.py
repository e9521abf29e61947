"""What the tests of the page and of its state do and look at alike."""

from clinflu.dashboard.answers import READY
from clinflu.dashboard.questions import QUESTIONS
from clinflu.dashboard.screen import REMOVE, Ask


def past(state, place=0, side="toward_error"):
    """Return the id of a past patient by their place."""
    return str(getattr(state.answer("estimates"), side).index[place])


def other_mistake(audit, place=1):
    """Return the id of another mistake than the worst."""
    return str(audit.mistakes().index[place])


def cards(tree):
    """Return the cards of past patients by their names."""
    return {card.get("data-key"): card for card in tree.all("li", "clinflu-card")}


def every_step(state, encounter_id):
    """Open everything that there is about a prediction."""
    state.choose(encounter_id)
    state.open_past_patients()
    state.open_what_if()
    state.tick(past(state), on=True)
    state.ask(Ask(REMOVE, encounters=state.screen.ticked))


def everything(state):
    """Return all that an action may change."""
    flags = state.stamp, state.revealed, state.help_open, state.can_undo, state.can_redo
    return state.screen, dict(state.answers), dict(state.checkpoints), flags


def assert_answers_belong_to_the_screen(state):
    """Fail where an answer is to another question than the screen asks, or is not there."""
    asked = {name: question.key(state.screen) for name, question in QUESTIONS.items()}
    assert {name: one.key for name, one in state.answers.items()} == {
        name: key for name, key in asked.items() if key is not None
    }
    assert {one.status for one in state.answers.values()} <= {READY}
