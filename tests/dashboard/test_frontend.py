"""Nothing of the data can become HTML or leave the page, and what is written can be read."""

import ast
import importlib
import json
import pkgutil
import re
import shutil
import subprocess
from pathlib import Path

import anywidget
import ipywidgets
import pytest

import clinflu.dashboard
from clinflu.dashboard.block import Block
from clinflu.dashboard.bundle import Bundle
from clinflu.dashboard.frontend import SHARED, module, style
from clinflu.dashboard.nodes import ATTRIBUTES, DATA, PICTURE, TAGS, node
from clinflu.figures.theme import DARK_FOR_LIGHT

HOME = Path(clinflu.dashboard.__file__).parent
FRONTEND = HOME / "frontend"
FILES = sorted(FRONTEND.glob("*.[jc]*s"))
SCRIPTS = sorted(FRONTEND.glob("*.js"))
SINKS = (
    *("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "srcdoc"),
    *("setHTML", "createContextualFragment", "DOMParser", "javascript:", "createElementNS"),
)
OUTSIDE = (
    *("http:", "https:", "//www", "fetch(", "XMLHttpRequest", "WebSocket", "EventSource", "sendBeacon", "import("),
    *("@import", "url(", "importScripts", "RTCPeerConnection", "window.open", "location.href", "postMessage"),
)
SVG = '"http://www.w3.org/2000/svg"'
BOXES = {"Box", "VBox", "HBox"}


def listed(pattern, text):
    """Return the words of the one list that a script holds under a name."""
    (found,) = re.findall(pattern, text, re.DOTALL)
    return found


# No HTML, and nothing from outside.


def test_there_are_scripts_and_a_style_sheet():
    assert {path.name for path in FILES} == {*SHARED, "block.js", "style.css"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_script_or_style_makes_html_or_asks_for_anything_outside(path):
    text = path.read_text()
    if path.name == "picture.js":  # a picture must bear the name of its format
        assert text.count(SVG) == 1
        text = text.replace(SVG, "")
    assert not [word for word in (*SINKS, *OUTSIDE) if word in text]


def test_elements_are_made_in_few_places_and_of_listed_tags_alone():
    """Where a script makes an element, its tag is written there, or it was looked up in the list."""
    made = [found for path in SCRIPTS for found in re.findall(r"createElement\(([^)]*)\)", path.read_text())]
    assert set(made) == {"tag", '"div"', '"p"', '"style"', '"canvas"', '"a"'}
    assert "if (!TAGS.has(tag)) return" in (FRONTEND / "dom.js").read_text()


def test_attributes_are_set_in_one_place_for_what_python_sends():
    text = (FRONTEND / "dom.js").read_text()
    assert text.count(".setAttribute(") == 1
    body = listed(r"function setAttribute\(element, name, value\) \{(.*?)\n\}", text)
    assert body.index("if (!allowed(name, value)) return;") < body.index(".setAttribute(")


def test_the_page_makes_the_tags_that_python_sends_and_no_other():
    parts = listed(r"const TAGS = new Set\(\((.*?)\)\.split", (FRONTEND / "dom.js").read_text())
    words = "".join(re.findall(r'"([^"]*)"', parts)).split(" ")
    assert len(words) == len(set(words))
    assert set(words) == TAGS


def test_the_page_sets_the_attributes_that_python_sends_and_no_other():
    text = (FRONTEND / "dom.js").read_text()
    pattern = listed(r"const ATTRIBUTE = /\^\((.*?)\)\$/;", text)
    words = set(pattern.split("|"))
    of_charts = set(re.findall(r'"(\w+)"', listed(r"const OF_CHARTS = new Set\(\[(.*?)\]\)", text)))
    assert (words - {"aria-[a-z]+", "data-[a-z]+"}) | of_charts == ATTRIBUTES
    assert not (words & of_charts)
    allowed = re.compile(f"^(?:{pattern})$")
    for name in ("onclick", "href", "style", "srcdoc", "formaction", "xlink:href", "data-", "aria-", "data-x y", "SRC"):
        assert not allowed.match(name)
    for name in DATA:
        assert allowed.match(f"data-{name}")


def test_the_page_and_python_agree_on_what_a_picture_is():
    assert listed(r'const PICTURE = "(.*?)";', (FRONTEND / "dom.js").read_text()) == PICTURE


def test_every_attribute_that_a_script_reads_is_one_that_python_sends():
    text = "\n".join(path.read_text() for path in SCRIPTS)
    own = {"theme", "chosen", "drawn", "clinflu", "jpThemeLight", "voila"}
    assert {*re.findall(r"dataset\.(\w+)", text)} - own <= set(DATA)
    assert {*re.findall(r"\[data-(\w+)\]", text)} <= set(DATA)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_can_be_read(path, tmp_path):
    text = path.read_text()
    for opening, closing in ("()", "[]", "{}"):
        code = re.sub(r"""/\^.*?/;|"[^"\n]*"|'[^'\n]*'|//[^\n]*""", "", text)
        assert code.count(opening) == code.count(closing)
    assert_node_reads(text, tmp_path)


def test_the_scripts_can_be_read_together(tmp_path):
    text = module("block")
    assert all((FRONTEND / name).read_text() in text for name in (*SHARED, "block.js"))
    assert text.count("export default") == 1
    assert_node_reads(text, tmp_path)


def assert_node_reads(text, folder):
    """Have node read it as a module, where there is one."""
    node_js = shutil.which("node")
    if node_js:
        file = folder / "script.mjs"
        file.write_text(text)
        told = subprocess.run([node_js, "--check", str(file)], check=False, capture_output=True, text=True)
        assert told.returncode == 0, told.stderr


# Widgets.


def modules():
    for found in pkgutil.walk_packages(clinflu.dashboard.__path__, "clinflu.dashboard."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def test_every_widget_of_ours_is_a_block_or_the_bundle():
    classes = {
        one
        for home in modules()
        for one in vars(home).values()
        if isinstance(one, type) and issubclass(one, ipywidgets.DOMWidget) and one.__module__.startswith("clinflu")
    }
    assert classes == {Block, Bundle}
    assert all(issubclass(one, anywidget.AnyWidget) for one in classes)


@pytest.mark.parametrize("path", sorted(HOME.rglob("*.py")), ids=lambda path: str(path.relative_to(HOME)))
def test_no_widget_is_made_that_reads_html(path):
    tree = ast.parse(path.read_text())
    imported = {name.name for one in ast.walk(tree) if isinstance(one, ast.ImportFrom) for name in one.names}
    assert not imported & {"HTML", "HTMLMath", "Output", "Label", "Markdown", "display"}
    used = [one for one in ast.walk(tree) if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name)]
    assert {one.attr for one in used if one.value.id in ("widgets", "ipywidgets")} <= BOXES


@pytest.mark.usefixtures("opened")
def test_the_page_is_of_blocks_in_boxes(dashboard, widgets_of):
    kinds = [
        next(kind for kind in (Block, Bundle, ipywidgets.Box, object) if isinstance(one, kind))
        for one in widgets_of(dashboard.widget)
    ]
    assert set(kinds) == {Block, Bundle, ipywidgets.Box}
    assert kinds.count(Bundle) == 1
    assert kinds.count(Block) == len(dashboard.panels) + 3


def test_plotly_is_in_the_bundle_and_can_be_left_to_the_page():
    assert len(Bundle().get_state()["_esm"]) > 1_000_000
    alone = Bundle(plotly=False).get_state()
    assert len(alone["_esm"]) < 100
    assert alone["_css"] == style()


def test_what_the_browser_says_reaches_the_action_only_as_text():
    done = []
    block = Block("page", lambda *act: done.append(act))
    for message in ({"act": "a"}, {"key": "b"}, {"act": 1, "key": "b"}, {"act": "a", "key": ["b"]}, {}):
        block._handle_custom_msg(message, [])
    assert done == []
    block._handle_custom_msg({"act": "a", "key": "b", "value": [1]}, [])
    assert done == [("a", "b", [1])]


def test_what_is_sent_is_the_tree_and_only_where_it_changed():
    sent = []
    block = Block("page", lambda *_: None)
    block.observe(lambda change: sent.append(change["name"]), ["content", "stamp"])
    block.show(node("p", "a"), 0)
    block.show(node("p", "a"), 0)
    assert sent == ["content"]
    block.show(node("p", "a"), 1)
    assert sent == ["content", "stamp"]
    assert json.loads(block.content) == ["p", {}, ["a"]] == block.tree


def test_the_colours_of_figures_have_a_partner_in_the_dark():
    assert Block("page", lambda *_: None).dark == DARK_FOR_LIGHT
    colours = [*DARK_FOR_LIGHT, *DARK_FOR_LIGHT.values()]
    assert all(re.fullmatch(r"#[0-9a-f]{6}", one) for one in colours)
    assert len(set(colours)) == len(colours)  # one replacement is never replaced again


# The page around it.


def test_the_notebook_holds_calls_only_and_no_output():
    notebook = json.loads((HOME / "app.ipynb").read_text())
    source = "".join(line for cell in notebook["cells"] for line in cell["source"])
    assert not re.search(r"\b(def|class|for|while|if|lambda)\b", source)
    assert {type(one) for one in ast.parse(source).body} == {ast.ImportFrom, ast.Expr}
    assert not any(cell.get("outputs") for cell in notebook["cells"])
    assert "widgets" not in notebook["metadata"]


def test_the_page_template_asks_for_nothing_outside():
    files = [path for path in (HOME / "voila").rglob("*") if path.is_file() and path.suffix in (".j2", ".json")]
    assert {path.name for path in files} >= {"index.html.j2", "conf.json"}
    for path in files:
        text = path.read_text()
        assert "//" not in text
        sources = re.findall(r"""(?:src|href)\s*=\s*["']([^"']*)""", text)
        assert all(one.startswith("{{ resources.base_url }}") for one in sources)
        assert not [word for word in SINKS if word in text]


# What is written can be read.


def colours(theme):
    """Return the variables of the style sheet, light or dark."""
    light = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", listed(r"\n?\.clinflu-app \{(.*?)\n\}", style())))
    if theme == "light":
        return light
    dark = listed(r'\.clinflu-app\[data-theme="dark"\] \{(.*?)\n\}', style())
    return {**light, **dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", dark))}


def luminance(colour):
    """Return the relative luminance of WCAG 2.2."""
    shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=1e-3)


def texts_and_grounds():
    """Return which colours are those of text, and on what they stand."""
    used = set(re.findall(r"(?<![\w-])color: var\(--([\w-]+)\)", style()))
    pairs = {(text, ground) for text in used - {"on-action"} for ground in ("paper", "wash")}
    own = {("alarm", "alarm-wash"), ("caution", "caution-wash"), ("on-action", "action"), ("ink", "current")}
    return sorted(pairs | own | {("action", "current"), ("faint", "current")})


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), texts_and_grounds())
def test_text_stands_out_from_its_ground(theme, text, ground):
    known = colours(theme)
    assert contrast(known[text], known[ground]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("line", ["edge", "focus", "toward", "against", "alarm", "caution", "action"])
def test_the_edges_of_boxes_stand_out(theme, line):
    known = colours(theme)
    assert min(contrast(known[line], known[ground]) for ground in ("paper", "wash")) >= 3


def test_the_dark_has_every_colour_of_its_own():
    light, dark = colours("light"), colours("dark")
    assert set(light) == set(dark)
    assert not [name for name in light if light[name] == dark[name]]
    assert luminance(light["paper"]) > 0.9
    assert luminance(dark["paper"]) < 0.05
    assert set(re.findall(r"var\(--([\w-]+)\)", style())) <= set(light)


def test_the_page_behind_a_dark_application_has_its_paper():
    behind = re.findall(r"background: (#[0-9a-f]{6})", style())
    assert behind
    assert set(behind) == {colours("dark")["paper"]}
