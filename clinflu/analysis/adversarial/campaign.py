"""How many right predictions can be turned: each attacked on its own, over how far and how many images are altered."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from clinflu.analysis.adversarial.allowed import GreyLevels
from clinflu.analysis.adversarial.attack import DEFAULT_EFFORT, Attack, Effort, attack
from clinflu.analysis.adversarial.image_model import ImageModel
from clinflu.errors import DataError
from clinflu.progress import Progress, silent


@dataclass(frozen=True, repr=False, eq=False)
class Campaign:
    """Attacks on several predictions of one model, each on its own and from the model as it was.

    Parameters
    ----------
    model : ImageModel
    allowed : GreyLevels
    images : int
        How many training images each attack altered.
    attacks : tuple of Attack
        Each with one target.
    """

    model: ImageModel
    allowed: GreyLevels
    images: int
    attacks: tuple[Attack, ...]

    def __repr__(self) -> str:
        return f"Campaign: {self.words}"

    @property
    def tried(self) -> int:
        """How many right predictions were attacked."""
        return len(self.attacks)

    @property
    def turned(self) -> int:
        """How many of them are wrong after a fit from zero."""
        return sum(one.flipped for one in self.attacks)

    @property
    def share(self) -> float:
        """Share of those attacked."""
        return self.turned / self.tried

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the share, the predictions taken as drawn at random."""
        low, high = proportion_confint(self.turned, self.tried, method="wilson")
        return float(low), float(high)

    @property
    def words(self) -> str:
        """What was found, in a sentence."""
        images = "one training image" if self.images == 1 else f"{self.images} training images"
        low, high = self.interval
        return (
            f"With {images} of {self.model.rows:,} altered by at most {self.allowed.words}, {self.turned} of "
            f"{self.tried} right predictions turned ({self.share:.0%}, 95 % interval {low:.0%} to {high:.0%}); "
            f"{self.model.columns} features."
        )

    @property
    def chosen(self) -> "np.ndarray":
        """The training images that were altered, each as often as it was, by position."""
        return np.concatenate([one.rows for one in self.attacks])

    @property
    def example(self) -> Attack:
        """An attack to look at: of those that turned their target the one with the widest swing, else of all."""
        turned = [one for one in self.attacks if one.flipped] or list(self.attacks)
        swings = [abs(float((one.margins_after - one.margins_before).sum())) for one in turned]
        return turned[int(np.argmax(swings))]

    def to_frame(self) -> pd.DataFrame:
        """Return one attack a row: the target's log-odds before and after, and whether it and others turned."""
        return pd.DataFrame(
            {
                "target": [int(one.targets[0]) for one in self.attacks],
                "first_image": [int(one.rows[0]) for one in self.attacks],
                "margin_before": [float(one.margins_before[0]) for one in self.attacks],
                "margin_after": [float(one.margins_after[0]) for one in self.attacks],
                "turned": [bool(one.flipped) for one in self.attacks],
                "others_turned": [one.others_flipped for one in self.attacks],
            }
        )


def campaign(
    model: ImageModel,
    targets: Iterable[int],
    allowed: GreyLevels,
    *,
    images: int = 1,
    effort: Effort = DEFAULT_EFFORT,
    progress: Progress = silent,
) -> Campaign:
    """Attack each of some right predictions on its own; see :func:`clinflu.analysis.adversarial.attack.attack`.

    Raises
    ------
    DataError
        There are no predictions to attack, or one of them is wrong already.
    """
    chosen = [int(one) for one in targets]
    if not chosen:
        raise DataError("a campaign attacks one right prediction or more; give some of model.some_right(...)")
    attacks = []
    for done, target in enumerate(chosen, start=1):
        attacks.append(attack(model, [target], allowed=allowed, images=images, effort=effort))
        progress(done, len(chosen))
    return Campaign(model, allowed, images, tuple(attacks))


@dataclass(frozen=True, repr=False, eq=False)
class FlipCurve:
    """Several campaigns side by side."""

    campaigns: tuple[Campaign, ...]

    def __repr__(self) -> str:
        return f"FlipCurve of {len(self.campaigns)} campaigns; see .to_frame()"

    def to_frame(self) -> pd.DataFrame:
        """Return one campaign a row, with the share of predictions turned and its interval."""
        return pd.DataFrame(
            [
                {
                    "features": one.model.described,
                    "training_images": one.model.rows,
                    "columns": one.model.columns,
                    "images_per_column": one.model.rows / one.model.columns,
                    "right_before": one.model.share_right,
                    "epsilon": one.allowed.epsilon,
                    "images_altered": one.images,
                    "tried": one.tried,
                    "turned": one.turned,
                    "share": one.share,
                    "low": one.interval[0],
                    "high": one.interval[1],
                }
                for one in self.campaigns
            ]
        )


def over_epsilon(  # noqa: PLR0913 -- the plan of one experiment, each part with a default
    model: ImageModel,
    epsilons: Iterable[float],
    images: Iterable[int] = (1,),
    *,
    count: int = 20,
    effort: Effort = DEFAULT_EFFORT,
    seed: int = 0,
    progress: Progress = silent,
) -> FlipCurve:
    """Attack the same right predictions with more and more room, and with more and more images altered.

    Parameters
    ----------
    model : ImageModel
    epsilons : iterable of float
        Grey levels.
    images : iterable of int
        How many training images are altered.
    count : int
        Right predictions, drawn at random.
    effort : Effort
    seed : int
        Of which predictions.
    progress : Progress
    """
    targets = model.some_right(count, seed)
    plan = [(float(epsilon), k) for k in images for epsilon in epsilons]
    found = []
    for done, (epsilon, k) in enumerate(plan, start=1):
        found.append(campaign(model, targets, GreyLevels(epsilon), images=k, effort=effort))
        progress(done, len(plan))
    return FlipCurve(tuple(found))


def over_rows(
    models: Iterable[ImageModel],
    allowed: GreyLevels,
    *,
    count: int = 20,
    effort: Effort = DEFAULT_EFFORT,
    seed: int = 0,
    progress: Progress = silent,
) -> FlipCurve:
    """Attack right predictions of models taught by more and more images, one image altered; see :func:`over_epsilon`.

    Each model's own right predictions are drawn from the same test images.
    """
    listed = list(models)
    found = []
    for done, model in enumerate(listed, start=1):
        found.append(campaign(model, model.some_right(count, seed), allowed, effort=effort))
        progress(done, len(listed))
    return FlipCurve(tuple(found))


def digit_models(
    sizes: Iterable[int], *, penalty_per_row: float | None = None, penalty: float = 0.01
) -> list[ImageModel]:
    """Return models on the pixels taught by so many of the digits each.

    Parameters
    ----------
    sizes : iterable of int
        Training images.
    penalty_per_row : float, optional
        Penalty on the mean loss, so that the one on the summed loss grows with the images; by default that is fixed.
    penalty : float
        On the summed loss.
    """
    return [
        ImageModel.of_digits(rows, penalty=penalty if penalty_per_row is None else penalty_per_row * rows)
        for rows in sizes
    ]
