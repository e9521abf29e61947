"""A fit to many sparse code columns in a process of its own: seconds, passes and the largest memory, as JSON.

Each invented row holds an intercept and about twenty of thousands of codes, few of them common, as code sets are.
"""

import json
import sys
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from stopwatch import Stopwatch

from clinflu.data.matrix.sparse import SparseMatrix
from clinflu.influence.refit import Change, refit
from clinflu.influence.removal import removal_effect
from clinflu.influence.training import TrainingRows
from clinflu.model.logistic import risk

CODES_A_ROW = 20
RARITY = 0.8  # the k-th code is as common as k to the power of minus this
SPREAD, BASE = 0.3, -2.0
REMOVED = 1000
CHECKED = 5


def main(rows: int, columns: int) -> None:
    """Make the rows, fit, ask for an influence, and refit without 1,000 rows."""
    found: dict[str, Any] = {"rows": rows, "columns": columns}

    timed = Stopwatch(found)

    rng = np.random.default_rng(0)
    x = SparseMatrix(timed("make", lambda: codes(rows, columns, rng)))
    theta = np.append(BASE, SPREAD * rng.normal(size=columns - 1))
    y = (rng.random(rows) < risk(x @ theta)).astype(float)
    penalty = np.append(0.0, np.ones(columns - 1))
    train = timed("fit", lambda: TrainingRows.fit(x, y, np.ones(rows), penalty))
    timed("leverage", lambda: train.leverage)
    effects = timed("influence", lambda: removal_effect(train, x[0]))
    without = timed("refit", lambda: refit(train, Change.removal(train, np.arange(min(REMOVED, rows // 2)))))
    by_hand = [train.curvature[row] * x[row] @ train.model.solve(x[row]) for row in range(CHECKED)]
    found |= {
        "passes": train.model.passes,
        "gradient_norm": train.model.gradient_norm,
        "step_norm": train.model.step_norm,
        "refit_step_norm": without.step_norm,
        "leverage_apart": float(np.abs(train.leverage[:CHECKED] - by_hand).max()),
        "influence_apart": float(np.abs(effects[0] + train.residual[0] * x[0] @ train.model.solve(x[0]))),
    }
    print(json.dumps(found))


def codes(rows: int, columns: int, rng: np.random.Generator) -> csr_array:
    """Return an intercept and, of each row, the different codes among so many that were drawn."""
    common = 1 / np.arange(1.0, columns) ** RARITY
    drawn = rng.choice(np.arange(1, columns, dtype=np.int32), (rows, CODES_A_ROW), p=common / common.sum())
    drawn = np.column_stack([np.zeros(rows, np.int32), np.sort(drawn, axis=1)])
    new = np.diff(drawn, axis=1, prepend=-1) > 0
    ends = np.append(0, np.cumsum(new.sum(axis=1)))
    return csr_array((np.ones(ends[-1]), drawn[new], ends.astype(np.int32)), shape=(rows, columns))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
