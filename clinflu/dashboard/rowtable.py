"""A table of which the browser holds one page; every row can be chosen with the mouse or the keyboard."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import anywidget
import traitlets

from clinflu.dashboard.frontend import module
from clinflu.dashboard.markup import Column

PAGE_ROWS = 10


@dataclass(frozen=True, slots=True)
class Row:
    """One row: what it is called (never an id of the source) and its cells, plain text."""

    key: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chip:
    """One of the filters above the table."""

    key: str
    label: str


class RowTable(anywidget.AnyWidget):  # type: ignore[misc]
    """Filters, a search box, a page of rows, and buttons to the other pages.

    Parameters
    ----------
    columns : sequence of Column
    on : dict of str to callable
        What to do on ``"choose"`` (a row's key), ``"chip"`` (a filter's key) and ``"search"`` (a text).
    empty : str
        What to say where no row is left.
    """

    _esm = module("rowtable")
    view = traitlets.Dict().tag(sync=True)
    current = traitlets.Unicode("").tag(sync=True)

    def __init__(self, columns: Sequence[Column], on: dict[str, Callable[[str], None]], empty: str) -> None:
        self._columns = [asdict(column) for column in columns]
        self._on = on
        self._empty = empty
        self._rows: Sequence[Row] = ()
        self._page = 0
        super().__init__(view=self._window("", (), ""))
        self.on_msg(self._receive)

    def fill(self, rows: Sequence[Row], chips: Sequence[Chip], chip: str, caption: str) -> None:
        """Show other rows, from the first page on."""
        self._rows, self._page = rows, 0
        self.view = self._window(caption, chips, chip)

    def mark(self, key: str) -> None:
        """Mark the row of that key, and show the page that it is on."""
        places = [place for place, row in enumerate(self._rows) if row.key == key]
        if places:
            self._turn_to(places[0] // PAGE_ROWS)
        self.current = key

    @property
    def _pages(self) -> int:
        return max(1, -(-len(self._rows) // PAGE_ROWS))

    def _turn_to(self, page: int) -> None:
        self._page = min(max(page, 0), self._pages - 1)
        self.view = {**self.view, **self._page_of_rows()}

    def _page_of_rows(self) -> dict[str, Any]:
        start = self._page * PAGE_ROWS
        rows = [{"key": row.key, "cells": list(row.cells)} for row in self._rows[start : start + PAGE_ROWS]]
        return {"rows": rows, "page": self._page}

    def _window(self, caption: str, chips: Sequence[Chip], chip: str) -> dict[str, Any]:
        return {
            "caption": caption,
            "columns": self._columns,
            "chips": [asdict(one) for one in chips],
            "chip": chip,
            "empty": self._empty,
            "total": len(self._rows),
            "pages": self._pages,
            **self._page_of_rows(),
        }

    def _receive(self, _: Any, content: dict[str, Any], __: Any) -> None:
        """Take a message from the browser; what it holds is checked where it is used."""
        kind, value = content.get("type"), content.get("value")
        if kind == "page" and isinstance(value, int):
            self._turn_to(value)
        elif isinstance(kind, str) and kind in self._on:
            self._on[kind](str(value))
