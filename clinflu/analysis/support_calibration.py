"""Whether predictions that carry the low-support warning are worse than the rest."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri

from clinflu.analysis.mistakes import RIGHT, check_threshold, kinds
from clinflu.analysis.support import Cuts, support_cuts, support_table
from clinflu.data.arrays import Flags, Rows
from clinflu.model.logistic import row_loss
from clinflu.progress import Progress, silent
from clinflu.study import Study

LEVEL = 0.95
ANY = "any planted cause"


@dataclass(frozen=True, slots=True)
class Share:
    """How many of how many, with the 95 % Wilson (1927) interval of the share.

    Encounters count one by one; where a patient has several, the interval is somewhat too narrow.
    """

    count: int
    of: int
    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Contrast:
    """A share among the predictions with the warning beside the rest, and their ratio.

    Parameters
    ----------
    what : str
    warned, rest : Share
    ratio, ratio_low, ratio_high : float
        Risk ratio with its 95 % interval on the log scale (Katz et al. 1978); NaN where a count is 0.
    """

    what: str
    warned: Share
    rest: Share
    ratio: float
    ratio_low: float
    ratio_high: float


@dataclass(frozen=True, slots=True)
class Quality:
    """Performance of some predictions; calibration is the event rate minus the mean risk; NaN where there are none."""

    encounters: int
    patients: int
    events: int
    mean_risk: float
    calibration: float
    log_loss: float
    brier: float


@dataclass(frozen=True, slots=True)
class SupportCalibration:
    """The low-support warning put to the test on the audited encounters.

    Parameters
    ----------
    threshold : float
        Risk from which the model alerts; a prediction is wrong if it alerts without the event or misses it.
    cuts : Cuts
        Of the warning.
    wrong : Contrast
        How often predictions with the warning are wrong, against the rest.
    warned, rest : Quality
    planted : tuple of Contrast
        Only of a simulated cohort: how often predictions with the warning are of those that a planted cause distorts,
        against the rest; for any cause, then for each.
    """

    threshold: float
    cuts: Cuts
    wrong: Contrast
    warned: Quality
    rest: Quality
    planted: tuple[Contrast, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return the contrasts, one a row, with the shares as columns."""
        rows = []
        for contrast in (self.wrong, *self.planted):
            values = asdict(contrast)
            for group in ("warned", "rest"):
                values |= {f"{group}_{name}": value for name, value in values.pop(group).items()}
            rows.append(values)
        return pd.DataFrame(rows).set_index("what")

    def quality(self) -> pd.DataFrame:
        """Return the performance of the predictions with the warning and of the rest, one a row."""
        return pd.DataFrame([asdict(self.warned), asdict(self.rest)], index=["low support", "rest"])


def support_calibration(
    study: Study,
    threshold: float | None = None,
    cuts: Cuts | None = None,
    table: pd.DataFrame | None = None,
    progress: Progress = silent,
    *,
    rows: Rows | None = None,
) -> SupportCalibration:
    """Compare the predictions that carry the low-support warning with the rest, among the audited encounters.

    Parameters
    ----------
    study : Study
    threshold : float, optional
        Risk from which the model alerts; by default the 90th percentile of the training risks.
    cuts : Cuts, optional
        By default those of the warning.
    table : DataFrame, optional
        Of :func:`clinflu.analysis.support.support_table` with these cuts, where it is known already.
    progress : Progress
    rows : (t,), optional
        Row numbers of the audited encounters that are compared; by default all of them.

    Raises
    ------
    DataError
        The threshold is no risk.
    TooLargeError
        They are too many for so large a table.
    TrustError
        The fit is such that influence means nothing.
    """
    limit = study.threshold if threshold is None else check_threshold(threshold)
    limits = support_cuts(study) if cuts is None else cuts
    chosen = study.split.audited if rows is None else np.asarray(rows)
    found = support_table(study, chosen, limits, progress) if table is None else table
    low = found["low"].to_numpy()
    wrong = kinds(study.risks[chosen], study.design.y[chosen], limit) != RIGHT
    return SupportCalibration(
        limit,
        limits,
        contrast("wrong at the alert threshold", wrong, low),
        _quality(study, chosen[low]),
        _quality(study, chosen[~low]),
        tuple(contrast(name, affected, low) for name, affected in _affected(study, chosen).items()),
    )


def wilson(count: int, of: int) -> Share:
    """Return a share with its 95 % Wilson interval; NaN of none."""
    if of == 0:
        return Share(count, of, np.nan, np.nan, np.nan)
    z2 = float(ndtri(0.5 + LEVEL / 2)) ** 2
    share = count / of
    center = (count + z2 / 2) / (of + z2)
    reach = np.sqrt(z2 * (share * (1 - share) * of + z2 / 4)) / (of + z2)
    return Share(count, of, share, max(0.0, float(center - reach)), min(1.0, float(center + reach)))


def contrast(what: str, happened: Flags, warned: Flags) -> Contrast:
    """Return how often something happened among the predictions with the warning and among the rest."""
    first, second = (wilson(int(happened[group].sum()), int(group.sum())) for group in (warned, ~warned))
    if not first.count or not second.count:
        return Contrast(what, first, second, np.nan, np.nan, np.nan)
    error = np.sqrt(1 / first.count - 1 / first.of + 1 / second.count - 1 / second.of)
    factor = float(np.exp(ndtri(0.5 + LEVEL / 2) * error))
    ratio = first.share / second.share
    return Contrast(what, first, second, ratio, ratio / factor, ratio * factor)


def _affected(study: Study, rows: Rows) -> dict[str, Flags]:
    """Return, by cause, which of these encounters it distorts, those that it altered among them."""
    if not study.cohort.planted:
        return {}
    ids, frame = study.design.encounter_ids[rows], study.cohort.frame
    by_cause = {one.name: np.asarray(ids.isin(one.affected(frame).index)) for one in study.cohort.planted}
    return {ANY: np.any(list(by_cause.values()), axis=0), **by_cause}


def _quality(study: Study, rows: Rows) -> Quality:
    if not len(rows):
        return Quality(0, 0, 0, np.nan, np.nan, np.nan, np.nan)
    y, risk = study.design.y[rows], study.risks[rows]
    return Quality(
        encounters=len(rows),
        patients=int(study.design.patient_ids[rows].nunique()),
        events=int(y.sum()),
        mean_risk=float(risk.mean()),
        calibration=float((y - risk).mean()),
        log_loss=float(row_loss(study.margins[rows], y).mean()),
        brier=float(np.square(risk - y).mean()),
    )
