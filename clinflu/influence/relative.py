"""Relative influence: the effect of a past encounter, set against how much it moves the model as a whole."""

import numpy as np

from clinflu.data.arrays import Vector
from clinflu.influence.leave_one_out import self_kernel
from clinflu.influence.training import TrainingRows
from clinflu.model.logistic import risk_at


def relatif(train: TrainingRows, x_audited: Vector, y_audited: float) -> Vector:
    r"""Return the RelatIF of each training encounter on one prediction, in its version that is relative to the loss.

    .. math:: \frac{r_t \, \operatorname{sign}(r_i) \, \tilde x_t^\top H^{-1} \tilde x_i}
        {\sqrt{\tilde x_i^\top H^{-1} \tilde x_i}}

    The first-order influence on the audited loss divided by the square root of the encounter's influence on itself:
    an outlier that moves every prediction no longer comes first for all of them. Neither the size of the encounter's
    residual nor its weight matters any more, only its direction.

    Parameters
    ----------
    train : TrainingRows
    x_audited : (p,)
    y_audited : float
        What happened to the audited patient, 0 or 1.

    Returns
    -------
    (n,)
        Positive: the encounter is helpful, since without it the prediction is worse. It orders encounters and has no
        unit of risk or loss. 0 where the encounter has no weight, or no influence on itself.

    References
    ----------
    Barshan, Brunet & Dziugaite (2020), "RelatIF: identifying explanatory training examples via relative influence",
    AISTATS, arXiv:2003.11630; there with the opposite sign.
    """
    residual = y_audited - risk_at(train.model.log_odds_of(x_audited))
    own = np.sqrt(self_kernel(train))
    cross = train.tangent @ train.model.solve(train.model.direction(x_audited))
    relative: Vector = np.divide(cross, own, out=np.zeros(len(own)), where=own > 0)
    return residual * np.sign(train.residual) * relative
