"""The one thing in the dashboard that changes: the screen, what was before it, and the answers to what it asks."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

from clinflu.analysis.mistakes import check_threshold
from clinflu.analysis.prediction import Prediction, at_threshold
from clinflu.analysis.review import check_says
from clinflu.analysis.subgroup_support import TrainingSubgroup, removable_groups
from clinflu.analysis.what_if.actions import combine
from clinflu.audit import Audit
from clinflu.dashboard.answers import FAILED, PROGRESS, READY, STOPPED, WORKING, Answer, Answers, line_of
from clinflu.dashboard.filing import Filing, joined
from clinflu.dashboard.groups import Offered, offered_groups
from clinflu.dashboard.questions import actions
from clinflu.dashboard.screen import (
    CHIPS,
    EXCLUSIVE,
    LONGEST_NAME,
    LOW,
    NOTHING,
    PAST_PATIENTS,
    PATIENT,
    SORTS,
    WHAT_IF,
    Ask,
    Screen,
    one_line,
)
from clinflu.dashboard.undoing import log_words, step_words
from clinflu.dashboard.worklist import PAGE_ROWS, Worklist
from clinflu.data.arrays import Flags
from clinflu.errors import DataError
from clinflu.findings.sections import SECTIONS
from clinflu.verdicts import RECORD, AccessLog, Subject, Verdict, VerdictStore, verdict
from clinflu.verdicts.verdict import LONGEST_NOTE, account_name, plain_text

KEPT = 500
SCREEN, STATUS = "screen", "status"
THERE = {
    "change": "The answer is there: it is shown under What if.",
    "altered": "The search is done: what it found is shown under What if.",
}
VERDICT_KEPT, VERDICT_GONE = "Your verdict is kept; Undo takes it back.", "Your verdict was taken back."


class State:
    """One session: plain Python, so that every journey can be tested without a browser.

    Parameters
    ----------
    audit : Audit
    store : VerdictStore, optional
        Where verdicts are kept; by default this user's.
    access : AccessLog, optional
        Where it is written down who saw an identifier; by default this user's.
    role : str
        ``"clinician"`` or ``"analyst"``.

    Attributes
    ----------
    screen : Screen
    checkpoints : dict of str to Screen
    status, error : str
        One line each for the user; never a value of a patient.
    stamp : int
        Goes up with every other subject.
    awaited : str
        The question that the user has just asked, to whose answer the reader is to be led; empty after another step.
    """

    def __init__(
        self,
        audit: Audit,
        store: VerdictStore | None = None,
        access: AccessLog | None = None,
        role: str = "clinician",
    ) -> None:
        self.audit = audit
        self.names = audit.pseudonyms
        self.worklist = Worklist(audit)
        self.role = role
        self.checkpoints: dict[str, Screen] = {}
        self._answers = Answers(audit, self._hear)
        self.status = self.error = self.awaited = ""
        self.stamp = 0
        self.revealed = self.help_open = False
        self._filing = Filing(audit.study.fingerprint, store)
        self._access = access
        self._past: list[Screen] = []
        self._future: list[Screen] = []
        self._watchers: list[Callable[[str], None]] = []
        self.screen = Screen(threshold=audit.threshold, author=account_name())

    # What the screen asks.

    @property
    def answers(self) -> dict[str, Answer]:
        """The answers to the questions of ``QUESTIONS`` that the screen asks, by name; never of another screen."""
        return self._answers.found

    def answer(self, name: str) -> Any:
        """Return the answer to a question of this screen, None where it is not there."""
        found = self.answers.get(name)
        return found.value if found and found.status == READY else None

    @property
    def prediction(self) -> Prediction:
        """The explanation of the chosen prediction, at the threshold on the screen."""
        found: Prediction = self.answer("prediction")
        return at_threshold(found, self.screen.threshold)

    @property
    def low(self) -> Flags | None:
        """Whose support is low, None where that is not known yet."""
        table = self.answer("support")
        return None if table is None else table["low"].to_numpy()

    @cached_property
    def groups(self) -> tuple[TrainingSubgroup, ...]:
        """The groups of past patients that can be left out."""
        return removable_groups(self.audit.study)

    @cached_property
    def offered_groups(self) -> tuple[Offered, ...]:
        """All groups of past patients, those that cannot be left out with the reason."""
        return offered_groups(self.audit)

    @property
    def is_working(self) -> bool:
        """Whether an answer is still to come."""
        return any(one.status == WORKING for one in self.answers.values())

    @property
    def can_undo(self) -> bool:
        """Whether there is a screen before this one."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether a step was undone."""
        return bool(self._future)

    # What the user does.

    def choose(self, encounter_id: str) -> None:
        """Explain another prediction."""
        self.audit.cohort.position(encounter_id)
        if encounter_id == self.screen.encounter_id:
            return
        self._go(encounter_id=encounter_id, step=PATIENT, ticked=(), asked=None, group=(), variable="", value="")
        self._say(f"Showing {self.names.encounter(encounter_id)}.")

    def open_past_patients(self) -> None:
        """Ask which past patients taught the chosen prediction."""
        self._require_choice()
        self._go(step=max(self.screen.step, PAST_PATIENTS))

    def open_what_if(self) -> None:
        """Open what can be asked about the chosen prediction."""
        self._require_choice()
        self._go(step=WHAT_IF)

    def set_threshold(self, threshold: float) -> None:
        """Move the alert threshold."""
        self._go(threshold=check_threshold(threshold), page=0)

    def toggle_chip(self, chip: str) -> None:
        """List only those for whom this holds, or no longer only those."""
        if chip not in CHIPS:
            raise DataError("there is no such filter; choose one of those shown")
        others = {one for pair in EXCLUSIVE if chip in pair for one in pair if one != chip}
        on = [one for one in self.screen.chips if one not in others]
        self._go(chips=tuple(one for one in CHIPS if (one in on) != (one == chip)), page=0)

    def clear_filters(self) -> None:
        """List everybody."""
        self._go(chips=(), search="", page=0)

    def search(self, text: str) -> None:
        """List only those that hold this text."""
        self._go(search=str(text)[:LONGEST_NAME], page=0)

    def sort(self, how: str) -> None:
        """List in another order."""
        if how not in SORTS:
            raise DataError("there is no such order; choose one of those shown")
        self._go(sort=how, page=0)

    def turn_to(self, page: int) -> None:
        """Show another window of the list."""
        pages = -(-len(self.worklist.order(self.screen, self.low)) // PAGE_ROWS)
        self._go(page=min(max(int(page), 0), max(pages - 1, 0)))

    def past_encounter(self, name: str) -> str:
        """Return the past encounter on the screen that bears a pseudonym.

        Raises
        ------
        DataError
            None of those shown does.
        """
        found = self.answer("estimates")
        shown = [] if found is None else [*found.toward_error.index, *found.against.index]
        for encounter_id in shown:
            if self.names.encounter(str(encounter_id)) == name:
                return str(encounter_id)
        raise DataError("that past patient is no longer shown; choose one of those on the screen")

    def tick(self, encounter_id: str, on: bool) -> None:  # noqa: FBT001 what a box says
        """Tick a past encounter, or no longer."""
        self.past_encounter(self.names.encounter(encounter_id))
        others = tuple(one for one in self.screen.ticked if one != encounter_id)
        self._go(ticked=(*others, encounter_id) if on else others)

    def group_by(self, variable: str) -> None:
        """Group the past patients by another recorded variable."""
        if variable not in self.audit.cohort.schema.subgroups:
            raise DataError("there is no such group of patients; choose one of those shown")
        self._go(by=variable)

    def prepare(self, **boxes: Any) -> None:
        """Keep what stands in the boxes of a what-if, before anything is asked."""
        self._go(**boxes)

    def ask(self, ask: Ask) -> None:
        """Ask what if."""
        self._require_choice()
        if not ask.fewest:
            asked = actions(self.audit, ask)
            if not ask.group:  # a group comes from the list; who was ticked and what was typed may make no sense
                combine(self.audit.study, asked)
        failed = self.answers.get("change")
        if ask == self.screen.asked and failed is not None and failed.status == FAILED:
            self.try_again()
        self._go(step=WHAT_IF, asked=ask)
        self._await("change")

    def ask_altered(self) -> None:
        """Ask how much one altered past record could change the chosen prediction."""
        self._require_choice()
        failed = self.answers.get("altered")
        if failed is not None and failed.status == FAILED:
            self.try_again()
        self._go(step=WHAT_IF, altered_for=self.screen.encounter_id)
        self._await("altered")

    def judge(self, subject: Subject, encounter_id: str, says: str, note: str = "") -> None:
        """Say what is to be thought of the prediction, or of a past record; an empty word takes it back."""
        self._require_choice()
        name, about = self._named(subject, encounter_id)
        kept = tuple(
            one for one in self.screen.verdicts if (one.subject, one.encounter, one.about) != (subject, name, about)
        )
        if says:
            said = verdict(subject, name, says, about=about, note=note, author=self.screen.author)
            kept = (*kept, said)
        self._go(verdicts=kept)
        self._say(VERDICT_KEPT if says else VERDICT_GONE)

    def verdict_of(self, subject: Subject, encounter_id: str) -> Verdict | None:
        """Return what was said of the prediction, or of a past record in its explanation."""
        name, about = self._named(subject, encounter_id)
        found = (
            one for one in self.screen.verdicts if (one.subject, one.encounter, one.about) == (subject, name, about)
        )
        return next(found, None)

    def sign(self, author: str, subject: Subject, encounter_id: str) -> None:
        """Say who says it: the verdict that stands there, and those to come."""
        name, said = one_line(author) or account_name(), self.verdict_of(subject, encounter_id)
        others = tuple(one for one in self.screen.verdicts if one != said)
        again = () if said is None else (replace(said, author=name),)
        self._go(author=name, verdicts=(*others, *again))

    def look_at(self, section: str) -> None:
        """Show a section of what is found about the model as a whole; an empty name for none."""
        if section and section not in SECTIONS:
            raise DataError("there is no such section; choose one of those shown")
        self._go(section=section)

    # The chart-review queue.

    def open_queue(self) -> None:
        """Open the chart-review queue, and read what others said of past records; again: read it anew."""
        self._go(queue_open=True, said_by_others=self._filing.others())

    def close_queue(self) -> None:
        """Close the queue; what was said stays said."""
        self._go(queue_open=False, queue_place=0, queue_note="")

    def turn_queue(self, place: int) -> None:
        """Show another undecided record of the queue."""
        self._go(queue_place=min(max(int(place), 0), len(self.audit.train_rows) - 1), queue_note="")

    def note_in_queue(self, note: str) -> None:
        """Keep what is to go with the next verdict."""
        self._go(queue_note=plain_text(note)[:LONGEST_NOTE])

    def sign_queue(self, author: str) -> None:
        """Say who reviews from now on."""
        self._go(author=one_line(author) or account_name())

    def review(self, name: str, says: str) -> None:
        """Say what is to be thought of the record of the queue that bears a pseudonym."""
        listed = self.answer("suspect")
        shown = listed.suspects if listed else ()
        suspect = next((one for one in shown if self.names.encounter(one.encounter_id) == name), None)
        if suspect is None:
            raise DataError("that record is no longer shown; judge the one on the screen")
        check_says(suspect.outcome, says)
        said = verdict("record", name, says, note=self.screen.queue_note, author=self.screen.author)
        others = self._filing.others()
        self._go(verdicts=(*self._without(name), said), queue_note="", said_by_others=others)
        self._say(f"Kept: {name}, {RECORD[says]}. It can be taken back below, or with Undo.")

    def take_back(self, name: str) -> None:
        """Take back what this session said of a past record in the queue."""
        kept = self._without(name)
        if len(kept) == len(self.screen.verdicts):
            raise DataError("this session said nothing of that record; only what it said can be taken back here")
        gone = set(self.screen.verdicts) - set(kept)  # where the session was opened from a file, another filed it
        self._go(verdicts=kept, said_by_others=tuple(one for one in self._filing.others() if one not in gone))
        self._say(f"Taken back: the verdict on {name}.")

    def _without(self, name: str) -> tuple[Verdict, ...]:
        mine = ("record", name, "")
        return tuple(one for one in self.screen.verdicts if (one.subject, one.encounter, one.about) != mine)

    # What is only shown for a while.

    def reveal(self) -> None:
        """Show the identifier of the chosen encounter, once that is written down."""
        self._require_choice()
        if self._access is None:
            self._access = AccessLog.of_this_user()
        self._access.record(self.names.encounter(self.screen.encounter_id), self.screen.author)
        self.revealed = True
        self._tell(SCREEN)

    def hide(self) -> None:
        """Show the pseudonym alone again."""
        self.revealed = False
        self._tell(SCREEN)

    def toggle_help(self) -> None:
        """Open the help, or close it."""
        self.help_open = not self.help_open
        self._tell(STATUS)

    def stop(self) -> None:
        """Stop all that is still being worked on."""
        self._answers.stop()
        self._say(STOPPED)
        self._tell(SCREEN)

    def try_again(self) -> None:
        """Ask again what failed or was stopped."""
        self._answers.forget_failures()
        self._tell(SCREEN)

    # Back and forth.

    def undo(self) -> None:
        """Return to the screen before."""
        if not self._past:
            raise DataError("there is nothing to undo")
        before = self._past[-1]
        current = self.screen
        self._enter(before)
        self._past.pop()
        self._future.append(current)
        self._say(f"Undone: {step_words(before, current, self.names.encounter)}.{log_words(current, before)}")

    def redo(self) -> None:
        """Return to the screen that was undone."""
        if not self._future:
            raise DataError("there is nothing to redo")
        after = self._future[-1]
        current = self.screen
        self._enter(after)
        self._future.pop()
        self._past.append(current)
        self._say(f"Done again: {step_words(current, after, self.names.encounter)}.{log_words(current, after)}")

    def keep(self, name: str) -> None:
        """Keep the screen under a name."""
        text = one_line(name)
        if not text:
            raise DataError("give the checkpoint a name first")
        self.checkpoints[text] = self.screen
        self._say("Checkpoint kept.")
        self._tell(SCREEN)

    def return_to(self, name: str) -> None:
        """Return to a screen that was kept."""
        if name not in self.checkpoints:
            raise DataError("there is no such checkpoint; choose one of those shown")
        self.open(self.checkpoints[name])

    def open(self, screen: Screen) -> None:
        """Go to a whole screen; what was said since then stays said."""
        order = self.worklist.order(screen, self.low)
        last = max(-(-len(order) // PAGE_ROWS) - 1, 0)
        page = screen.page if LOW in screen.chips and self.low is None else min(screen.page, last)
        self._push(replace(screen, page=page, verdicts=joined(screen.verdicts, self.screen.verdicts)))

    # Who watches.

    def watch(self, tell: Callable[[str], None]) -> None:
        """Call a function whenever something changes: with ``"screen"``, ``"status"`` or the name of a question."""
        self._watchers.append(tell)

    def acting(self, action: Callable[..., None]) -> Callable[..., None]:
        """Return the action as a callback of the user's: the last error is gone, a new one is shown."""
        run = self.guarded(action)

        def start(*values: Any) -> None:
            if self.error:
                self.error = ""
                self._tell(STATUS)
            run(*values)

        return start

    def guarded(self, action: Callable[..., None]) -> Callable[..., None]:
        """Return the action with every exception turned into one line for the user; nothing of it is logged."""

        def run(*values: Any) -> None:
            try:
                action(*values)
            except Exception as error:  # noqa: BLE001
                self._fail(line_of(error))

        return run

    def say(self, line: str) -> None:
        """Say something in the status line."""
        self._say(line)

    # Inside.

    def _go(self, **changes: Any) -> None:
        self._push(replace(self.screen, **changes))

    def _push(self, screen: Screen) -> None:
        if screen == self.screen:
            return
        before = self.screen
        self._enter(screen)
        self._past = [*self._past[-KEPT:], before]
        self._future.clear()
        self._tell(STATUS)

    def _enter(self, screen: Screen) -> None:
        """Go to a screen: everything that can fail comes first, so that a failure changes nothing."""
        found = self._answers.at_once(screen)
        self._filing.file(self.screen.verdicts, screen.verdicts)
        subject = screen.encounter_id != self.screen.encounter_id
        self.stamp += subject
        self.revealed = self.revealed and not subject
        self.screen, self.error, self.status, self.awaited = screen, "", "", ""
        self._answers.enter(screen, found)
        self._tell(SCREEN)

    def _await(self, name: str) -> None:
        """Lead the reader to an answer: at once where it is there, else as soon as it is."""
        self.awaited, self.status = name, ""
        self._hear(name if self.answers[name].status != WORKING else PROGRESS)

    def _named(self, subject: Subject, encounter_id: str) -> tuple[str, str]:
        here = self.names.encounter(self.screen.encounter_id)
        return (here, "") if subject == "prediction" else (self.names.encounter(encounter_id), here)

    def _require_choice(self) -> None:
        if self.screen.encounter_id == NOTHING:
            raise DataError("choose a prediction from the list first")

    def _fail(self, line: str) -> None:
        self.error, self.status = line, ""
        self._tell(STATUS)

    def _say(self, line: str) -> None:
        self.status = line
        self._tell(STATUS)

    def _hear(self, what: str) -> None:
        """Pass on what happened to an answer; what fails on the way is one line for the user."""
        if what == self.awaited and self.answer(what) is not None:
            self.status = THERE[what]
        self.guarded(self._tell)(STATUS if what == PROGRESS else what)

    def _tell(self, what: str) -> None:
        for tell in self._watchers:
            tell(what)
