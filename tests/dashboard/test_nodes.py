"""Trees hold text and known elements only, and say in plain values what the page is to make."""

import json

import pytest

from clinflu.dashboard.nodes import ATTRIBUTES, PICTURE, TAGS, Node, chart, node, paragraphs, table
from clinflu.figures import SAFE_CONFIG

DANGEROUS_TAGS = ("script", "style", "iframe", "object", "embed", "a", "link", "meta", "form", "svg", "math", "base")
DANGEROUS_ATTRIBUTES = ("onclick", "onerror", "href", "style", "srcdoc", "action", "formaction", "innerHTML", "srcset")


@pytest.mark.parametrize("tag", [*DANGEROUS_TAGS, "", "P", "p onclick=x", "img/src"])
def test_an_element_that_is_not_listed_is_not_made(tag):
    assert tag not in TAGS
    with pytest.raises(ValueError, match="no element"):
        node(tag)


@pytest.mark.parametrize("name", [*DANGEROUS_ATTRIBUTES, "data_other", "xlink:href", "class x"])
def test_an_attribute_that_is_not_listed_is_not_set(name):
    assert name not in ATTRIBUTES
    with pytest.raises(ValueError, match="no attribute"):
        node("p", **{name: "x"})


@pytest.mark.parametrize("source", ["https://example.org/x.png", "x.png", "data:image/svg+xml,<svg/>", "javascript:1"])
def test_a_picture_is_part_of_the_page(source):
    with pytest.raises(ValueError, match="part of the page"):
        node("img", src=source)
    assert node("img", src=f"{PICTURE}AAAA").get("src") == f"{PICTURE}AAAA"


def test_text_stays_text(hostile):
    made = node("p", hostile, node("strong", hostile), class_=hostile, aria_label=hostile)
    attributes = {"class": hostile, "aria-label": hostile}
    assert made.plain() == ["p", attributes, [hostile, ["strong", {}, [hostile]]]]


def test_names_of_attributes_are_those_of_the_page():
    made = node("input", class_="a", for_="b", aria_label="c", act="d", key="e", live=True, send="f", tone="g")
    assert made.plain()[1] == {
        "class": "a",
        "for": "b",
        "aria-label": "c",
        "data-act": "d",
        "data-key": "e",
        "data-live": True,
        "data-send": "f",
        "data-tone": "g",
    }


def test_only_none_and_false_are_left_out():
    made = node("input", checked=False, hidden=None, value="", min=0, max=0.0, step=1, disabled=True)
    assert made.plain()[1] == {"value": "", "min": "0", "max": "0.0", "step": "1", "disabled": True}


def test_children_are_flat_texts_and_elements():
    made = node("div", "a", 1, 0, 2.5, None, [node("p"), ["b", [node("hr")]]], (node("p", str(k)) for k in range(2)))
    assert made.plain()[2] == [
        *("a", "1", "0", "2.5"),
        ["p", {}, []],
        "b",
        ["hr", {}, []],
        *(["p", {}, ["0"]], ["p", {}, ["1"]]),
    ]


def test_a_tree_is_plain_json_and_equal_to_its_like():
    def made(text):
        return node("section", node("p", text), role="region")

    assert json.loads(json.dumps(made("x").plain())) == made("x").plain()
    assert made("x") == made("x")
    assert made("x") != made("y")
    assert len({made("x"), made("x"), made("y")}) == 2


def test_elements_are_found_by_their_attributes():
    inner = node("button", "Go", act="go", key="1")
    made = node("div", node("p", inner), node("button", "Stop", act="stop"), act="go")
    assert made.find(act="go") == [made, inner]
    assert made.find(act="go", key="1") == [inner]
    assert made.find(act="none") == []
    assert (inner.get("act"), inner.get("class_"), made.text.split()) == ("go", None, ["Go", "Stop"])


def test_a_table_has_a_caption_heads_and_row_heads(hostile):
    made = table("Counts", ("Group", "Number"), [("a", "1"), (hostile, "2")], numbers=(1,))
    (body,) = [one for one in made.find() if one.tag == "tbody"]
    assert [cell.tag for row in body.children for cell in row.children] == ["th", "td", "th", "td"]
    assert [cell.get("class_") for cell in body.children[0].children] == ["clinflu-words", "clinflu-number"]
    assert [one.text for one in body.find(scope="row")] == ["a", hostile]
    assert [one.text for one in made.find(scope="col")] == ["Group", "Number"]
    assert made.get("aria-label") == "Counts"
    assert made.get("tabindex") == "0"


@pytest.mark.parametrize("row", [("a",), ("a", "1", "2")])
def test_a_row_has_a_cell_for_every_head(row):
    with pytest.raises(ValueError, match="zip"):
        table("Counts", ("Group", "Number"), [row])


def test_a_chart_carries_its_figure_its_words_and_its_table():
    spec = {"data": [{"x": [1.5, None], "type": "bar"}], "layout": {"height": 10}}
    numbers = table("Counts", ("Group",), [("a",)])
    made = chart(spec, "Bars.", numbers, "counts")
    assert json.loads(made.get("figure")) == spec
    assert (made.tag, made.get("description"), made.get("key")) == ("figure", "Bars.", "counts")
    assert numbers in made.find(aria_label="Counts")
    with pytest.raises(ValueError, match="JSON"):
        chart({"data": [{"x": [float("nan")]}], "layout": {}}, "", numbers, "counts")


def test_empty_texts_are_no_paragraphs():
    assert paragraphs("a", "", "<b>", class_="note") == [
        Node("p", (("class", "note"),), ("a",)),
        Node("p", (("class", "note"),), ("<b>",)),
    ]


def test_figures_are_drawn_without_any_upload():
    from clinflu.dashboard.block import Block

    config = Block("page", lambda *_: None).config
    assert config.items() >= SAFE_CONFIG.items()
    assert config["displayModeBar"] is False
    assert (config["showSendToCloud"], config["plotlyServerURL"], config["typesetMath"]) == (False, "", False)
