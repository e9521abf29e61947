"""Runs in the peer venv: one pass over the rows by tabmat's SplitMatrix, from the codes that ours holds.

Its arguments are a file of codes and outcomes, as ``scale_dask.save`` writes it, one of theta, and the file for the
products. Their seconds and the bytes of the matrix come back as JSON.
"""

import json
import sys
import time
from statistics import median

import numpy as np

ROUNDS = 3


def split_matrix(saved):
    """Return categories as categories and numbers as dense columns."""
    import tabmat

    parts, places = [], []
    for number in range(sum(name.startswith("codes") for name in saved)):
        codes, table = saved[f"codes{number}"], saved[f"table{number}"]
        width, first = table.shape[1], int(saved[f"first{number}"])
        places.append(np.arange(first, first + width))
        if width == 1:
            parts.append(tabmat.DenseMatrix(table[codes]))
            continue
        level = np.where(table.any(axis=1), table.argmax(axis=1) + 1, 0).astype(np.int32)
        is_level = (table == np.eye(width + 1)[level][:, 1:]).all(axis=1)
        if not is_level[np.unique(codes)].all():
            raise ValueError("some rows hold a level that training never saw")
        parts.append(tabmat.CategoricalMatrix(level[codes], np.arange(width + 1), drop_first=True))
    return tabmat.SplitMatrix(parts, places)


def held_bytes(x):
    """Return the bytes of the codes and of the dense columns."""
    from tabmat import CategoricalMatrix

    return sum((one.indices if isinstance(one, CategoricalMatrix) else one.unpack()).nbytes for one in x.matrices)


def seconds_of(work):
    """Return the median of a few rounds, after one that is not counted."""
    work()
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return median(taken)


def main(path, at, answer):
    with np.load(path) as file:
        saved = dict(file)
    x, y, theta = split_matrix(saved), saved["y"], np.load(at)
    p = 1 / (1 + np.exp(-x.matvec(theta)))
    products = {
        "matvec": lambda: x.matvec(theta),
        "rmatvec": lambda: x.transpose_matvec(p - y),
        "sandwich": lambda: x.sandwich(p * (1 - p)),
    }
    np.savez(answer, **{name: work() for name, work in products.items()})
    found = {name: seconds_of(work) for name, work in products.items()}
    print(json.dumps(found | {"bytes": held_bytes(x)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
