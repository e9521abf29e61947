"""Names for the arrays that the formulas speak of."""

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Rows = NDArray[np.intp]
Flags = NDArray[np.bool_]
