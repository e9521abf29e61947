"""HTML that is safe by construction: whatever is not markup already is escaped. Nothing else makes HTML."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets

from clinflu.figures.style import escape

__all__ = ["Column", "Markup", "element", "escape", "html", "joined", "paragraphs", "table"]


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Column:
    """Head of a column of a table; numbers stand at the right."""

    head: str
    number: bool = False


def element(tag: str, *children: object, **attributes: object) -> Markup:
    """Return an HTML element; children that are not markup are escaped, and so are all attributes.

    Parameters
    ----------
    tag : str
    *children : object
    **attributes : object
        A trailing underscore is dropped and others become hyphens: ``class_``, ``aria_label``.
    """
    given = "".join(f' {name.rstrip("_").replace("_", "-")}="{escape(value)}"' for name, value in attributes.items())
    return Markup(f"<{tag}{given}>{joined(children)}</{tag}>")


def joined(children: Iterable[object]) -> Markup:
    """Return children one after the other, escaped where they are not markup."""
    return Markup("".join(child if isinstance(child, Markup) else escape(child) for child in children))


def paragraphs(*texts: str) -> Markup:
    """Return each text as a paragraph."""
    return joined(element("p", text) for text in texts if text)


def table(caption: str, columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> Markup:
    """Return a table with a caption; the first cell of a row is its head."""
    kinds = ["clinflu-number" if column.number else "clinflu-words" for column in columns]
    head = [element("th", column.head, scope="col", class_=kind) for column, kind in zip(columns, kinds, strict=True)]
    body = [
        element(
            "tr",
            element("th", row[0], scope="row", class_=kinds[0]),
            *(element("td", cell, class_=kind) for cell, kind in zip(row[1:], kinds[1:], strict=True)),
        )
        for row in rows
    ]
    parts = (element("caption", caption), element("thead", element("tr", *head)), element("tbody", *body))
    return element("div", element("table", *parts), class_="clinflu-scroll")


def html(content: Markup = Markup("")) -> Any:  # noqa: B008
    """Return a widget that shows markup; no other function makes an HTML widget."""
    return widgets.HTML(content)
