"""Texts that no spreadsheet takes for a formula."""

import re

STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")
QUOTE = "'"
LONGEST_CELL = 32_767
UNSEEN = re.compile(r"^[\s\u200b-\u200f\u2060\ufeff]+")
BEGINS_A_CELL = re.compile(r"([;|]\s*)(?=[=+\-@＝＋－＠])")


def is_risky(text: str) -> bool:
    """Whether a spreadsheet might take a text for a formula: by its first sign, or by the first that is seen."""
    return text.startswith(STARTS_A_FORMULA) or UNSEEN.sub("", text).startswith(STARTS_A_FORMULA)


def one_line(text: str) -> str:
    """Return a text without signs that cannot be seen: each becomes a space."""
    return text if text.isprintable() else "".join(one if one.isprintable() else " " for one in text)


def harmless(text: str) -> str:
    """Return a text that a spreadsheet shows and never evaluates: one that would begin a formula begins with a quote.

    Where a reader cuts cells at semicolons or bars, what follows one is a cell of its own.

    References
    ----------
    OWASP ASVS 1.2.10.
    """
    plain = BEGINS_A_CELL.sub(rf"\1{QUOTE}", one_line(text))
    return f"{QUOTE}{plain}" if is_risky(text) else plain
