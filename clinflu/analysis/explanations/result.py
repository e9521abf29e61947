"""The same prediction explained by the training rows of several models, side by side."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from clinflu.data.arrays import Flags, Rows, Vector

HELPFUL, HARMFUL = "helpful", "harmful"


@dataclass(frozen=True, repr=False)
class Explanation:
    """What each training row did for one prediction of one model.

    Parameters
    ----------
    name : str
        Of the model.
    loss : float
        Of the prediction, in the model's own loss, nats or units of the hinge.
    is_right : bool
        Whether the predicted class is the true one.
    distance : (n,)
        Of each training row from the row that is explained.
    influence : (n,)
        Change of the loss if the training row were removed, estimated to first order; positive: helpful.
    same_class : (n,)
        Whether the training row has the true class of the row that is explained.
    helpful, harmful : (k,)
        Positions of the training rows that helped and harmed most, the strongest first.
    helpful_refit, harmful_refit : (k,)
        Change of the loss in the model refitted without each of them: the truth.
    """

    name: str
    loss: float
    is_right: bool
    distance: Vector
    influence: Vector
    same_class: Flags
    helpful: Rows
    harmful: Rows
    helpful_refit: Vector
    harmful_refit: Vector

    def __repr__(self) -> str:
        return f"Explanation by {self.name}: {self.words}"

    @property
    def words(self) -> str:
        """How the influence is spread over distance, in a sentence."""
        return f"the farther half of the training rows holds {100 * self.far_share:.0f} % of the influence"

    @cached_property
    def far_share(self) -> float:
        """Share of the summed absolute influence that the farther half of the training rows holds; 0.5 if even."""
        total = float(np.abs(self.influence).sum())
        far = self.distance > np.median(self.distance)
        return float(np.abs(self.influence[far]).sum()) / total if total > 0 else np.nan

    @cached_property
    def rank_correlation(self) -> float:
        """Spearman's correlation of distance and absolute influence; below 0 where influence falls off."""
        from scipy.stats import spearmanr

        return float(spearmanr(self.distance, np.abs(self.influence)).statistic)

    def helpful_share(self, *, same_class: bool) -> float:
        """Return the share of helpful rows among those of the same class, or of another; NaN where there are none."""
        chosen = self.influence[self.same_class == same_class]
        return float((chosen > 0).mean()) if len(chosen) else np.nan

    @property
    def strongest(self) -> Rows:
        """Positions of the most helpful rows, then of the most harmful ones."""
        return np.concatenate([self.helpful, self.harmful])

    def every_row(self) -> pd.DataFrame:
        """Return distance, estimated influence and class of every training row; index: position."""
        return pd.DataFrame(
            {"distance": self.distance, "loss_change_estimate": self.influence, "same_class": self.same_class}
        ).rename_axis("position")

    def to_frame(self) -> pd.DataFrame:
        """Return the most helpful and most harmful rows, each estimate beside its refit; index: position."""
        rows = self.strongest
        return pd.DataFrame(
            {
                "model": self.name,
                "side": [HELPFUL] * len(self.helpful) + [HARMFUL] * len(self.harmful),
                "same_class": self.same_class[rows],
                "distance": self.distance[rows],
                "loss_change_estimate": self.influence[rows],
                "loss_change_refit": np.concatenate([self.helpful_refit, self.harmful_refit]),
            },
            index=pd.Index(rows, name="position"),
        )


@dataclass(frozen=True, repr=False)
class Explanations:
    """One prediction, explained by each model.

    Parameters
    ----------
    subject : str
        What is explained, such as "a 3".
    row : int
        Its row number in the data.
    truth : str
        Name of its true class.
    distance_unit : str
        What distances are measured in.
    train_ids : Index (n,)
        Names of the training rows.
    models : tuple of Explanation
    simulated : bool
        Whether the patients are invented.
    """

    subject: str
    row: int
    truth: str
    distance_unit: str
    train_ids: pd.Index
    models: tuple[Explanation, ...]
    simulated: bool = False

    def __repr__(self) -> str:
        return f"Explanations of {self.subject}\n" + "\n".join(f"{one.name}: {one.words}" for one in self.models)

    def to_frame(self) -> pd.DataFrame:
        """Return the strongest training rows of every model, each estimate beside its refit; index: training row."""
        frame = pd.concat([one.to_frame() for one in self.models])
        return frame.set_index(self.train_ids[frame.index].rename("training_row"))

    def summary(self) -> pd.DataFrame:
        """Return one line a model: its loss, how influence falls off with distance, and which classes help."""
        lines = [
            {
                "model": one.name,
                "is_right": one.is_right,
                "loss": one.loss,
                "far_half_share": one.far_share,
                "rank_correlation": one.rank_correlation,
                "helpful_of_same_class": one.helpful_share(same_class=True),
                "helpful_of_other_class": one.helpful_share(same_class=False),
            }
            for one in self.models
        ]
        return pd.DataFrame(lines).set_index("model")

    @property
    def shared(self) -> Rows:
        """Positions of the training rows that are among the strongest of every model."""
        common = self.models[0].strongest
        for one in self.models[1:]:
            common = np.intersect1d(common, one.strongest)
        return np.sort(common)
