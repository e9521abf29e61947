"""Regression diagnostics of the training rows, by the names and with the scaling of statsmodels."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.influence.leave_one_out import leave_one_out_margins, self_kernel, share_left
from clinflu.influence.training import TrainingRows
from clinflu.model.logistic import BLOCK_ROWS, curvature, row_loss


@dataclass(frozen=True, repr=False)
class Diagnostics:
    r"""Leverage, residuals and influence of each training row on the fit as a whole.

    Without a penalty the values are those of statsmodels' ``GLM(y, x, Binomial(), var_weights=w).fit()
    .get_influence()``: a weight multiplies a row's loss. The scale is 1, as it is for a binomial outcome. With a
    penalty statsmodels has no such diagnostics; here :math:`H^{-1}`, the penalty in it, then stands for the covariance
    of the coefficients, and the number of columns stays p.

    The differences of coefficients (``d_params``, ``dfbetas``, ``d_linpred``) carry statsmodels' sign: with the row
    minus without it, so **the opposite of a removal effect**. All of them are one Newton step; a row without which the
    model is not determined has NaN.

    Parameters
    ----------
    train : TrainingRows
    """

    train: TrainingRows

    @property
    def hat_matrix_diag(self) -> Vector:
        r"""Leverage :math:`h_i = w_i p_i (1 - p_i) \tilde x_i^\top H^{-1} \tilde x_i`, (n,), from 0 to 1."""
        return self.train.leverage

    @cached_property
    def resid_pearson(self) -> Vector:
        r"""Pearson residual :math:`\sqrt{w_i} (y_i - p_i) / \sqrt{p_i (1 - p_i)}`, (n,).

        As :math:`\pm\sqrt{w_i} e^{\mp m_i / 2}`, which needs no p (1 - p) that rounds to 0; infinite beyond float64.
        """
        sign = 2.0 * self.train.y - 1.0
        with np.errstate(over="ignore"):
            size = np.exp(-0.5 * sign * self._margins)
        residual: Vector = np.sqrt(self.train.weights) * sign * size
        return residual

    @cached_property
    def resid_deviance(self) -> Vector:
        """Deviance residual, (n,): the square root of twice the weighted loss, with the sign of y - p."""
        loss = self.train.weights * row_loss(self._margins, self.train.y)
        residual: Vector = np.sign(self.train.y - 0.5) * np.sqrt(2.0 * loss)
        return residual

    @cached_property
    def resid_studentized(self) -> Vector:
        """Pearson residual divided by the square root of 1 - h, (n,)."""
        return self.resid_pearson / np.sqrt(self._left)

    @cached_property
    def cooks_distance(self) -> Vector:
        r"""Cook's distance, (n,): how far one row moves all coefficients together.

        .. math:: \frac{1}{p} (\theta - \theta_{(-i)})^\top H (\theta - \theta_{(-i)})
            = \frac{w_i^2 r_i^2 q_i}{p \, (1 - h_i)^2}

        statsmodels returns it with p-values of an F distribution that a binomial outcome does not follow; they are
        left out.
        """
        distance: Vector = np.square(self.train.residual / self._left) * self._kernel / len(self.train.model.theta)
        return distance

    @cached_property
    def d_linpred(self) -> Vector:
        """Row's own margin with it minus without it, (n,), log-odds."""
        return self.train.model.scale[1] * self.train.residual * self._kernel / self._left

    @cached_property
    def d_linpred_scaled(self) -> Vector:
        """``d_linpred`` in standard errors of the margin, (n,)."""
        return self.train.residual * np.sqrt(self._kernel) / self._left

    @cached_property
    def d_fittedvalues(self) -> Vector:
        """Row's own risk with it minus without it along the tangent, (n,), share of 1."""
        return curvature(self.train.risk) * self.d_linpred

    @property
    def d_fittedvalues_scaled(self) -> Vector:
        """``d_fittedvalues`` in standard errors of the risk, (n,); statsmodels' table calls it ``dffits_internal``.

        Both numerator and standard error carry p (1 - p), so it equals ``d_linpred_scaled``.
        """
        return self.d_linpred_scaled

    @property
    def d_params(self) -> Matrix:
        """Coefficients with a row minus without it, (n, p), one Newton step; computed anew at each call."""
        return np.concatenate([block for _, block in self._d_params_in_blocks()])

    @property
    def dfbetas(self) -> Matrix:
        """``d_params`` in standard errors of each coefficient, (n, p); 100 MB for 60,000 x 209, so computed anew."""
        return self.d_params / self.bse

    @cached_property
    def bse(self) -> Vector:
        """Standard error of each coefficient, (p,): the square root of the diagonal of H^-1."""
        errors: Vector = np.sqrt(np.diagonal(self.train.model.solve(np.eye(len(self.train.model.theta)))))
        return errors

    @property
    def max_abs_dfbetas(self) -> Vector:
        """Largest absolute ``dfbetas`` of each row, (n,); block by block, the whole matrix is never made."""
        return self._largest_dfbetas[0]

    @property
    def max_abs_dfbetas_column(self) -> Rows:
        """Which coefficient that is, (n,): a column of x."""
        return self._largest_dfbetas[1]

    @cached_property
    def self_influence_first_order(self) -> Vector:
        """First-order rise of a row's own unweighted loss when it is removed, w r^2 q, (n,), nats; never negative."""
        return -self.train.residual * self.train.model.of_margin.slope(self.train.margin, self.train.y) * self._kernel

    @cached_property
    def self_influence(self) -> Vector:
        """Rise of a row's own unweighted loss when it is removed, (n,), nats: exact at the one-step margin.

        Large where the model can only get that row right by having seen it: a wrong record, or a patient like no other.
        """
        without = leave_one_out_margins(self.train)
        return row_loss(without, self.train.y) - row_loss(self._margins, self.train.y)

    @cached_property
    def _margins(self) -> Vector:
        return self.train.log_odds

    @cached_property
    def _kernel(self) -> Vector:
        return self_kernel(self.train)

    @cached_property
    def _left(self) -> Vector:
        return share_left(self.train)

    @cached_property
    def _largest_dfbetas(self) -> tuple[Vector, Rows]:
        size, column = np.empty(len(self.train.x)), np.empty(len(self.train.x), dtype=np.intp)
        for rows, block in self._d_params_in_blocks():
            scaled = np.abs(block / self.bse)
            column[rows] = scaled.argmax(axis=1)
            size[rows] = scaled.max(axis=1)
        return size, column

    def _d_params_in_blocks(self) -> Iterator[tuple[slice, Matrix]]:
        train = self.train
        scale = train.residual / self._left
        for start in range(0, len(train.x), BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            solved = train.model.solve(np.ascontiguousarray(train.tangent[rows].T)).T
            yield rows, solved * scale[rows, None]
