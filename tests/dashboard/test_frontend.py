"""Nothing of the data can become HTML or leave the page."""

import ast
import json
import re
from pathlib import Path

import pytest

import clinflu.dashboard
from clinflu.dashboard.markup import Column, Markup, element, joined, paragraphs, table
from clinflu.dashboard.panels import PANELS
from clinflu.dashboard.plotview import PlotlyBundle, PlotView
from clinflu.figures import SAFE_CONFIG

HOME = Path(clinflu.dashboard.__file__).parent
SINKS = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "srcdoc")
OUTSIDE = ("http://", "https://", "fetch(", "XMLHttpRequest", "WebSocket", "import(", "@import", "url(")


@pytest.mark.parametrize("path", sorted(HOME.glob("frontend/*.[jc]*s*")), ids=lambda path: path.name)
def test_no_script_or_style_makes_html_or_asks_for_anything_outside(path):
    text = path.read_text()
    assert not [word for word in (*SINKS, *OUTSIDE) if word in text]


@pytest.mark.parametrize("path", sorted(HOME.rglob("*.py")), ids=lambda path: str(path.relative_to(HOME)))
def test_html_widgets_are_made_in_one_place(path):
    calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    makers = {one.attr for one in calls if isinstance(one, ast.Attribute)} & {"HTML", "HTMLMath", "Output", "Label"}
    assert not makers or path.name == "markup.py"


def test_the_notebook_holds_calls_only_and_no_output():
    notebook = json.loads((HOME / "app.ipynb").read_text())
    source = "".join(line for cell in notebook["cells"] for line in cell["source"])
    assert not re.search(r"\b(def|class|for|while|if)\b", source)
    assert not any(cell.get("outputs") for cell in notebook["cells"])
    assert "widgets" not in notebook["metadata"]


def test_the_page_template_asks_for_nothing_outside():
    for path in (HOME / "voila").iterdir():
        assert "//" not in path.read_text()


def test_elements_escape_what_is_not_markup():
    assert element("p", "<b>", Markup("<i>x</i>"), class_='"a"') == '<p class="&quot;a&quot;">&lt;b&gt;<i>x</i></p>'
    assert joined(["<", 3, Markup("<hr>")]) == "&lt;3<hr>"
    assert paragraphs("a", "", "<") == "<p>a</p><p>&lt;</p>"


def test_tables_escape_every_cell_and_head():
    made = table("<c>", [Column("<h>"), Column("n", number=True)], [("<r>", "<v>")])
    assert not re.search(r"<(c|h|r|v)>", made)
    assert '<th scope="row" class="clinflu-words">&lt;r&gt;</th><td class="clinflu-number">&lt;v&gt;</td>' in made


def test_plotly_is_sent_once_and_figures_are_small():
    bundle = PlotlyBundle()
    views = [PlotView(bundle) for _ in range(2)]
    assert len(bundle.get_state()["_esm"]) > 1_000_000
    assert all(len(view.get_state()["_esm"]) < 5_000 for view in views)


def test_figures_are_drawn_without_any_upload():
    config = PlotView(PlotlyBundle()).config
    assert config.items() >= SAFE_CONFIG.items()
    assert config["displayModeBar"] is False


def test_panels_are_listed_once():
    assert len({panel.title for panel in PANELS}) == len(PANELS) == 4
