"""Who can be told to be in the training data: the likelihood-ratio attack, record by record, beside influence."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control, norm

from clinflu.analysis.outlook.rank_interval import patients_drawn, rank_interval
from clinflu.analysis.outlook.shadows import (
    MODES,
    ONLINE,
    SHADOWS,
    Shadows,
    evidence,
    fit_shadows,
    p_values,
    pairs_in_order,
)
from clinflu.data.arrays import Flags, Matrix, Vector
from clinflu.data.asking import check_count
from clinflu.errors import DataError
from clinflu.influence.diagnostics import Diagnostics
from clinflu.influence.result import PERCENT
from clinflu.influence.training import TrainingRows
from clinflu.model.logistic import row_loss
from clinflu.progress import Progress, silent
from clinflu.study import Study

FALSE_DISCOVERIES = 0.05
LOW_FPR = 0.01
RESAMPLES = 1_000
MEASURES = ("self_influence", "hat_matrix_diag", "loss", "dffits")


@dataclass(frozen=True, eq=False, repr=False)
class Membership:
    """How well an attacker who can fit such models tells, record by record, whether a model learned from it.

    The attack is judged where it did not learn: the Gaussians of one half of the shadow models judge those of the
    other half, and the two are averaged.

    Parameters
    ----------
    train : TrainingRows
    ids : Index, (n,)
    shadows : Shadows
    mode : str
        ``"online"``: the attacker has models with and without the record; ``"offline"``: only without.

    References
    ----------
    Carlini, Chien, Nasr, Song, Terzis & Tramer (2022), "Membership Inference Attacks From First Principles",
    arXiv:2112.03570.
    """

    train: TrainingRows
    ids: pd.Index
    shadows: Shadows
    mode: str

    def __repr__(self) -> str:
        return (
            f"Membership: {self.mode} attack on {len(self.ids):,} records with {len(self.shadows.inside):,} shadow "
            "models; see .to_frame(), .correlations(), .words"
        )

    @cached_property
    def scores(self) -> Matrix:
        """The attack's evidence that each model learned from each record, (S, n)."""
        scores = np.empty(self.shadows.confidence.shape)
        first, second = self.shadows.folds
        for known, judged in ((first, second), (second, first)):
            scores[judged] = evidence(self.shadows, known, judged, self.mode)
        return scores

    @cached_property
    def auroc(self) -> Vector:
        """Of the evidence between the models with and without a record, (n,): 0.5 is chance."""
        inside = self.shadows.inside
        of_folds = [pairs_in_order(self.scores[fold], inside[fold]) for fold in self.shadows.folds]
        return np.asarray(np.mean(of_folds, axis=0))

    @cached_property
    def advantage(self) -> Vector:
        """True-positive minus false-positive rate, (n,), -1 to 1: 0 is chance.

        A model is said to have learned from a record where the likelihood ratio favours it; offline, which has no such
        threshold, where the evidence is above its median.
        """
        threshold = 0.0 if self.mode == ONLINE else np.median(self.scores, axis=0)
        called, inside = self.scores > threshold, self.shadows.inside
        return _share(called, inside) - _share(called, ~inside)

    @cached_property
    def separation(self) -> Vector:
        """By how many standard deviations models with a record are surer of its outcome than those without, (n,)."""
        return self.shadows.separation(np.arange(len(self.shadows.inside)))

    @cached_property
    def forecast(self) -> Vector:
        r"""The attack's AUROC as influence foresees it, without a shadow model, (n,): :math:`\Phi(\sqrt2\,|DFFITS_i|)`.

        In a model of half of the rows :math:`q_i` is doubled, so that a record moves its own margin by
        :math:`2 r_i q_i`, against a spread of :math:`\sqrt{q_i}` over random halves where the model is right about the
        spread of outcomes: a separation of twice its DFFITS.
        """
        return np.asarray(norm.cdf(np.sqrt(2.0) * self.measures["dffits"]))

    @cached_property
    def reliability(self) -> float:
        """Correlation of the separations that the two halves of the models find: the rest is chance."""
        first, second = (self.shadows.separation(fold) for fold in self.shadows.folds)
        return float(np.corrcoef(first, second)[0, 1])

    @cached_property
    def p_values(self) -> Vector:
        """That the models with a record are surer of its outcome by chance alone, (n,), one-sided."""
        inside = self.shadows.inside
        return p_values(pairs_in_order(self.shadows.confidence, inside), inside)

    @cached_property
    def told(self) -> Flags:
        """Records that can be told to be in the training data more often than by chance, (n,).

        At most 5 % of them are expected to be there falsely (Benjamini & Hochberg 1995).
        """
        adjusted: Vector = false_discovery_control(self.p_values)
        return adjusted <= FALSE_DISCOVERIES

    @cached_property
    def pooled_auroc(self) -> float:
        """Of the evidence over all records and models together."""
        scores, inside = self.scores.reshape(-1, 1), self.shadows.inside.reshape(-1, 1)
        return float(pairs_in_order(scores, inside)[0])

    @cached_property
    def found_at_low_fpr(self) -> float:
        """Share of the memberships found, over all records and models, at a false-positive rate of 1 %."""
        outside = np.sort(self.scores[~self.shadows.inside])
        threshold = outside[int(np.ceil((1.0 - LOW_FPR) * len(outside))) - 1]
        return float((self.scores[self.shadows.inside] > threshold).mean())

    @cached_property
    def measures(self) -> dict[str, Vector]:
        """What the model fitted to all rows says of each, (n,): self-influence, leverage, loss and absolute DFFITS."""
        found = Diagnostics(self.train)
        loss = row_loss(self.train.x @ self.train.model.theta, self.train.y)
        dffits = np.abs(found.d_fittedvalues_scaled)
        return dict(zip(MEASURES, (found.self_influence, found.hat_matrix_diag, loss, dffits), strict=True))

    def to_frame(self) -> pd.DataFrame:
        """Return the attack beside what influence says of each record, the most exposed first.

        Returns
        -------
        DataFrame
            Index: encounter id. ``outcome``; ``attack_auroc``, ``advantage``, ``separation``, ``p_value`` and ``told``
            of the attack; of the model fitted to all rows ``forecast`` (of the AUROC, without an attack),
            ``self_influence`` and ``loss`` (nats), ``hat_matrix_diag`` and ``dffits``.
        """
        frame = pd.DataFrame(
            {
                "outcome": self.train.y.astype(int),
                "attack_auroc": self.auroc,
                "advantage": self.advantage,
                "separation": self.separation,
                "p_value": self.p_values,
                "told": self.told,
                "forecast": self.forecast,
                **self.measures,
            },
            index=self.ids.rename("encounter_id"),
        )
        return frame.sort_values("separation", ascending=False, kind="stable")

    def correlations(self, resamples: int = RESAMPLES, seed: int = 0) -> pd.DataFrame:
        """Return how far each measure ranks the records as the attack does.

        Parameters
        ----------
        resamples : int
            Of the patients, with all of their encounters, for the interval; the models stay.
        seed : int

        Returns
        -------
        DataFrame
            Index: measure. Spearman's correlation with the attack's AUROC and with ``separation``, each with ``_low``
            and ``_high`` of its 95 % percentile interval. Chance among so few models (``reliability``) holds both down.
        """
        rng = np.random.default_rng(seed)
        drawn = [patients_drawn(self.train.patients, rng) for _ in range(check_count(resamples, "resamples", 1))]
        lines = {}
        for measure, values in self.measures.items():
            beside = {"with_auroc": self.auroc, "with_separation": self.separation}
            lines[measure] = {
                f"{name}{suffix}": found
                for name, target in beside.items()
                for suffix, found in zip(("", "_low", "_high"), rank_interval(values, target, drawn), strict=True)
            }
        return pd.DataFrame.from_dict(lines, orient="index").rename_axis("measure")

    @property
    def words(self) -> str:
        """What a privacy officer needs to know, in a few sentences."""
        most = int(np.argmax(self.forecast))  # chosen without the attack, which would flatter the best of many
        n, models = len(self.ids), len(self.shadows.inside)
        return (
            f"{int(self.told.sum()):,} of {n:,} records can be told to be in the training data more often than by "
            f"chance (of these, {PERCENT * FALSE_DISCOVERIES:.0f} % at most are expected to be false), by someone who "
            f"knows a record, its outcome and the model's risk for it, and who can fit {models:,} models to like "
            "records. Of two models, one with and one without the record that influence names as the most exposed, the "
            f"attack tells which is which {PERCENT * self.auroc[most]:.0f} times in 100; of an average record "
            f"{PERCENT * self.auroc.mean():.0f} times; guessing is right 50 times. Over all records it finds "
            f"{PERCENT * self.found_at_low_fpr:.1f} % of the memberships where it may be wrong about "
            f"{PERCENT * LOW_FPR:.0f} % of the others."
        )


def membership(
    study: Study,
    *,
    mode: str = ONLINE,
    shadows: int = SHADOWS,
    seed: int = 0,
    progress: Progress = silent,
) -> Membership:
    """Attack the records that taught the model of a study.

    Parameters
    ----------
    study : Study
    mode : str
        ``"online"`` or ``"offline"``; see :class:`Membership`.
    shadows : int
        Models fitted to random halves of the encounters, a multiple of 4, 16 or more.
    seed : int
        Of the halves.
    progress : Progress

    Raises
    ------
    DataError
        No such mode, or a number of shadows that is none.
    FitError
        A half cannot be fitted; its kinds say why.
    """
    study.require_logistic("what membership tells")
    if mode not in MODES:
        raise DataError(f"the attack is {' or '.join(map(repr, MODES))}")
    return Membership(study.train, study.train_ids, fit_shadows(study.train, shadows, seed, progress), mode)


def _share(called: Flags, where: Flags) -> Vector:
    share: Vector = (called & where).sum(axis=0) / where.sum(axis=0)
    return share
