"""Within the what-if: how much one altered past record could change this prediction."""

from typing import Any

from clinflu.analysis.adversarial.fragility import Fragility
from clinflu.dashboard.nodes import Child, Node, node, paragraphs, table
from clinflu.dashboard.panels.working import progress_bar
from clinflu.dashboard.state import State
from clinflu.dashboard.wording import points
from clinflu.data.pseudonym import Pseudonyms

HEADS = ("What", "Past encounter", "Altered", "Estimate, points", "Refitted, points", "Decision")
OTHER_MODEL = (
    "How much one altered record could change is known for a logistic regression alone; this model is another."
)
NOTE = (
    "Every plausible edit of every past record was estimated, and the strongest refitted. A large figure says how much "
    "rests on single records, not that any of them is wrong."
)


def asked_box(state: State) -> Node:
    """Return the box that asks; of a model of which it cannot be answered, a line that says so."""
    legend = node("legend", "One altered past record")
    if not state.audit.study.model.is_logistic:
        return node("fieldset", legend, node("p", OTHER_MODEL, class_="clinflu-note"), key="altered")
    button = node("button", "Search how much it could change", type="button", act="ask-altered")
    return node("fieldset", legend, button, key="altered")


def answer_box(state: State) -> Child:
    """Return what was found; nothing before it is asked."""
    if state.screen.altered_for != state.screen.encounter_id:
        return None
    found: Fragility | None = state.answer("altered")
    if found is None:
        return node("div", progress_bar(state, "altered"), class_="clinflu-answer clinflu-altered")
    rows = [_row(one, state.names) for one in found.to_frame().reset_index().to_dict("records")]
    return node(
        "div",
        node("h3", "How much one altered past record could change"),
        paragraphs(found.words),
        table("The strongest of each kind, either way", HEADS, rows, numbers=range(3, 5)),
        paragraphs(NOTE, class_="clinflu-note"),
        class_="clinflu-answer clinflu-altered",
        role="region",
        aria_label="How much one altered past record could change",
    )


def _row(row: dict[str, Any], names: Pseudonyms) -> tuple[Child, ...]:
    return (
        str(row["kind"]).capitalize(),
        node("span", names.encounter(str(row["encounter_id"])), class_="clinflu-name"),
        str(row["altered"]).replace(" -> ", " → "),
        points(row["change_estimate_pp"], 2),
        points(row["change_pp"], 2),
        "changes" if row["flips"] else "stays",
    )
