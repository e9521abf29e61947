"""The line that turns margins which are no log-odds into log-odds."""

from dataclasses import replace

import numpy as np

from clinflu.errors import FitError
from clinflu.influence.leave_one_out import leave_one_patient_out_margins
from clinflu.influence.training import TrainingRows
from clinflu.model.base import FittedModel
from clinflu.model.newton import fit_logistic


def scaled(train: TrainingRows) -> FittedModel:
    r"""Return the model with the scale of its log-odds, a + b m.

    .. math:: (a, b) = \arg\min \sum_i w_i \left[ \log(1 + e^{a + b m_i}) - y_i (a + b m_i) \right]

    at the margins :math:`m_i` of each training encounter under the model without its patient, by one Newton step: at
    those of the model that learned from it the risks would be too extreme.

    Parameters
    ----------
    train : TrainingRows
        A fit whose scale was not chosen yet.

    Raises
    ------
    FitError
        The margins do not tell who has the event.

    References
    ----------
    Platt (1999), "Probabilistic outputs for support vector machines", there on held-out rows.
    """
    margins = leave_one_patient_out_margins(train)
    known = np.isfinite(margins)
    line = np.column_stack([np.ones(known.sum()), margins[known]])
    shift, steep = fit_logistic(line, train.y[known], train.weights[known], np.zeros(2)).theta
    if not steep > 0:
        raise FitError(
            "the margins of this model do not tell who has the event, so they give no risk; raise the temperature, "
            "change the penalty, or fit a logistic model"
        )
    return replace(train.model, scale=(float(shift), float(steep)))
