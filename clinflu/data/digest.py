"""What a value is known by: a hash of its content, the same wherever and whenever it was made."""

import hashlib
from collections.abc import Mapping

import numpy as np
import pandas as pd


def digest(*parts: object) -> str:
    """Return the sha256 of values: arrays, indexes, texts, numbers, ``None``, and tuples, lists and mappings of them.

    The type and shape of each part count, so that ``("ab",)`` and ``("a", "b")``, or 1 and ``"1"``, differ; the order
    of a mapping does not.

    Raises
    ------
    TypeError
        A value of another type, which has no content that is known to be all of it.
    """
    state = hashlib.sha256()
    for part in parts:
        state.update(_content(part))
    return state.hexdigest()


def _content(part: object) -> bytes:
    if type(part) is str:  # first, since ids are millions of them
        written = repr(part).encode()
        return b"str %d %b" % (len(written), written)
    if isinstance(part, pd.Index):
        part = list(map(str, part))
    if isinstance(part, np.ndarray):
        if part.dtype.hasobject:
            return _content(part.tolist())  # its bytes are addresses
        array = np.ascontiguousarray(part)
        return _framed(f"array {array.dtype.str} {array.shape}", hashlib.sha256(array.data).digest())
    if isinstance(part, Mapping):
        return _framed("mapping", b"".join(sorted(_content((key, value)) for key, value in part.items())))
    if isinstance(part, list | tuple):
        return _framed("sequence", b"".join(map(_content, part)))
    if part is None or isinstance(part, str | bool | int | float | np.generic):
        plain = part.item() if isinstance(part, np.generic) else part
        return _framed(type(plain).__name__, repr(plain).encode())
    raise TypeError(f"a {type(part).__name__} has no digest")


def _framed(kind: str, content: bytes) -> bytes:
    return f"{kind} {len(content)} ".encode() + content
