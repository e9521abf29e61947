"""Panel: what happened in one sentence, how sure the model is, and what raised and lowered the risk."""

from collections.abc import Callable
from typing import Any, ClassVar

from clinflu.analysis.prediction import Prediction
from clinflu.analysis.sentence import carried, chance, what_happened
from clinflu.dashboard.nodes import Child, Node, chart, node, paragraphs, table
from clinflu.dashboard.panels.panel import TreePanel, nothing_chosen
from clinflu.dashboard.panels.verdicts import judge, note, sign, verdict_box
from clinflu.dashboard.python_text import prediction_calls
from clinflu.dashboard.screen import PATIENT
from clinflu.dashboard.wording import interval, interval_words, percent, points
from clinflu.figures.attribution import attribution_spec, attribution_steps
from clinflu.verdicts import PREDICTION

HINT = "Choose a prediction from the list. The worst misses come first."
DESCRIPTION = (
    "Waterfall chart from the risk of the average past patient to the predicted risk, one bar for each recorded "
    "variable. The table below holds the same numbers."
)


class Patient(TreePanel):
    """Explain the chosen prediction as far as no refit is needed."""

    title: ClassVar[str] = "Why did the model say this?"
    name: ClassVar[str] = "patient"
    answers: ClassVar[tuple[str, ...]] = ("prediction",)

    def body(self, encounter_id: str) -> Child:
        """Return the sentence, the risk, the waterfall and the verdict."""
        if nothing_chosen(encounter_id):
            return node("p", HINT, class_="clinflu-hint")
        prediction = self._state.prediction
        return [
            self._who(encounter_id, prediction),
            _risk(prediction),
            paragraphs(carried(prediction), chance(prediction), *_low_support(prediction)),
            node("p", self._of_the_interval(prediction), class_="clinflu-note"),
            self._numbers(prediction),
            self._notes(prediction),
            self._onward(),
            waterfall(prediction),
            verdict_box(self._state, "prediction", encounter_id, PREDICTION, "Your verdict on this prediction"),
        ]

    def calls(self, encounter_id: str) -> str:
        """Return the calls behind the explanation."""
        return "" if nothing_chosen(encounter_id) else prediction_calls(self._state.screen, self._state.names)

    def acts(self) -> dict[str, Callable[[str, Any], None]]:
        """Return what can be done with the prediction."""
        state = self._state
        return {
            "past": lambda *_: state.open_past_patients(),
            "reveal": lambda *_: state.hide() if state.revealed else state.reveal(),
            "judge": lambda key, value: judge(state, key, value),
            "note": lambda key, value: note(state, key, value),
            "sign": lambda key, value: sign(state, key, value),
        }

    def _who(self, encounter_id: str, prediction: Prediction) -> Node:
        name = self._state.names.encounter(encounter_id)
        parts: list[Child] = [node("strong", name), ": ", what_happened(prediction), " "]
        if self._state.revealed:
            parts += [node("span", f"Identifier {encounter_id}", class_="clinflu-identifier"), " "]
        words = "Hide the identifier" if self._state.revealed else "Reveal the identifier (this is logged)"
        parts.append(node("button", words, type="button", act="reveal", class_="clinflu-quiet clinflu-reveal"))
        return node("p", parts, class_="clinflu-headline")

    def _of_the_interval(self, prediction: Prediction) -> str:
        if self._state.role == "analyst":
            return f"The interval: {prediction.interval.method}."
        return interval_words("the risk", penalised=self._state.audit.model.is_penalised)

    def _numbers(self, prediction: Prediction) -> Child:
        if self._state.role != "analyst":
            return None
        support = prediction.support
        return node(
            "p",
            f"Margin {prediction.margin:+.4f} log-odds; effective number of "
            f"patients {prediction.concentration:,.1f}; leverage {support.leverage:.4g}.",
            class_="clinflu-note",
        )

    def _notes(self, prediction: Prediction) -> list[Node]:
        """Return the notes of this prediction; what the head of the page has said of the model is not repeated."""
        said = self._state.audit.study.notes
        return paragraphs(*(one for one in prediction.notes if one not in said), class_="clinflu-note")

    def _onward(self) -> Child:
        opened = self._state.screen.step > PATIENT
        words = "The past patients are below" if opened else "Which past patients taught it this?"
        return node("p", node("button", words, type="button", act="past", class_="clinflu-primary"))


def _low_support(prediction: Prediction) -> tuple[str, ...]:
    return (prediction.support.words,) if prediction.support.low else ()


def _risk(prediction: Prediction) -> Node:
    side = "alert" if prediction.risk >= prediction.threshold else "no alert"
    return node(
        "p",
        node("span", percent(prediction.risk), class_="clinflu-risk"),
        node("span", f" predicted risk, {interval(prediction)}; {side} at {percent(prediction.threshold)}"),
    )


def waterfall(prediction: Prediction) -> Node:
    """Return the chart of what raised and lowered a risk, and the table that says the same."""
    steps = [(one.label, one.recorded, points(one.risk_pp)) for one in attribution_steps(prediction)]
    ends = (
        ("average past patient", "", percent(prediction.baseline_risk)),
        ("predicted risk", "", percent(prediction.risk)),
    )
    heads = ("Recorded variable", "Of this patient", "Adds to the risk, points")
    numbers = table("The same numbers", heads, [ends[0], *steps, ends[1]], numbers=(2,))
    return chart(attribution_spec(prediction), DESCRIPTION, numbers, key="attribution")
