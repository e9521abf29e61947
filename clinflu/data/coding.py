"""From recorded variables to codes: the compact form of a design matrix, made without the dense one."""

from itertools import groupby

import numpy as np
import pandas as pd

from clinflu.data.design import INTERCEPT, Encoder
from clinflu.data.matrix import Coded, CodedMatrix, Plain
from clinflu.data.matrix.coded import Codes
from clinflu.data.matrix.sparse import SparseMatrix
from clinflu.errors import BackendError

MOST_CODES = 2**16
MOST_OF_A_SET = 256  # each code of a set takes a byte a row
IS_HELD = np.array([[0.0], [1.0]])


def coded_matrix(encoder: Encoder, frame: pd.DataFrame) -> CodedMatrix:
    """Return the design matrix of the rows in its compact form; the same numbers as ``encoder.encode``.

    Parameters
    ----------
    encoder : Encoder
    frame : DataFrame
        Every recorded variable of the model.

    Raises
    ------
    DataError
        A recorded variable is absent.
    BackendError
        A set of codes has more columns than this form is for.
    """
    return _matrix(encoder, frame, list(encoder.places()))


def sparse_matrix(encoder: Encoder, frame: pd.DataFrame) -> SparseMatrix:
    """Return the design matrix of the rows without its zeros; sets of codes are never dense, not even in blocks.

    Parameters
    ----------
    encoder : Encoder
    frame : DataFrame
        Every recorded variable of the model.

    Raises
    ------
    DataError
        A recorded variable is absent.
    """
    from scipy.sparse import csr_array, hstack

    blocks = []
    for is_set, some in groupby(encoder.places(), lambda variable: variable in encoder.sets):
        if is_set:
            blocks += [encoder.encode_codes(variable, encoder.recorded(frame, variable)) for variable in some]
        else:
            blocks.append(SparseMatrix.of(_matrix(encoder, frame, list(some))).values)
    if len(blocks) == 1:
        return SparseMatrix(blocks[0])
    whole = csr_array(hstack(blocks, format="csr"))
    whole.sort_indices()
    return SparseMatrix(whole)


def _matrix(encoder: Encoder, frame: pd.DataFrame, names: list[str]) -> CodedMatrix:
    """Return the columns of variables that follow one another."""
    every = encoder.places()
    first = every[names[0]][0]
    variables: list[Coded | Plain] = []
    for variable in names:
        place = every[variable][0] - first
        if variable == INTERCEPT:
            constant = np.broadcast_to(np.uint8(0), len(frame))
            variables.append(Coded(constant, np.ones((1, 1)), place))
        elif variable in encoder.sets:
            variables += _of_set(encoder, variable, encoder.recorded(frame, variable), place)
        else:
            variables += _coded(encoder, variable, encoder.recorded(frame, variable), place)
    return CodedMatrix(tuple(variables), sum(len(every[variable]) for variable in names))


def _coded(encoder: Encoder, variable: str, values: pd.Series, first: int) -> list[Coded | Plain]:
    codes, distinct = _codes(values)
    if len(distinct) <= MOST_CODES:
        return [Coded(_small(codes, len(distinct)), encoder.encode_variable(variable, distinct), first)]
    encoded = encoder.encode_variable(variable, values)  # a measurement; beside it, whether it is missing
    return [Plain(np.ascontiguousarray(column), place) for place, column in enumerate(encoded.T, start=first)]


def _of_set(encoder: Encoder, variable: str, values: pd.Series, first: int) -> list[Coded]:
    """Return a set of few codes: whether each of them is held."""
    held = encoder.encode_codes(variable, values).tocsc()
    if held.shape[1] > MOST_OF_A_SET:
        raise BackendError(
            f"{variable!r} is a set of {held.shape[1]:,} codes, and only the backends 'sparse' and 'dense' hold more "
            f"than {MOST_OF_A_SET}; take 'sparse', or fold more codes by a larger fewest"
        )
    found = []
    for place, column in enumerate(np.split(held.indices, held.indptr[1:-1])):
        codes = np.zeros(len(values), dtype=np.uint8)
        codes[column] = 1
        found.append(Coded(codes, IS_HELD, first + place))
    return found


def _codes(values: pd.Series) -> tuple[Codes, pd.Series]:
    """Return the code of each value, and the value of each code, missing being one of them."""
    codes, distinct = pd.factorize(values, use_na_sentinel=False)
    return codes, pd.Series(distinct)


def _small(codes: Codes, count: int) -> Codes:
    return codes.astype(np.min_scalar_type(max(count - 1, 0)))
