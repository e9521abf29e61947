"""Texts that no spreadsheet takes for a formula."""

STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")
QUOTE = "'"
LONGEST_CELL = 32_767


def harmless(text: str) -> str:
    """Return a text that a spreadsheet shows and never evaluates: one that would begin a formula begins with a quote.

    References
    ----------
    OWASP ASVS 1.2.10.
    """
    plain = "".join(one if one.isprintable() else " " for one in text) if not text.isprintable() else text
    return f"{QUOTE}{plain}" if text.startswith(STARTS_A_FORMULA) else plain
