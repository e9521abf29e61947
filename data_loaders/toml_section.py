"""One section of a TOML, read key by key; what is wrong with it is kept for one message."""

import difflib
from collections.abc import Collection
from typing import Any


def nearest(name: str, known: Collection[str]) -> str:
    """Return a question that offers the nearest of the known names, or nothing where none is near."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


class Section:
    """One table of the TOML; a key that nobody asks for is a problem, and so is one of the wrong type."""

    def __init__(self, title: str, content: object, problems: list[str]) -> None:
        self._title = title
        self._problems = problems
        self._asked: list[str] = []
        self._content: dict[str, Any] = content if isinstance(content, dict) else {}
        if not isinstance(content, dict):
            self.problem("must be a section of keys and values")

    def __contains__(self, key: str) -> bool:
        return key in self._content

    def problem(self, text: str) -> None:
        """Note a problem under the title of the section."""
        self._problems.append(f"{self._title}: {text}")

    def take(self, key: str, default: Any = None) -> Any:
        """Return the value of a key as it is."""
        self._asked.append(key)
        return self._content.get(key, default)

    def text(self, key: str, *, required: bool = False) -> str | None:
        """Return a text, or a whole number as text; ``None`` where it is absent or wrong."""
        value = self.take(key)
        if value is None:
            if required:
                self.problem(f"{key} is missing")
            return None
        text = _text_of(value)
        if not text:
            self.problem(f"{key} must be a text in quotes, and not an empty one")
        return text or None

    def texts(self, key: str) -> tuple[str, ...] | None:
        """Return a list of texts without repetition; ``None`` where it is absent or wrong."""
        values = self.take(key)
        if values is None:
            return None
        texts = [_text_of(value) for value in values] if isinstance(values, list) else [None]
        known = [text for text in texts if text is not None]
        if len(known) < len(texts):
            self.problem(f"{key} must be a list of texts, such as ['A', 'B']")
            return None
        if len(set(known)) < len(known):
            self.problem(f"{key} names something more than once")
        return tuple(known)

    def flag(self, key: str) -> bool:
        """Return true or false; false where it is absent."""
        value = self.take(key, default=False)
        if not isinstance(value, bool):
            self.problem(f"{key} must be true or false")
        return value is True

    def whole(self, key: str, smallest: int = 1) -> int | None:
        """Return a whole number, which must be there and no smaller; ``None`` where it is not."""
        value = self.take(key)
        if value is None:
            self.problem(f"{key} is missing")
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not smallest <= value < 2**31:
            self.problem(f"{key} must be a whole number of {smallest} or more")
            return None
        return value

    def bounds(self, key: str) -> tuple[float, float] | None:
        """Return the smallest and the largest plausible number; ``None`` where they are absent or wrong."""
        value = self.take(key)
        if value is None:
            return None
        if not (isinstance(value, list) and len(value) == 2 and all(map(_is_number, value)) and value[0] < value[1]):
            self.problem(f"{key} must be the smallest and the largest plausible number, such as [0, 120]")
            return None
        return float(value[0]), float(value[1])

    def close(self) -> None:
        """Note every key that nobody has asked for."""
        for key in self._content:
            if key not in self._asked:
                self.problem(f"{key!r} is not a key that can stand there{nearest(key, self._asked)}")


def _text_of(value: object) -> str | None:
    """Return a text as it is and a whole number as text; nothing else is one."""
    if isinstance(value, str):
        return value
    whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**64
    return str(value) if whole else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
