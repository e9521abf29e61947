"""Products of what each patient pulls at the coefficients, without a row for each patient in memory."""

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.data.matrix import AnyMatrix, DesignMatrix
from clinflu.data.matrix.passes import Parts, added_up

GATHERED_ROWS = 50_000


def scores_product(x: AnyMatrix, first: Vector, second: Vector, patients: Rows, count: int) -> Matrix:
    r"""Return the centred sum of products of two scores of each patient.

    .. math:: \sum_c (u_c - \bar u)(v_c - \bar v)^\top, \quad
        u_c = \sum_{i \in c} a_i x_i, \; v_c = \sum_{i \in c} b_i x_i

    Parameters
    ----------
    x : (n, p)
    first, second : (n,)
        a and b.
    patients : (n,) int
        Code of the patient of each row.
    count : int
        C, the number of patients.

    Returns
    -------
    (p, p)
    """
    if not isinstance(x, DesignMatrix):
        u, v = (sums_by_patient(x, factors, patients, count) for factors in (first, second))
        product: Matrix = (u - u.mean(axis=0)).T @ (v - v.mean(axis=0))
        return product
    several = np.bincount(patients, minlength=count)[patients] > 1
    found = x.sandwich(np.where(several, 0.0, first * second))  # a patient with one row is that row

    def product_of(rows: Rows, dense: Matrix) -> Parts:
        codes, people = pd.factorize(patients[rows])
        u, v = (sums_by_patient(dense, factors[rows], codes, len(people)) for factors in (first, second))
        return (u.T @ v,)

    if products := x.of_groups(product_of, whole_patients(np.flatnonzero(several), patients)):
        found += added_up(products)[0]
    centred: Matrix = found - np.outer(first @ x, second @ x) / count
    return centred


def sums_by_patient(x: Matrix, factors: Vector, patients: Rows, count: int) -> Matrix:
    """Return the sum over each patient's rows of factor times row, (C, p), without a copy of x."""
    chooses = csr_array((factors, (patients, np.arange(len(x)))), shape=(count, len(x)))
    sums: Matrix = chooses @ x
    return sums


def whole_patients(rows: Rows, patients: Rows) -> list[Rows]:
    """Divide rows into some that are not many, all rows of a patient in one of them."""
    if not len(rows):
        return []
    ordered = rows[np.argsort(patients[rows], kind="stable")]
    begins = np.flatnonzero(np.diff(patients[ordered], prepend=-1))
    cuts = begins[np.unique(np.searchsorted(begins, np.arange(0, begins[-1] + 1, GATHERED_ROWS)))]
    return np.split(ordered, cuts[1:])
