"""A small convolutional network for square images, twice differentiable: one flat theta, not convex."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import softmax

from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.errors import FitError
from clinflu.model.base import ModelFamily, torch_device
from clinflu.model.logistic import LINEAR_FROM, risk

if TYPE_CHECKING:
    import torch

KERNEL = 3
POOL = 2
BLOCK_ROWS = 512


@dataclass(frozen=True)
class Cnn(ModelFamily):
    r"""Cross-entropy of a network with a convolution, an average pool and one hidden layer.

    .. math:: a = \tanh(W \, \mathrm{pool}(\tanh(k * x + c)) + b), \qquad \mathrm{scores} = V a + v

    with 3 x 3 kernels k, pools of 2 x 2, and tanh because influence needs a second derivative everywhere. Two classes
    have one score, the margin, and the logistic loss; K classes have K, and the softmax loss. theta is
    (k, c, W, b, V, v), each row after row. Channels and units can be exchanged, so there are always several optima.

    Rows are images, row of pixels after row, **without** an intercept column.

    Parameters
    ----------
    classes : int
        K, 2 or more.
    side : int
        Pixels along an edge of the image: even, 4 or more.
    channels : int
        Kernels of the convolution.
    hidden : int
        Units of the hidden layer.

    Raises
    ------
    FitError
        No such network.
    """

    classes: int = 2
    side: int = 8
    channels: int = 4
    hidden: int = 10
    name = "cnn"

    def __post_init__(self) -> None:
        if self.side < KERNEL + 1 or self.side % POOL:
            raise FitError(f"an image of {self.side} x {self.side} does not fit: give an even side of 4 or more")
        if self.classes < 2 or self.channels < 1 or self.hidden < 1:
            raise FitError("a network needs two classes, one channel and one hidden unit at least")

    @property
    def outputs(self) -> int:
        """Scores of a row: 1 for two classes, else K."""
        return 1 if self.classes == 2 else self.classes

    @cached_property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the parts of theta, in its order."""
        pooled = self.channels * ((self.side - KERNEL + 1) // POOL) ** 2
        return (
            *((self.channels, KERNEL * KERNEL), (self.channels,)),
            *((self.hidden, pooled), (self.hidden,)),
            *((self.outputs, self.hidden), (self.outputs,)),
        )

    def parameters(self) -> int:
        """Return the length of theta."""
        return sum(int(np.prod(shape)) for shape in self.shapes)

    def start(self, seed: int) -> Vector:
        """Return a random theta from which to fit: normal, 1 / sqrt(inputs) wide in each layer, every shift 0."""
        rng = np.random.default_rng(seed)
        parts = [
            rng.normal(size=shape).ravel() / np.sqrt(shape[1]) if len(shape) == 2 else np.zeros(shape)
            for shape in self.shapes
        ]
        return np.concatenate(parts)

    def loss(self, theta: "torch.Tensor", x: "torch.Tensor", y: "torch.Tensor") -> "torch.Tensor":
        """Return the cross-entropy of each row."""
        return self._loss_above(theta[self._below :], self._pooled(theta[: self._below], x), y)

    def scores(self, theta: "torch.Tensor", x: "torch.Tensor") -> "torch.Tensor":
        """Return the scores of each row, (n, 1) or (n, K)."""
        return self._above(theta[self._below :], self._pooled(theta[: self._below], x))[1]

    def hidden_layer(self, theta: "torch.Tensor", x: "torch.Tensor") -> "torch.Tensor":
        """Return the units of the hidden layer, (n, hidden)."""
        return self._above(theta[self._below :], self._pooled(theta[: self._below], x))[0]

    def probabilities(self, theta: Vector, x: Matrix) -> Matrix:
        """Return P(class k), (n, K)."""
        import torch

        scores: Matrix = self.scores(torch.from_numpy(theta), torch.from_numpy(np.array(x, dtype=float))).numpy()
        if self.outputs == 1:
            p = risk(scores[:, 0])
            return np.column_stack([1.0 - p, p])
        shares: Matrix = softmax(scores, axis=1)
        return shares

    def gradient(self, theta: Vector, x: Matrix, y: Vector, weights: Vector) -> Vector:
        """Return the gradient of the weighted loss, (d,), by the chain rule, layer after layer from the scores down.

        Where there is a CUDA device, by automatic differentiation there.
        """
        if torch_device().type == "cuda":
            return super().gradient(theta, x, y, weights)
        kernels, offset, inner, bias, outer, shift = self._split(theta)
        patches = np.array(x, dtype=float)[:, self._patches]
        maps = np.tanh(patches @ kernels.T + offset)
        pooled = maps.reshape(self._by_pool).mean(axis=(2, 4)).reshape(len(x), -1)
        units = np.tanh(pooled @ inner.T + bias)
        at_scores = weights[:, None] * self._surplus(units @ outer.T + shift, y)
        at_units = (at_scores @ outer) * (1.0 - units**2)
        at_pools = (at_units @ inner).reshape(len(x), *self._by_pool[1::2]) / POOL**2
        at_maps = ((1.0 - maps**2).reshape(self._by_pool) * at_pools[:, :, None, :, None]).reshape(-1, self.channels)
        parts = [
            *(at_maps.T @ patches.reshape(-1, KERNEL**2), at_maps.sum(axis=0)),
            *(at_units.T @ pooled, at_units.sum(axis=0)),
            *(at_scores.T @ units, at_scores.sum(axis=0)),
        ]
        return np.concatenate([part.ravel() for part in parts])

    def hessian(self, theta: Vector, x: Matrix, y: Vector, weights: Vector) -> Matrix:
        """Return the Hessian of the weighted loss, (d, d).

        The columns of the convolution are slopes of the whole gradient; the rest is the Hessian of the layers above at
        fixed pools: several times as fast as one product for every column. Blocks of rows bound the memory.
        """
        total = np.zeros((len(theta), len(theta)))
        for begin in range(0, len(x), BLOCK_ROWS):
            block = slice(begin, begin + BLOCK_ROWS)
            total += self._block_hessian(theta, x[block], y[block], weights[block])
        return total

    def _block_hessian(self, theta: Vector, x: Matrix, y: Vector, weights: Vector) -> Matrix:
        import torch
        from torch.func import grad, hessian, jacfwd

        below = self._below
        at, rows, outcome, weight = self._tensors(theta, x, y, weights)
        kernels, layers, pooled = at[:below], at[below:], self._pooled(at[:below], rows)

        def whole(free: torch.Tensor) -> torch.Tensor:
            return (weight * self.loss(free, rows, outcome)).sum()

        def slope(free: torch.Tensor) -> torch.Tensor:
            return grad(whole)(torch.cat([free, layers]))

        def above(free: torch.Tensor) -> torch.Tensor:
            return (weight * self._loss_above(free, pooled, outcome)).sum()

        found = np.empty((len(theta), len(theta)))
        found[:, :below] = self._array(jacfwd(slope)(kernels))
        found[:below] = found[:, :below].T
        found[below:, below:] = self._array(hessian(above)(layers))
        return found

    def _surplus(self, scores: Matrix, y: Vector) -> Matrix:
        """Return the slope of each row's loss in its scores, (n, outputs)."""
        if self.outputs == 1:
            return risk(scores) - y[:, None]
        surplus: Matrix = softmax(scores, axis=1)
        surplus[np.arange(len(y)), y.astype(np.intp)] -= 1.0
        return surplus

    @property
    def _by_pool(self) -> tuple[int, ...]:
        """Shape of the maps in which each pool has axes of its own."""
        narrow = (self.side - KERNEL + 1) // POOL
        return -1, narrow, POOL, narrow, POOL, self.channels

    @property
    def _below(self) -> int:
        """Entries of theta that belong to the convolution; they come first."""
        return self.channels * (KERNEL * KERNEL + 1)

    def _pooled(self, theta: "torch.Tensor", x: "torch.Tensor") -> "torch.Tensor":
        """Return the pools of the convolution, (n, q)."""
        import torch

        kernels, offset = self._parts(theta, self.shapes[:2])
        maps = torch.tanh(x[:, torch.from_numpy(self._patches).to(x.device)] @ kernels.T + offset)
        return maps.reshape(self._by_pool).mean(dim=(2, 4)).reshape(len(x), -1)

    def _above(self, theta: "torch.Tensor", pooled: "torch.Tensor") -> "tuple[torch.Tensor, torch.Tensor]":
        """Return the hidden units and the scores."""
        import torch

        inner, bias, outer, shift = self._parts(theta, self.shapes[2:])
        units = torch.tanh(pooled @ inner.T + bias)
        return units, units @ outer.T + shift

    def _loss_above(self, theta: "torch.Tensor", pooled: "torch.Tensor", y: "torch.Tensor") -> "torch.Tensor":
        import torch

        scores = self._above(theta, pooled)[1]
        if self.outputs > 1:
            return scores.logsumexp(dim=1) - scores.gather(1, y.long()[:, None])[:, 0]
        margin = scores[:, 0]
        return torch.nn.functional.softplus(margin, threshold=LINEAR_FROM) - y * margin

    @cached_property
    def _patches(self) -> Rows:
        """Pixels under each place of the kernel, (places, 9), place after place along the rows of the image."""
        across = np.arange(self.side - KERNEL + 1)
        corner = (across[:, None] * self.side + across).ravel()
        within = (np.arange(KERNEL)[:, None] * self.side + np.arange(KERNEL)).ravel()
        return corner[:, None] + within

    def _split(self, theta: Vector) -> list[Matrix]:
        ends = np.cumsum([int(np.prod(shape)) for shape in self.shapes])[:-1]
        return [part.reshape(shape) for part, shape in zip(np.split(theta, ends), self.shapes, strict=True)]

    @staticmethod
    def _parts(theta: "torch.Tensor", shapes: tuple[tuple[int, ...], ...]) -> "list[torch.Tensor]":
        sizes = [int(np.prod(shape)) for shape in shapes]
        return [part.reshape(shape) for part, shape in zip(theta.split(sizes), shapes, strict=True)]
