"""The answers to what a screen asks: some are there at once, others are worked on beside the interface."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from clinflu.audit import Audit
from clinflu.dashboard.jobs import Jobs
from clinflu.dashboard.questions import QUESTIONS, Key, Question
from clinflu.dashboard.screen import Screen
from clinflu.errors import Cancelled, ClinfluError
from clinflu.progress import silent

LOG = logging.getLogger("clinflu.dashboard")
UNEXPECTED = "That step failed, and nothing was changed. Try it again, or choose another prediction."
STOPPED = "Stopped; nothing of it was kept."
WORKING, READY, FAILED = "working", "ready", "failed"
PROGRESS = "progress"


@dataclass(frozen=True, slots=True)
class Answer:
    """How far one question is.

    Parameters
    ----------
    key : hashable
        What it is the answer to.
    status : str
        ``"working"``, ``"ready"`` or ``"failed"``.
    value : object
        Where it is ready.
    done, total : int
        Parts of the work, while it goes on.
    line : str
        Why there is none, for the user.
    since : float
        When the work began, by the monotonic clock.
    """

    key: Key
    status: str
    value: Any = None
    done: int = 0
    total: int = 0
    line: str = ""
    since: float = field(default_factory=time.monotonic, compare=False)


class Answers:
    """Holds the answers to the questions of one screen, and of no other.

    Parameters
    ----------
    audit : Audit
    tell : callable
        Called with the name of a question whenever its answer changed, and with ``"progress"`` while it is worked on.
    """

    def __init__(self, audit: Audit, tell: Callable[[str], None]) -> None:
        self._audit = audit
        self._tell = tell
        self._jobs = Jobs()
        self._screen: Screen | None = None
        self.found: dict[str, Answer] = {}

    def at_once(self, screen: Screen) -> dict[str, Answer]:
        """Return what can be answered at once on a screen, and what holds there of what is known.

        Nothing is changed, so that a failure changes nothing.
        """
        keys = {name: question.key(screen) for name, question in QUESTIONS.items()}
        found = {name: one for name, one in self.found.items() if one.key == keys[name]}
        for name, question in QUESTIONS.items():
            if question.at_once and keys[name] is not None and name not in found:
                found[name] = Answer(keys[name], READY, question.answer(self._audit, screen, silent, None))
        return found

    def enter(self, screen: Screen, found: dict[str, Answer]) -> None:
        """Go on with another screen, and begin what it asks."""
        self._screen, self.found = screen, found
        self.begin()

    def begin(self) -> list[str]:
        """Begin what the screen asks and nothing answers yet; return what was begun."""
        begun = self._announce()
        self._start(begun)
        return begun

    def stop(self) -> None:
        """Stop all that is still being worked on."""
        for name, one in list(self.found.items()):
            if one.status == WORKING:
                self._jobs.stop(name)
                self.found[name] = Answer(one.key, FAILED, line=STOPPED)

    def forget_failures(self) -> None:
        """Begin again what failed or was stopped."""
        self.found = {name: one for name, one in self.found.items() if one.status != FAILED}
        self.begin()

    def _may_begin(self, question: Question) -> bool:
        if not question.after:
            return True
        first = self.found.get(question.after)
        return first is not None and first.status == READY

    def _announce(self) -> list[str]:
        """Note what is about to be worked on, so that no picture says that all is done; return its names."""
        begun = []
        for name, question in QUESTIONS.items():
            if name in self.found or self._screen is None:
                continue
            self._jobs.stop(name)
            key = question.key(self._screen)
            if key is not None and self._may_begin(question):
                begun.append(name)
                self.found[name] = Answer(key, WORKING)
        return begun

    def _start(self, names: list[str]) -> None:
        for name in names:
            if self._screen is not None:
                self._work(name, QUESTIONS[name], self._screen)

    def _work(self, name: str, question: Question, screen: Screen) -> None:
        key = self.found[name].key
        given = self.found[question.after].value if question.after else None

        def finish(value: Any, error: BaseException | None) -> None:
            line = line_of(error) if error else ""
            self.found[name] = Answer(key, FAILED, line=line) if error else Answer(key, READY, value)
            begun = self._announce()
            for told_of in (name, *begun):
                self._tell(told_of)
            self._start(begun)  # only now: it would take its time from the picture

        def told(done: int, total: int) -> None:
            self.found[name] = replace(self.found[name], done=done, total=total)
            self._tell(PROGRESS)

        self._jobs.start(name, lambda progress: question.answer(self._audit, screen, progress, given), finish, told)


def line_of(error: BaseException) -> str:
    """Return one line for the user; of what we did not foresee only the kind is logged."""
    if isinstance(error, Cancelled):
        return STOPPED
    if isinstance(error, ClinfluError):
        return error.one_line
    LOG.error("%s in the dashboard", type(error).__name__)
    return UNEXPECTED
