"""What a panel shows, as a tree of plain text: the page makes elements of it, and never reads a value as HTML."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from clinflu.figures.config import Spec, as_json

TAGS = frozenset(
    (
        *(
            "div",
            "section",
            "header",
            "h1",
            "h2",
            "h3",
            "h4",
            "p",
            "span",
            "strong",
            "em",
            "ul",
            "ol",
            "li",
            "hr",
            "img",
        ),
        *("table", "caption", "thead", "tbody", "tr", "th", "td", "button", "label", "input", "select", "optgroup"),
        *("option", "textarea", "details", "summary", "fieldset", "legend", "progress", "code", "pre", "figure"),
    )
)
ATTRIBUTES = frozenset(
    (
        *(
            "class",
            "id",
            "role",
            "type",
            "value",
            "checked",
            "disabled",
            "for",
            "name",
            "placeholder",
            "scope",
            "label",
        ),
        *("colspan", "tabindex", "min", "max", "step", "open", "selected", "title", "alt", "src", "hidden", "accept"),
        *("autocomplete", "spellcheck", "maxlength", "rows", "figure", "description"),
    )
)
PICTURE = "data:image/png;base64,"


@dataclass(frozen=True, slots=True)
class Node:
    """An element, its attributes and what is in it; text is text."""

    tag: str
    attributes: tuple[tuple[str, str | bool], ...]
    children: tuple["Node | str", ...]

    def plain(self) -> list[Any]:
        """Return the tree as lists, dicts and texts, as it is sent to the page."""
        inside = [child.plain() if isinstance(child, Node) else child for child in self.children]
        return [self.tag, dict(self.attributes), inside]

    @property
    def text(self) -> str:
        """All text in it, as a reader meets it."""
        return " ".join(part for child in self.children if (part := child.text if isinstance(child, Node) else child))

    def find(self, **attributes: str) -> list["Node"]:
        """Return the elements in it, itself too, that have these attributes; ``act="choose"`` is ``data-act``."""
        wanted = {_name(name): value for name, value in attributes.items()}
        mine = dict(self.attributes)
        found = [self] if all(mine.get(name) == value for name, value in wanted.items()) else []
        return found + [one for child in self.children if isinstance(child, Node) for one in child.find(**attributes)]

    def get(self, name: str) -> str | bool | None:
        """Return an attribute, None where it has none."""
        return dict(self.attributes).get(_name(name))


Child: TypeAlias = "Node | str | int | float | Iterable[Child] | None"


def node(tag: str, *children: Child, **attributes: str | float | bool | None) -> Node:
    """Return an element.

    Parameters
    ----------
    tag : str
        One of ``TAGS``.
    *children : Node, text, number or a list of them
        None is left out.
    **attributes : str, number or bool
        ``class_`` and ``for_`` lose their underscore and ``aria_label`` is ``aria-label``; ``act``, ``key``, ``live``,
        ``arrows``, ``row``, ``picture``, ``copy``, ``heading`` and ``send`` are ``data-...``. False and None are left
        out.

    Raises
    ------
    ValueError
        The page would not make such an element.
    """
    if tag not in TAGS:
        raise ValueError(f"no element {tag} is made")
    kept = {name: value for name, value in attributes.items() if value is not None and value is not False}
    given = tuple((_name(name), _value(name, value)) for name, value in kept.items())
    return Node(tag, given, tuple(_flat(children)))


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[Child]], numbers: Iterable[int] = ()) -> Node:
    """Return a table with a caption; the first cell of a row is its head.

    Parameters
    ----------
    caption : str
    heads : sequence of str
    rows : iterable of sequences
    numbers : iterable of int
        Places of the columns that hold numbers; they stand at the right.
    """
    kinds = ["clinflu-number" if place in set(numbers) else "clinflu-words" for place in range(len(heads))]
    head = node("tr", [node("th", one, scope="col", class_=kind) for one, kind in zip(heads, kinds, strict=True)])
    body = [
        node(
            "tr",
            node("th", cells[0], scope="row", class_=kinds[0]),
            [node("td", cell, class_=kind) for cell, kind in zip(cells[1:], kinds[1:], strict=True)],
        )
        for cells in rows
    ]
    made = node("table", node("caption", caption), node("thead", head), node("tbody", body))
    return node("div", made, class_="clinflu-scroll", tabindex="0", role="region", aria_label=caption)


def chart(spec: Spec, description: str, numbers: Node, key: str) -> Node:
    """Return a figure, with the table that says the same under a fold.

    Parameters
    ----------
    spec : Spec
        What plotly.js draws.
    description : str
        Read aloud in its place.
    numbers : Node
    key : str
        Tells it from the other figures of its panel.
    """
    fold = node("details", node("summary", "As a table"), numbers, class_="clinflu-as-table")
    return node("figure", fold, figure=as_json(spec), description=description, key=key)


def paragraphs(*texts: str, class_: str | None = None) -> list[Node]:
    """Return each text as a paragraph; empty ones are left out."""
    return [node("p", text, class_=class_) for text in texts if text]


DATA = frozenset(("act", "key", "live", "arrows", "row", "picture", "copy", "heading", "send", "theme", "tone"))


def _name(name: str) -> str:
    plain = name.rstrip("_").replace("_", "-")
    if plain in DATA:
        return f"data-{plain}"
    if plain not in ATTRIBUTES and not plain.startswith("aria-"):
        raise ValueError(f"no attribute {plain} is set")
    return plain


def _value(name: str, value: Any) -> str | bool:
    if name == "src" and not str(value).startswith(PICTURE):
        raise ValueError("a picture is part of the page")
    return True if value is True else str(value)


def _flat(children: Iterable[Child]) -> Iterable[Node | str]:
    for child in children:
        if child is None:
            continue
        if isinstance(child, Node):
            yield child
        elif isinstance(child, str | int | float):
            yield str(child)
        else:
            yield from _flat(child)
