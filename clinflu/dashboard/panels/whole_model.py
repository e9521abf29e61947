"""Panel of the analyst: the model as a whole, in the sections of the report, with small cells."""

from collections.abc import Callable, Iterable
from typing import Any

from clinflu.dashboard.nodes import Child, Node, chart, node, paragraphs, table
from clinflu.dashboard.panels.panel import TreePanel
from clinflu.dashboard.panels.working import progress_bar
from clinflu.dashboard.python_text import section_calls
from clinflu.findings.document import Chart, Section, Table, Words
from clinflu.findings.readable import readable
from clinflu.findings.sections import SECTIONS, TITLES

CHOOSE = "Choose what to look at"


class WholeModel(TreePanel):
    """Show one section of what is found about the model."""

    title = "The model as a whole"
    name = "whole-model"
    answers = ("section",)

    def body(self, encounter_id: str) -> Child:  # noqa: ARG002
        """Return the choice of sections, and the chosen one."""
        note = "INTERNAL: small cells are shown here. clinflu report writes what may be handed on."
        return [node("p", note, class_="clinflu-note"), self._choice(), self._chosen()]

    def calls(self, encounter_id: str) -> str:  # noqa: ARG002
        """Return the Python behind the section."""
        return section_calls(self._state.screen) if self._state.screen.section else ""

    def acts(self) -> dict[str, Callable[[str, Any], None]]:
        """Return what the user can do here."""
        return {
            "section": lambda _, value: self._state.look_at(str(value)),
            "again": lambda *_: self._state.try_again(),
        }

    def _choice(self) -> Node:
        chosen = self._state.screen.section
        options = [node("option", CHOOSE, value="", selected=not chosen)]
        options += [node("option", TITLES[key], value=key, selected=key == chosen) for key in SECTIONS]
        return node("label", "Section ", node("select", options, act="section", aria_label="Section"))

    def _chosen(self) -> Child:
        found = self._state.answer("section")
        return progress_bar(self._state, "section") if found is None else section_nodes(found)


def section_nodes(section: Section) -> list[Node]:
    """Return a section as nodes; a chart holds its table under a fold, so that table does not stand alone too."""
    tables = {part.key: part for part in section.parts if isinstance(part, Table)}
    drawn = {part.table for part in section.parts if isinstance(part, Chart)}
    made: list[Node] = [node("h3", section.title)]
    for part in section.parts:
        if isinstance(part, Words):
            made += _words(part)
        elif isinstance(part, Chart):
            made.append(chart(part.spec, part.says, _table(tables[part.table]), part.key))
        elif part.key not in drawn and not part.files_only:
            made += [_table(part), *paragraphs(part.note, class_="clinflu-note")]
    return made


def _words(words: Words) -> list[Node]:
    if words.listed:
        return [node("ul", [node("li", one) for one in words.paragraphs])]
    return paragraphs(*words.paragraphs)


def _table(one: Table) -> Node:
    found = readable(one)
    numbers: Iterable[int] = (place for place, is_number in enumerate(found.numbers) if is_number)
    return table(one.title, found.heads, found.rows, list(numbers))
