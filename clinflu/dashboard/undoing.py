"""What a step did, in words, for the line that says what was undone and done again."""

from collections.abc import Callable

from clinflu.dashboard.filing import Verdicts
from clinflu.dashboard.screen import NOTHING, PAST_PATIENTS, Screen
from clinflu.dashboard.wording import count
from clinflu.verdicts import Verdict

Name = Callable[[str], str]

BOXES = "what stood in the boxes of What if"
WORDS = {
    "threshold": "the alert threshold",
    "chips": "the filter",
    "search": "the search",
    "sort": "the order of the list",
    "by": "the grouping of past patients",
    "asked": "the what-if question",
    "altered_for": "the search how much one altered past record could change",
    "section": "the section of the whole model",
    "queue_open": "opening or closing the queue",
    **dict.fromkeys(("action", "group", "variable", "value"), BOXES),
}
FOLLOWING = {  # said only where nothing that they follow from was changed
    "author": "your name",
    "queue_place": "passing over a record",
    "queue_note": "the note in the queue",
    "page": "turning the page",
    "said_by_others": "reading what others said",
}
TO_THE_LOG = {
    "withdrawn": ("The log says that it was withdrawn", "The log says that {} were withdrawn"),
    "given": ("It stands in the log again", "{} stand in the log again"),
    "changed": ("The log holds the verdict as it is shown now", "The log holds {} as they are shown now"),
}


def step_words(before: Screen, after: Screen, name: Name) -> str:
    """Return what led from one screen to the next.

    Parameters
    ----------
    before, after : Screen
    name : callable
        Encounter id -> its pseudonym.
    """
    if after.encounter_id != before.encounter_id:
        chosen = after.encounter_id != NOTHING
        return f"choosing {name(after.encounter_id)}" if chosen else f"leaving {name(before.encounter_id)}"
    said = [*_judged(before.verdicts, after.verdicts), *_ticked(before, after, name), *_changed(WORDS, before, after)]
    if not said and after.step != before.step:
        said = ["opening the past patients" if max(after.step, before.step) == PAST_PATIENTS else "opening What if"]
    return " and ".join(dict.fromkeys(said or _changed(FOLLOWING, before, after)))


def log_words(left: Screen, entered: Screen) -> str:
    """Return what going from one screen to another did to the log of verdicts; empty where nothing."""
    was, now = _by_target(left.verdicts), _by_target(entered.verdicts)
    done = {
        "withdrawn": was.keys() - now.keys(),
        "given": now.keys() - was.keys(),
        "changed": {one for one in was.keys() & now.keys() if was[one] != now[one]},
    }
    found = [_counted(TO_THE_LOG[how], len(targets)) for how, targets in done.items() if targets]
    return "".join(f" {words}." for words in found)


def _counted(words: tuple[str, str], verdicts: int) -> str:
    one, several = words
    return one if verdicts == 1 else several.format(count(verdicts, "verdict"))


def _changed(words: dict[str, str], before: Screen, after: Screen) -> list[str]:
    return [text for field, text in words.items() if getattr(before, field) != getattr(after, field)]


def _ticked(before: Screen, after: Screen, name: Name) -> list[str]:
    changed = sorted({*before.ticked} ^ {*after.ticked})
    return [f"the tick on {name(one)}" for one in changed[:1]] if len(changed) == 1 else ["the ticks"] * bool(changed)


def _judged(before: Verdicts, after: Verdicts) -> list[str]:
    was, now = _by_target(before), _by_target(after)
    given = [f"verdict on {one.encounter}" for target, one in now.items() if target not in was]
    gone = [f"taking back the verdict on {one.encounter}" for target, one in was.items() if target not in now]
    kept = [_change(was[target], one) for target, one in now.items() if was.get(target, one) != one]
    return [*given, *gone, *kept]


def _change(was: Verdict, now: Verdict) -> str:
    if was.says != now.says:
        return f"the change of the verdict on {now.encounter}"
    what = "note on" if was.note != now.note else "name under"
    return f"the {what} the verdict on {now.encounter}"


def _by_target(verdicts: Verdicts) -> dict[tuple[str, str, str], Verdict]:
    return {(one.subject, one.encounter, one.about): one for one in verdicts}
