"""Ways to put past encounters in order of how far they are responsible for one wrong prediction.

Each takes a study and an encounter id and returns (n,) numbers, one a training encounter: larger is more responsible,
that is, pushed harder toward the error. What has no direction of its own (Cook's distance, training loss, neighbours)
is given the outcome: encounters with the outcome that the audited patient did not have come first, which serves each of
them better on average than leaving the outcome out.
"""

from collections.abc import Callable

import numpy as np

from clinflu.analysis.influence_on import influence_on
from clinflu.data.arrays import Matrix, Vector
from clinflu.data.matrix import whole
from clinflu.influence.decomposition import attributions
from clinflu.influence.diagnostics import Diagnostics
from clinflu.influence.refit import Change, refit_each
from clinflu.influence.relative import relatif
from clinflu.model.logistic import row_loss
from clinflu.progress import Progress, silent
from clinflu.study import Study

Ranking = Callable[[Study, str], Vector]

REFIT = "refit"


def refitted_effect(study: Study, encounter_id: str) -> Vector:
    """How far each past encounter pushed toward the error, (n,), log-odds, each by a refit without it: n refits."""
    return toward_error(study, encounter_id, thetas_without_each(study))


def removal_effect_one_step(study: Study, encounter_id: str) -> Vector:
    """How far each past encounter pushed toward the error, (n,), log-odds, by one Newton step without it."""
    return influence_on(study, encounter_id).toward_error


def relative_influence(study: Study, encounter_id: str) -> Vector:
    """RelatIF, signed so that larger is more harmful to this prediction, (n,); see ``influence.relative``."""
    return -relatif(study.train, study.x(encounter_id), _outcome(study, encounter_id))


def gradient_dot_product(study: Study, encounter_id: str) -> Vector:
    """Minus the product of the loss gradients of the audited and each past encounter, (n,).

    The removal effect with the identity in the place of the Hessian; TracIn (Pruthi et al. 2020, arXiv:2002.08484) at
    the last checkpoint. Columns are those of the model: numbers standardised, levels 0 or 1.
    """
    return (
        -_residual(study, encounter_id)
        * study.train.residual
        * (study.train.tangent @ study.model.direction(study.x(encounter_id)))
    )


def gradient_cosine(study: Study, encounter_id: str) -> Vector:
    """Minus the cosine between the two loss gradients, (n,): the dot product without regard to their lengths."""
    x, rows = study.model.direction(study.x(encounter_id)), whole(study.train.tangent, "this ranking")
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(x)
    directions = np.sign(_residual(study, encounter_id) * study.train.residual)
    cosine: Vector = np.divide(rows @ x, lengths, out=np.zeros(len(lengths)), where=lengths > 0)
    return -directions * cosine


def cooks_distance(study: Study, encounter_id: str) -> Vector:
    """Cook's distance, (n,), of encounters with the other outcome; then of the rest.

    It knows neither the prediction nor a direction, so only the outcome can say who pushed toward the error.
    """
    return _other_outcome_first(study, encounter_id, Diagnostics(study.train).cooks_distance)


def training_loss(study: Study, encounter_id: str) -> Vector:
    """Loss of each past encounter under the model that learned from it, (n,), nats; the other outcome first.

    As one looks for wrong labels: what the model finds least plausible.
    """
    loss = row_loss(study.margins[study.split.train], study.train.y)
    return _other_outcome_first(study, encounter_id, loss)


def nearest_neighbours(study: Study, encounter_id: str) -> Vector:
    """Minus the Euclidean distance between the recorded features, (n,); the other outcome first.

    Every encoded column divided by its standard deviation, so that sharing a rare level counts for much: of the
    encodings tried the one that finds most.
    """
    x = whole(study.train.x, "this ranking")
    deviation = x.std(axis=0)
    scale = np.where(deviation > 0, deviation, 1.0)
    return _other_outcome_first(study, encounter_id, -_distances(x / scale, study.x(encounter_id) / scale))


def shap_neighbours(study: Study, encounter_id: str) -> Vector:
    r"""Minus the Euclidean distance between the explanations of the predictions, (n,); the other outcome first.

    An explanation is :math:`\theta_j (x_j - \bar x_j)`, the SHAP value of a linear model with independent columns,
    column by column: folded to recorded variables it finds fewer.
    """
    rows, audited = (
        attributions(study.model, x, study.train.mean)
        for x in (whole(study.train.x, "this ranking"), study.x(encounter_id)[None])
    )
    distances = _distances(rows, audited[0])
    return _other_outcome_first(study, encounter_id, -distances)


def thetas_without_each(study: Study, progress: Progress = silent) -> Matrix:
    """Return the coefficients of the model without each training encounter, (n, p), by n refits."""
    changes = [Change.removal(study.train, np.array([row])) for row in range(len(study.train.x))]
    return np.array([one.theta for one in refit_each(study.train, changes, progress)])


def toward_error(study: Study, encounter_id: str, thetas: Matrix) -> Vector:
    """How far each past encounter pushed toward the error, (n,), log-odds, given the models without it (n, p)."""
    change = np.array([study.model.log_odds_change(study.x(encounter_id), theta) for theta in thetas])
    push: Vector = np.sign(_residual(study, encounter_id)) * change
    return push


def _outcome(study: Study, encounter_id: str) -> float:
    return float(study.design.y[study.row(encounter_id)])


def _residual(study: Study, encounter_id: str) -> float:
    row = study.row(encounter_id)
    return float(study.design.y[row] - study.risks[row])


def _other_outcome_first(study: Study, encounter_id: str, values: Vector) -> Vector:
    """Put encounters whose outcome differs from the audited one's before the others, each group in its order."""
    same = study.train.y == _outcome(study, encounter_id)
    return np.where(same, values - (values.max() - values.min() + 1.0), values)


def _distances(rows: Matrix, point: Vector) -> Vector:
    distances: Vector = np.linalg.norm(rows - point, axis=1)
    return distances


RANKINGS: dict[str, Ranking] = {
    REFIT: refitted_effect,
    "removal effect": removal_effect_one_step,
    "RelatIF": relative_influence,
    "gradient dot product": gradient_dot_product,
    "gradient cosine": gradient_cosine,
    "Cook's distance": cooks_distance,
    "training loss": training_loss,
    "nearest neighbours": nearest_neighbours,
    "SHAP-space neighbours": shap_neighbours,
}
