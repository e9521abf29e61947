"""From recorded variables to codes: the compact form of a design matrix, made without the dense one."""

import numpy as np
import pandas as pd

from clinflu.data.design import INTERCEPT, Encoder
from clinflu.data.matrix import Coded, CodedMatrix, Plain
from clinflu.data.matrix.coded import Codes

MOST_CODES = 2**16


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
    """
    variables: list[Coded | Plain] = []
    for variable, places in encoder.places().items():
        if variable == INTERCEPT:
            constant = np.broadcast_to(np.uint8(0), len(frame))
            variables.append(Coded(constant, np.ones((1, 1)), places[0]))
        else:
            variables += _coded(encoder, variable, encoder.recorded(frame, variable), places)
    return CodedMatrix(tuple(variables), len(encoder.columns))


def _coded(encoder: Encoder, variable: str, values: pd.Series, places: list[int]) -> list[Coded | Plain]:
    codes, distinct = _codes(values)
    if len(distinct) <= MOST_CODES:
        return [Coded(_small(codes, len(distinct)), encoder.encode_variable(variable, distinct), places[0])]
    encoded = encoder.encode_variable(variable, values)  # a measurement; beside it, whether it is missing
    return [Plain(np.ascontiguousarray(column), place) for column, place in zip(encoded.T, places, strict=True)]


def _codes(values: pd.Series) -> tuple[Codes, pd.Series]:
    """Return the code of each value, and the value of each code, missing being one of them."""
    codes, distinct = pd.factorize(values, use_na_sentinel=False)
    return codes, pd.Series(distinct)


def _small(codes: Codes, count: int) -> Codes:
    return codes.astype(np.min_scalar_type(max(count - 1, 0)))
