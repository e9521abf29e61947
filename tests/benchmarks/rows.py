"""A figure beside its bar, and the table of them."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """What a figure must reach."""

    text: str
    holds: Callable[[float], bool]


@dataclass(frozen=True)
class Row:
    """One line of the table; without a figure it was skipped, without a bar it only informs."""

    name: str
    figure: float | None
    unit: str
    bar: Bar | None = None
    digits: int = 4

    @property
    def met(self) -> bool | None:
        """Whether the bar holds; None where there is nothing to hold."""
        if self.figure is None or self.bar is None:
            return None
        return bool(self.bar.holds(self.figure))

    def cells(self) -> tuple[str, ...]:
        """Return the line as text."""
        figure = "skipped" if self.figure is None else f"{self.figure:,.{self.digits}g}"
        met = {True: "yes", False: "NO", None: ""}[self.met]
        return self.name, figure, self.unit, self.bar.text if self.bar else "", met

    def to_dict(self) -> dict[str, object]:
        """Return the line as plain values."""
        return {
            "name": self.name,
            "figure": self.figure,
            "unit": self.unit,
            "bar": self.bar.text if self.bar else None,
            "met": self.met,
        }


def at_most(limit: float) -> Bar:
    return Bar(f"<= {limit:g}", lambda figure: figure <= limit)


def below(limit: float) -> Bar:
    return Bar(f"< {limit:g}", lambda figure: figure < limit)


def at_least(limit: float) -> Bar:
    return Bar(f">= {limit:g}", lambda figure: figure >= limit)


def between(low: float, high: float) -> Bar:
    return Bar(f"{low:g} to {high:g}", lambda figure: low <= figure <= high)


def as_table(rows: list[Row]) -> str:
    """Return the table: name, figure, unit, bar, met."""
    lines = [("name", "figure", "unit", "bar", "met"), *(row.cells() for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(5)]
    written = [
        f"{name:<{widths[0]}}  {figure:>{widths[1]}}  {unit:<{widths[2]}}  {bar:<{widths[3]}}  {met}".rstrip()
        for name, figure, unit, bar, met in lines
    ]
    return "\n".join([written[0], "-" * len(written[0]), *written[1:]])
