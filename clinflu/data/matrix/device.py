"""The backend of a GPU: all rows in its memory, products by torch in float64."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.data.matrix.base import CHUNK_ROWS, DesignMatrix

if TYPE_CHECKING:
    import torch

LARGEST_SHARE = 0.6  # of the memory that is free: a product needs room beside the rows


@dataclass(frozen=True, eq=False)
class DeviceMatrix(DesignMatrix):
    """All rows on a device.

    Parameters
    ----------
    values : (n, p) float64 tensor
    """

    values: "torch.Tensor"
    backend: ClassVar[str] = "gpu"
    in_blocks: ClassVar[bool] = False

    @classmethod
    def of(cls, x: DesignMatrix, device: str) -> "DeviceMatrix":
        """Copy another backend's rows to a device, a chunk of them at a time."""
        import torch

        values = torch.empty(x.shape, dtype=torch.float64, device=device)
        for start in range(0, len(x), CHUNK_ROWS):
            stop = min(start + CHUNK_ROWS, len(x))
            values[start:stop] = torch.from_numpy(x.rows(np.arange(start, stop))).to(device)
        return cls(values)

    @property
    def shape(self) -> tuple[int, int]:
        """(n, p)."""
        n, p = self.values.shape
        return int(n), int(p)

    @property
    def provenance(self) -> str:
        """What holds the matrix, in words."""
        return f"{super().provenance} on {self.values.device}"

    def fill(self, out: Matrix, start: int, stop: int) -> None:
        """Copy the rows back."""
        out[:] = _back(self.values[start:stop])

    def take(self, rows: Rows) -> "DeviceMatrix":
        """Return these rows, on the device."""
        return DeviceMatrix(self.values[self._there(rows)])

    def rows(self, rows: Rows) -> Matrix:
        """Return these rows."""
        return _back(self.values[self._there(rows)])

    def largest(self) -> Vector:
        """Return max |x_ij| of each column."""
        return _back(self.values.abs().amax(dim=0))

    def matvec(self, v: Matrix) -> Matrix:
        """Return X v."""
        return _back(self.values @ self._there(v))

    def rmatvec(self, u: Matrix) -> Matrix:
        """Return X' u."""
        return _back(self.values.T @ self._there(u))

    def sandwich(self, d: Vector) -> Matrix:
        """Return X' diag(d) X, a chunk of rows at a time."""
        weights, total = self._there(d), self.values.new_zeros((self.shape[1], self.shape[1]))
        for start in range(0, len(self), CHUNK_ROWS):
            rows = slice(start, start + CHUNK_ROWS)
            total += (self.values[rows] * weights[rows, None]).T @ self.values[rows]
        return _back(total)

    def quadratic(self, form: Matrix) -> Vector:
        """Return x_i' A x_i of each row, a chunk of rows at a time."""
        there, found = self._there(form), self.values.new_empty(len(self))
        for start in range(0, len(self), CHUNK_ROWS):
            rows = slice(start, start + CHUNK_ROWS)
            found[rows] = ((self.values[rows] @ there) * self.values[rows]).sum(dim=1)
        return _back(found)

    def weighted_squares(self, d: Vector) -> Vector:
        """Return the weighted sum of squares of each column."""
        return _back(self._there(d) @ self.values.square())

    def _there(self, values: Matrix | Rows) -> "torch.Tensor":
        import torch

        return torch.from_numpy(np.ascontiguousarray(values)).to(self.values.device)


def fits_on_a_gpu(rows: int, columns: int) -> bool:
    """Whether torch sees a CUDA device with room for so many rows and columns."""
    import torch

    if not torch.cuda.is_available():
        return False
    free, _ = torch.cuda.mem_get_info()
    return bool(8 * rows * columns <= LARGEST_SHARE * free)


def _back(values: "torch.Tensor") -> Matrix:
    found: Matrix = values.cpu().numpy()
    return found
