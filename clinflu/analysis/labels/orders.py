"""Orders in which a reviewer may check training rows for a wrong label: each gives (n,) numbers, higher is sooner."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from clinflu.analysis.labels.taught import Taught
from clinflu.data.arrays import Rows, Vector

Order = Callable[[Taught, Generator], Vector]

RANDOM = "random"
RAREST_FIRST = "rarest label first"
SELF_INFLUENCE = "self-influence"
TRAINING_LOSS = "training loss"


def self_influence(taught: Taught, _: Generator) -> Vector:
    r"""Return :math:`\nabla l_i^\top H^{-1} \nabla l_i`, (n,), nats: how much a row relies on itself, first order.

    References
    ----------
    Koh & Liang (2017), arXiv:1703.04730, section 5.4.
    """
    return taught.self_influence


def self_influence_one_step(taught: Taught, _: Generator) -> Vector:
    """Return the rise of a row's own loss after one Newton step without it, (n,), nats."""
    return taught.self_influence_one_step


def training_loss(taught: Taught, _: Generator) -> Vector:
    """Return the loss of each row under the model that learned from it, (n,), nats."""
    return taught.loss


def leave_one_out_loss(taught: Taught, _: Generator) -> Vector:
    """Return the loss of each row under the model without it, one Newton step, (n,), nats."""
    return taught.loss_without


def confident_learning(taught: Taught, _: Generator) -> Vector:
    """Return 1 - cleanlab's label quality, and 1 more for the rows that it reports as label issues, (n,).

    The probabilities are those of the model without the row, which stand for the cross-validated ones that cleanlab
    asks for; quality is the normalised margin, as in its ``find_label_issues``.

    References
    ----------
    Northcutt, Jiang & Chuang (2021), "Confident learning", JAIR, doi:10.1613/jair.1.12125.
    """
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    labels, probabilities = taught.labels.astype(int), taught.probabilities_without
    reported = find_label_issues(labels, probabilities, n_jobs=1)
    quality = get_label_quality_scores(labels, probabilities, method="normalized_margin")
    suspicion: Vector = np.asarray(reported, dtype=float) + 1.0 - np.asarray(quality, dtype=float)
    return suspicion


def at_random(taught: Taught, rng: Generator) -> Vector:
    """Return numbers that know nothing, (n,): what the others must beat."""
    return rng.random(len(taught.labels))


def rarest_label_first(taught: Taught, rng: Generator) -> Vector:
    """Return numbers that know the label and nothing else, (n,): the rarest label first, in random order within it.

    Where flips are drawn from all rows alike, a rare label is more often wrong than a common one; what an order finds
    beyond this one, it finds by the patient.
    """
    labels = taught.labels.astype(int)
    common = np.bincount(labels)[labels]
    suspicion: Vector = rng.random(len(labels)) - common
    return suspicion


ORDERS: dict[str, Order] = {
    SELF_INFLUENCE: self_influence,
    "self-influence, one step": self_influence_one_step,
    TRAINING_LOSS: training_loss,
    "leave-one-out loss": leave_one_out_loss,
    "confident learning": confident_learning,
    RAREST_FIRST: rarest_label_first,
    RANDOM: at_random,
}
CONTROLS = (RAREST_FIRST, RANDOM)  # what an order must beat to be worth its name


def sooner(suspicion: Vector) -> Rows:
    """Return the rows from the most suspect to the least, ties in the order of the rows, (n,)."""
    rows: Rows = np.argsort(-suspicion, kind="stable")
    return rows
