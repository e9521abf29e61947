"""How much room a design matrix takes, whatever holds it."""

from functools import singledispatch
from typing import Any

import numpy as np

from clinflu.data.matrix.coded import CodedMatrix
from clinflu.data.matrix.device import DeviceMatrix
from clinflu.data.matrix.parts import MatrixInParts
from clinflu.data.matrix.sparse import SparseMatrix


@singledispatch
def held_bytes(x: Any) -> int:
    """Return the bytes that a design takes where it is held: in memory, on a disk or on a device."""
    return 8 * int(np.prod(x.shape))


@held_bytes.register
def _(x: CodedMatrix) -> int:
    return x.nbytes


@held_bytes.register
def _(x: SparseMatrix) -> int:
    values = x.values
    return int(values.data.nbytes + values.indices.nbytes + values.indptr.nbytes)


@held_bytes.register
def _(x: MatrixInParts) -> int:
    return int(x.spill.layout.row_bytes) * len(x)


@held_bytes.register
def _(x: DeviceMatrix) -> int:
    return int(x.values.element_size() * x.values.nelement())
