"""Which images make the best attacks, how far they move in pixels and in features, and in which directions."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import entr
from scipy.stats import spearmanr

from clinflu.analysis.adversarial.allowed import GreyLevels
from clinflu.analysis.adversarial.attack import Effort, attack, promise
from clinflu.analysis.adversarial.campaign import Campaign
from clinflu.analysis.adversarial.image_model import ImageModel
from clinflu.data.arrays import Matrix, Rows, Vector
from clinflu.influence.leave_one_out import leave_one_out_margins
from clinflu.model.logistic import risk, row_loss
from clinflu.model.metrics import auroc
from clinflu.progress import Progress, silent


@dataclass(frozen=True, repr=False, eq=False)
class Observations:
    """What Koh & Liang (2017, section 5.2) saw of their attacks, measured on these.

    Parameters
    ----------
    loss, entropy : (n,)
        Of each training image under the model that did not learn from it (one Newton step), nats: how ambiguous it is.
    strength : (n,)
        Mean over the targets of what its alteration promises, as a share of the image that promises most.
    altered : (n,)
        How many attacks altered it.
    pixel_step, feature_step : (a,)
        Of each attack, how far the altered image moved, as a share of the mean distance of a training image to the mean
        of its kind; in pixels and in features.
    step_variance : (a,)
        Variance of the training images along the step in features, as a share of the mean over all features.
    """

    loss: Vector
    entropy: Vector
    strength: Vector
    altered: Rows
    pixel_step: Vector
    feature_step: Vector
    step_variance: Vector

    def __repr__(self) -> str:
        return (
            f"Observations: rank correlation of strength with ambiguity {self.ambiguity:+.2f}; a step of "
            f"{np.median(self.pixel_step):.0%} in pixels is {np.median(self.feature_step):.0%} in features; "
            "see .to_frame()"
        )

    @property
    def ambiguity(self) -> float:
        """Spearman's correlation of strength with the loss; partly by construction, a slope holds the residual."""
        return float(spearmanr(self.strength, self.loss).statistic)

    @property
    def auroc(self) -> float:
        """AUROC with which the loss tells altered images from the others; NaN where all or none were altered."""
        chosen = (self.altered > 0).astype(float)
        return np.nan if chosen.min() == chosen.max() else auroc(chosen, self.loss)

    def to_frame(self) -> pd.DataFrame:
        """Return the figures, one a row."""
        chosen = self.altered > 0
        rows = [
            ("training images altered by some attack", float(chosen.sum())),
            ("mean loss of those, nats", _mean(self.loss[chosen])),
            ("mean loss of the others, nats", _mean(self.loss[~chosen])),
            ("mean entropy of those, nats", _mean(self.entropy[chosen])),
            ("mean entropy of the others, nats", _mean(self.entropy[~chosen])),
            ("AUROC of the loss for being altered", self.auroc),
            ("rank correlation of strength and loss", self.ambiguity),
            ("median step in pixels, share of the distance to the mean of the kind", float(np.median(self.pixel_step))),
            ("median step in features, likewise", float(np.median(self.feature_step))),
            ("median variance along the step, share of the mean", float(np.median(self.step_variance))),
        ]
        return pd.DataFrame(rows, columns=["figure", "value"]).set_index("figure")


def observations(campaign: Campaign) -> Observations:
    """Return what can be seen of the attacks of a campaign."""
    model = campaign.model
    margins = leave_one_out_margins(model.train)
    out = risk(margins)
    promises = [promise(model, one.targets, campaign.allowed) for one in campaign.attacks]
    features = model.train.x[:, 1:]
    pixel_unit, feature_unit = (_spread(values, model.y) for values in (model.pixels, features))
    steps = [one.altered - model.pixels[one.rows] for one in campaign.attacks]
    feature_steps = [model.column_map.transform(one.altered) - features[one.rows] for one in campaign.attacks]
    return Observations(
        loss=row_loss(margins, model.y),
        entropy=entr(out) + entr(1.0 - out),
        strength=np.mean([one / one.max() for one in promises], axis=0),
        altered=np.bincount(campaign.chosen, minlength=model.rows),
        pixel_step=np.array([_length(one) for one in steps]) / pixel_unit,
        feature_step=np.array([_length(one) for one in feature_steps]) / feature_unit,
        step_variance=np.array([_variance_along(features, one) for one in feature_steps]),
    )


def refitted_strength(
    model: ImageModel, targets: Iterable[int], allowed: GreyLevels, steps: int = 3, progress: Progress = silent
) -> Vector:
    """Return how far altering each training image, alone, moves the targets toward turning, mean log-odds, (n,).

    Every image is attacked for every target, with a refit after every step: what :func:`promise` only promises.

    Parameters
    ----------
    model : ImageModel
    targets : iterable of int
        Test images that are right, by position.
    allowed : GreyLevels
    steps : int
    progress : Progress
    """
    chosen = [int(one) for one in targets]
    moved = np.zeros(model.rows)
    for row in range(model.rows):
        for target in chosen:
            found = attack(model, [target], allowed=allowed, rows=[row], effort=Effort(1, steps))
            moved[row] += float(np.abs(found.margins_after - found.margins_before).sum()) / len(chosen)
        progress(row + 1, model.rows)
    return moved


def _spread(values: Matrix, y: Vector) -> float:
    """Return the mean distance of a row to the mean of its kind."""
    centers = np.where(y[:, None] == 1, values[y == 1].mean(axis=0), values[y == 0].mean(axis=0))
    return _length(values - centers)


def _length(rows: Matrix) -> float:
    return float(np.linalg.norm(rows, axis=1).mean())


def _variance_along(features: Matrix, steps: Matrix) -> float:
    """Return the variance of the rows along some steps, as a share of what a random direction has."""
    centred = features - features.mean(axis=0)
    lengths = np.linalg.norm(steps, axis=1, keepdims=True)
    moved = lengths[:, 0] > 0
    if not moved.any():
        return np.nan
    along = centred @ (steps[moved] / lengths[moved]).T
    return float(np.square(along).mean() / np.square(centred).mean())


def _mean(values: Vector) -> float:
    return float(values.mean()) if len(values) else np.nan
