"""Panel of the analyst: the chart-review queue, one past record at a time, and what mended labels are worth."""

from collections.abc import Callable
from math import isnan
from typing import Any, ClassVar

from clinflu.analysis.review import DISPUTED, Gain, Queue, Suspect
from clinflu.analysis.review.decisions import words_of
from clinflu.analysis.review.gain import METHOD
from clinflu.analysis.review.stopping import NOISE
from clinflu.dashboard.nodes import Child, Node, node, paragraphs, table
from clinflu.dashboard.panels.panel import TreePanel
from clinflu.dashboard.panels.verdicts import NOTE_LENGTH, possible
from clinflu.dashboard.panels.working import progress_bar
from clinflu.dashboard.python_text import OPENED
from clinflu.dashboard.reviewing import Measured
from clinflu.dashboard.wording import count

WHAT_IT_IS = (
    "Past records whose outcome the model finds hardest to believe, for somebody who can open the charts. A label that "
    "is found wrong is mended in training, and the model is refitted and judged on patients set aside to confirm."
)
WHY_ORDER = "Why the records stand in this order"
PLACEHOLDER = "Note: what the chart says. No names or numbers of patients: it cannot be erased"
FIXED = (
    "Planned and transfer: no event. Wrong patient: the other outcome. Died: left out of training, since who died "
    "could not be readmitted."
)


class Review(TreePanel):
    """Show the record to be checked next, with the reasons, and what was found so far."""

    title: ClassVar[str] = "Chart review"
    name: ClassVar[str] = "review"
    answers: ClassVar[tuple[str, ...]] = ("ranking", "suspect", "gain")

    def body(self, encounter_id: str) -> Child:  # noqa: ARG002
        """Return the record, the verdicts, the gain and whether to go on."""
        if not self._state.screen.queue_open:
            start = node("button", "Open the queue", type="button", act="open", class_="clinflu-primary")
            return [node("p", WHAT_IT_IS), node("p", start)]
        return [
            node("p", NOISE, class_="clinflu-note"),
            node("div", self._record(), class_="clinflu-review-record"),
            node("div", self._found(), class_="clinflu-review-found"),
            node("p", self._buttons(), class_="clinflu-line"),
        ]

    def calls(self, encounter_id: str) -> str:  # noqa: ARG002
        """Return the calls behind the queue and the gain."""
        if not self._state.screen.queue_open:
            return ""
        return (
            f"{OPENED}\nfrom clinflu.analysis.review import queue, review\n"
            "queue(audit.study).to_frame()\n"
            "found = review(audit.study, audit.verdicts(), audit.pseudonyms)\n"
            "found.gains, found.stopping"
        )

    def acts(self) -> dict[str, Callable[[str, Any], None]]:
        """Return what can be done here."""
        state = self._state
        return {
            "open": lambda *_: state.open_queue(),
            "close": lambda *_: state.close_queue(),
            "turn": lambda key, _: state.turn_queue(int(key)),
            "note": lambda _, value: state.note_in_queue(str(value or "")),
            "sign": lambda _, value: state.sign_queue(str(value or "")),
            "says": self._say,
            "take-back": lambda key, _: state.take_back(key),
            "again": lambda *_: state.try_again(),
        }

    def _say(self, key: str, _: Any) -> None:
        name, _, says = key.partition(" ")
        self._state.review(name, says)

    def _record(self) -> Child:
        found: Queue | None = self._state.answer("suspect")
        if found is None:
            waiting = (progress_bar(self._state, name) for name in ("ranking", "suspect"))
            return next((one for one in waiting if one is not None), None)
        if not found.suspects:
            return node("p", "No undecided record is left in the queue.", class_="clinflu-empty")
        (one,) = found.suspects
        name = self._state.names.encounter(one.encounter_id)
        return [
            node("details", node("summary", WHY_ORDER), node("p", found.order_words), key="order"),
            node("h3", f"{name}, place {one.rank:,} of {found.records:,}"),
            node("p", f"Patient {self._state.names.patient(one.patient_id)}.", class_="clinflu-note"),
            node("ul", [node("li", text) for text in found.reason(one)], class_="clinflu-values"),
            self._verdict(name, one),
            self._turning(),
        ]

    def _verdict(self, name: str, one: Suspect) -> Node:
        buttons = [
            node("button", words, type="button", act="says", key=f"{name} {word}", class_="clinflu-quiet")
            for word, words in possible(one.outcome).items()
        ]
        note = node(
            "textarea", self._state.screen.queue_note, value=self._state.screen.queue_note, act="note", key=name,
            rows="2", maxlength=NOTE_LENGTH, placeholder=PLACEHOLDER, aria_label=f"Note on {name}",
        )  # fmt: skip
        author = node(
            "input", type="text", value=self._state.screen.author, act="sign", maxlength="80", aria_label="Your name"
        )
        return node(
            "fieldset",
            node("legend", "After looking at the chart, this record is"),
            note,
            node("div", buttons, class_="clinflu-line", role="group", aria_label=f"Verdict on {name}"),
            node("div", node("span", "Your name"), author, class_="clinflu-line"),
            node("p", FIXED, class_="clinflu-note"),
            class_="clinflu-verdict",
            key=f"review {name}",
        )

    def _turning(self) -> Node:
        place = self._state.screen.queue_place
        before = node(
            "button", "The one before", type="button", act="turn", key=str(place - 1), disabled=not place,
            class_="clinflu-quiet",
        )  # fmt: skip
        after = node("button", "Pass it over", type="button", act="turn", key=str(place + 1), class_="clinflu-quiet")
        return node("p", before, " ", after, class_="clinflu-line")

    def _found(self) -> Child:
        found: Measured | None = self._state.answer("gain")
        if found is None:
            return progress_bar(self._state, "gain")
        return [
            node("p", found.stopping.words, class_="clinflu-headline"),
            paragraphs(*found.decisions.notes, class_="clinflu-note"),
            gain_nodes(found.gains),
            self._decided(found),
        ]

    def _decided(self, found: Measured) -> Child:
        frame = found.decisions.frame
        if frame.empty:
            return None
        names = self._state.names.encounters(map(str, frame.index))
        mine = {one.encounter for one in self._state.screen.verdicts if one.subject == "record" and not one.about}
        rows = [
            (
                node("span", name, class_="clinflu-name"),
                words_of(row["says"]),
                _by(row),
                row["note"],
                self._taking_back(name) if name in mine else "",
            )
            for name, row in zip(names, frame.to_dict("records"), strict=True)
        ]
        heads = ("Past record", "Verdict", "Said by", "Note", "Undo")
        return table("Reviewed so far", heads, rows)

    def _taking_back(self, name: str) -> Node:
        return node(
            "button", "Take back", type="button", act="take-back", key=name, class_="clinflu-quiet",
            aria_label=f"Take back the verdict on {name}",
        )  # fmt: skip

    def _buttons(self) -> Child:
        quiet = "clinflu-quiet"
        return [
            node("button", "Read what others said", type="button", act="open", class_=quiet),
            node("button", "Close the queue", type="button", act="close", class_=quiet),
        ]


def gain_nodes(gains: tuple[Gain, ...]) -> list[Node]:
    """Return the gain of all mended labels, and after each, as words and tables."""
    if not gains:
        return paragraphs("No label was mended yet.")
    last = gains[-1]
    if not last.mended:
        return paragraphs(last.words)
    rows = [
        (one.label, _number(one.before), _number(one.after), _number(one.change), _between(one.low, one.high), one.says)
        for one in last.metrics
    ]
    heads = ("Metric", "As recorded", "Mended", "Change", f"{100 * last.level:.0f} % interval", "The change is")
    steps = [
        (count(one.mended, "label"), *(f"{_number(metric.change)}: {metric.says}" for metric in one.metrics))
        for one in gains
    ]
    each = table("After each of the last mended labels", ("Mended", *(one.label for one in last.metrics)), steps)
    return [
        node("p", last.words),
        table("All mended labels together", heads, rows, numbers=(1, 2, 3, 4)),
        node("p", f"{METHOD[0].upper()}{METHOD[1:]}. Each interval is for one look.", class_="clinflu-note"),
        node("details", node("summary", "After each of the last mended labels"), each, key="each"),
    ]


def _by(row: dict[str, Any]) -> str:
    more = int(row["reviewers"]) - 1
    others = f" and {count(more, 'other')}" if more else ""
    contradict = ", who contradict each other" if row["says"] == DISPUTED else ""
    return f"{row['author']}{others}{contradict}"


def _number(value: float) -> str:
    return "not known" if isnan(value) else f"{value:.5f}".replace("-", "−")


def _between(low: float, high: float) -> str:
    return "too few" if isnan(low) else f"{_number(low)} to {_number(high)}"
