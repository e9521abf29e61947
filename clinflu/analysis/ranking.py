"""How well each way to rank past encounters puts those first that a planted cause altered.

On a simulated cohort they are known, so every way can be judged by the truth.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from clinflu.analysis.planted import planted_mistakes
from clinflu.analysis.ranking_methods import RANKINGS, REFIT, thetas_without_each, toward_error
from clinflu.data.arrays import Flags, Matrix, Vector
from clinflu.errors import DataError
from clinflu.influence.refit import Change, refit
from clinflu.model.logistic import row_loss
from clinflu.progress import Progress, silent
from clinflu.study import Study

__all__ = ["MEASURES", "RANKINGS", "PlantedRanking", "planted_ranking"]

CHANCE = "chance"
DEPTHS = (10, 50)
MEASURES = ("average_precision", *(f"recall_at_{depth}" for depth in DEPTHS), "recall_at_responsible")


@dataclass(frozen=True, repr=False)
class PlantedRanking:
    """How well each way to rank puts the responsible encounters first.

    Parameters
    ----------
    frame : DataFrame
        One row a cause, method and audited encounter, with the numbers of ``training`` encounters and of
        ``responsible`` ones among them; ``average_precision`` (that of scikit-learn) and ``recall_at_10``,
        ``recall_at_50`` and ``recall_at_responsible``: the share of the responsible among the first k, k being their
        number in the last. Method "chance" is the expected share under a random order; its average precision the base
        rate. Frames of several studies can be put together.
    """

    frame: pd.DataFrame

    @property
    def summary(self) -> pd.DataFrame:
        """Mean and standard deviation over the audited encounters, by cause and method, with their number."""
        groups = self.frame.groupby(["cause", "method"], sort=False)
        means = groups[list(MEASURES)].mean()
        spread = groups[list(MEASURES)].std(ddof=0).add_suffix("_sd")
        return means.join(spread).assign(audited=groups.size())

    def to_markdown(self, measure: str = "average_precision") -> str:
        """Return the table of one of the measures: methods by causes, mean ± standard deviation.

        Raises
        ------
        DataError
            No such measure.
        """
        if measure not in MEASURES:
            raise DataError(f"there is no measure {measure!r}; there are: {', '.join(MEASURES)}")
        summary = self.summary
        cells = summary[measure].map("{:.2f}".format) + " ± " + summary[f"{measure}_sd"].map("{:.2f}".format)
        chance = summary.index.get_level_values("method") == CHANCE
        cells[chance] = summary.loc[chance, measure].map("{:.3f}".format)
        table = cells.unstack("cause")
        table = table.loc[summary.index.unique("method"), summary.index.unique("cause")]
        return "\n".join(_markdown(table, summary["audited"].groupby("cause").first()))


@dataclass(frozen=True, slots=True)
class _Case:
    """A wrong prediction, what caused it, and which training encounters are responsible, (n,)."""

    cause: str
    encounter_id: str
    responsible: Flags


def planted_ranking(
    study: Study,
    *,
    methods: Iterable[str] = tuple(RANKINGS),
    audited_per_cause: int = 50,
    seed: int = 0,
    progress: Progress = silent,
) -> PlantedRanking:
    """Judge ways to rank past encounters by whether they put those first that a planted cause altered.

    Parameters
    ----------
    study : Study
        Of a simulated cohort.
    methods : iterable of str
        Names in ``RANKINGS``. "refit" fits the model anew without each training encounter, once for all audited ones.
    audited_per_cause : int
        At most so many audited encounters for each cause, drawn at random: of the wrong predictions that a cause
        distorts, those whose loss a refit without all of its encounters makes smaller.
    seed : int
        Of the draw.
    progress : Progress

    Raises
    ------
    DataError
        An unknown method, or no prediction went wrong by a planted cause.
    """
    chosen = tuple(dict.fromkeys(methods))
    unknown = [name for name in chosen if name not in RANKINGS]
    if unknown:
        raise DataError(f"no ranking is called {', '.join(unknown)}; there are: {', '.join(RANKINGS)}")
    cases = _cases(study, audited_per_cause, seed)
    refits = len(study.train.x) if REFIT in chosen else 0
    total = refits + len(cases)
    thetas = thetas_without_each(study, lambda done, _: progress(done, total)) if refits else None
    rows = []
    for done, case in enumerate(cases, start=1):
        rows.append(_judged(case, CHANCE, _chance(case.responsible)))
        for name in chosen:
            score = _score(study, case.encounter_id, name, thetas)
            rows.append(_judged(case, name, _measures(case.responsible, score)))
        progress(refits + done, total)
    return PlantedRanking(pd.DataFrame(rows))


def _score(study: Study, encounter_id: str, method: str, thetas: Matrix | None) -> Vector:
    if method == REFIT and thetas is not None:
        return toward_error(study, encounter_id, thetas)
    return RANKINGS[method](study, encounter_id)


def _cases(study: Study, audited_per_cause: int, seed: int) -> list[_Case]:
    """Return the predictions to explain, the causes in their order; those of a cause as they stand in the cohort."""
    rng = np.random.default_rng(seed)
    wrong = planted_mistakes(study)
    cases = []
    for cause in study.cohort.planted:
        responsible = study.train_ids.isin(cause.responsible)
        names = _made_worse(study, wrong[wrong["cause"] == cause.name].index, responsible)
        drawn = np.sort(rng.permutation(len(names))[:audited_per_cause])
        cases += [_Case(cause.name, str(name), responsible) for name in names[drawn]]
    if not cases:
        raise DataError(
            'no audited prediction went wrong by a planted cause; take a simulated cohort, such as load("simulated"), '
            "with more encounters or another seed of the split"
        )
    return cases


def _made_worse(study: Study, names: pd.Index, responsible: Flags) -> pd.Index:
    """Return the encounters whose loss is smaller under the model without the responsible ones, in cohort order."""
    if not responsible.any() or names.empty:
        return names[:0]
    without = refit(study.train, Change.removal(study.train, np.flatnonzero(responsible)))
    rows = np.sort(study.design.encounter_ids.get_indexer(names))
    y = study.design.y[rows]
    smaller = row_loss(study.model.log_odds(study.design.x[rows], without.theta), y) < row_loss(study.margins[rows], y)
    return study.design.encounter_ids[rows[smaller]]


def _judged(case: _Case, method: str, values: dict[str, float]) -> dict[str, object]:
    return {
        "cause": case.cause,
        "method": method,
        "encounter_id": case.encounter_id,
        "training": len(case.responsible),
        "responsible": int(case.responsible.sum()),
        **values,
    }


def _measures(responsible: Flags, score: Vector) -> dict[str, float]:
    """Return average precision and recalls of a score; encounters of equal score stay in their order."""
    from sklearn.metrics import average_precision_score

    found = np.cumsum(responsible[np.argsort(-score, kind="stable")])
    depths = (*DEPTHS, int(found[-1]))
    recalls = [float(found[min(depth, len(found)) - 1] / found[-1]) for depth in depths]
    return dict(zip(MEASURES, (float(average_precision_score(responsible, score)), *recalls), strict=True))


def _chance(responsible: Flags) -> dict[str, float]:
    n, altered = len(responsible), int(responsible.sum())
    depths = (altered, *DEPTHS, altered)
    return dict(zip(MEASURES, (min(depth / n, 1.0) for depth in depths), strict=True))


def _markdown(table: pd.DataFrame, audited: pd.Series) -> list[str]:
    """Return the lines of a table; the number of audited encounters stands under each cause."""
    causes = [str(name) for name in table.columns]
    lines = [
        ["method", *causes],
        ["---", *["---:"] * len(causes)],
        ["audited encounters", *(str(audited[name]) for name in causes)],
        *([str(method), *row] for method, row in zip(table.index, table.to_numpy().tolist(), strict=True)),
    ]
    return [f"| {' | '.join(cells)} |" for cells in lines]
