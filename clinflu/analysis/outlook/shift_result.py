"""What shifts of the training rows do to the model: changes of risks and metrics, estimates beside refits."""

from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from clinflu.analysis.outlook.estimates import FIRST_ORDER, METHODS, REFIT
from clinflu.analysis.what_if.comparison import metrics_of
from clinflu.data.arrays import Rows, Vector
from clinflu.data.asking import check_count, nearest, shortened
from clinflu.errors import DataError
from clinflu.influence.change import Change
from clinflu.influence.result import PERCENT
from clinflu.model.logistic import risk
from clinflu.study import Study

MIX = "another mix"
AUDITED, CONFIRM = "audited", "confirm"
SHOWN = 10
MEASURES = ("log_loss", "auroc", "calibration_intercept", "mean_risk")


@dataclass(frozen=True, repr=False, eq=False)
class Shift:
    """One shift of the training rows, and how far it moves the model by each estimate and by the refit.

    Parameters
    ----------
    level : str
        What is left out, or ``MIX``.
    change : Change
    moves : dict
        Change of theta, (p,), by method: ``first_order``, ``second_order``, ``newton``, ``refit``; NaN where there is
        none.
    """

    level: str
    change: Change
    moves: dict[str, Vector]


@dataclass(frozen=True, repr=False, eq=False)
class ShiftEffects:
    """What shifts of the training rows do to the predictions and metrics of encounters that taught nothing.

    Parameters
    ----------
    study : Study
    label : str
        Of the variable, as a person reads it.
    side : str
        ``"audited"`` or ``"confirm"``: the encounters that are judged.
    shifts : tuple of Shift
    """

    study: Study
    label: str
    side: str
    shifts: tuple[Shift, ...]

    def __repr__(self) -> str:
        return (
            f"ShiftEffects by {self.label}: {len(self.shifts):,} shifts, judged on {len(self.rows):,} {self.side} "
            "encounters; see .to_frame(), .errors, .most_changed(level), .words"
        )

    @property
    def rows(self) -> Rows:
        """Row numbers of the judged encounters."""
        split = self.study.split
        return split.audited if self.side == AUDITED else split.confirm

    @cached_property
    def before(self) -> dict[str, float]:
        """The metrics of the model as it is."""
        return self._metrics(np.zeros(len(self.study.model.theta)))

    def to_frame(self) -> pd.DataFrame:
        """Return the change of each metric, estimates beside refits.

        Returns
        -------
        DataFrame
            Index: level and metric (``log_loss``, nats; ``auroc``; ``calibration_intercept``, log-odds, above 0 where
            the risks are too low on the whole; ``mean_risk``, share of 1). Columns: ``training_encounters`` and
            ``training_events`` whose weight changes, ``before``, and the change by ``first_order``, ``second_order``,
            ``newton`` (estimates: the exact metric at the estimated coefficients) and ``refit`` (the truth). ``ratio``
            is first order divided by refit: 1 where it can be trusted. NaN where the refit has no finite fit.
        """
        train = self.study.train
        lines = []
        for shift in self.shifts:
            size = {
                "training_encounters": len(shift.change.rows),
                "training_events": int(train.y[shift.change.rows].sum()),
            }
            after = {method: self._metrics(shift.moves[method]) for method in METHODS}
            for name in MEASURES:
                changes = {method: after[method][name] - self.before[name] for method in METHODS}
                lines.append({"level": shift.level, "metric": name, **size, "before": self.before[name], **changes})
        frame = pd.DataFrame(lines).set_index(["level", "metric"])
        return frame.assign(ratio=_ratio(frame[FIRST_ORDER], frame[REFIT]))

    @cached_property
    def errors(self) -> pd.DataFrame:
        """How far each estimate is off, over the margins of the judged encounters.

        Index: level. ``largest_risk_change_pp`` and ``mean_risk_change_pp`` (absolute) refitted, percentage points;
        then for each estimate the length of its error in all the judged margins, divided by that of the refitted
        change: 0 is exact, 1 is as bad as to claim that nothing happens. NaN without a finite fit.
        """
        return pd.DataFrame([self._errors_of(shift) for shift in self.shifts]).set_index("level")

    def most_changed(self, level: str, k: int = SHOWN) -> pd.DataFrame:
        """Return the k judged encounters whose risk a shift changes most in the refit.

        Parameters
        ----------
        level : str
            What is left out, or ``"another mix"``.
        k : int

        Returns
        -------
        DataFrame
            Index: encounter id. ``outcome``, ``risk`` (share of 1), then the change of the risk in percentage points
            by each estimate and by ``refit``.

        Raises
        ------
        DataError
            No such shift.
        """
        shift = self._shift(level)
        changes = {f"risk_change_{method}_pp": self._risk_change_pp(shift.moves[method]) for method in METHODS}
        frame = pd.DataFrame(
            {
                "outcome": self.study.design.y[self.rows].astype(int),
                "risk": self.study.risks[self.rows],
                **changes,
            },
            index=pd.Index(self.study.design.encounter_ids[self.rows], name="encounter_id"),
        )
        largest = np.argsort(-np.abs(frame[f"risk_change_{REFIT}_pp"].to_numpy()), kind="stable")
        return frame.iloc[largest[: check_count(k, "how many to show")]]

    @property
    def words(self) -> tuple[str, ...]:
        """Return a sentence a shift: what it does to the risks, and whether first order can be believed."""
        return tuple(_sentence(str(level), line) for level, line in self.errors.iterrows())

    def _metrics(self, move: Vector) -> dict[str, float]:
        if not np.isfinite(move).all():
            return dict.fromkeys(MEASURES, np.nan)
        found = asdict(metrics_of(self.study, self.rows, self.study.design.x @ (self.study.model.theta + move)))
        return {name: float(found[name]) for name in MEASURES}

    def _errors_of(self, shift: Shift) -> dict[str, object]:
        x = self.study.design.x[self.rows]
        truth = x @ shift.moves[REFIT]
        change = np.abs(self._risk_change_pp(shift.moves[REFIT]))
        size = float(np.linalg.norm(truth))
        found: dict[str, object] = {
            "level": shift.level,
            "training_encounters": len(shift.change.rows),
            "largest_risk_change_pp": float(change.max()),
            "mean_risk_change_pp": float(change.mean()),
        }
        for method in METHODS[:-1]:
            error = float(np.linalg.norm(x @ shift.moves[method] - truth))
            found[f"{method}_error"] = error / size if size > 0 else np.nan
        return found

    def _risk_change_pp(self, move: Vector) -> Vector:
        return PERCENT * (risk(self.study.design.x[self.rows] @ (self.study.model.theta + move)) - self._risks)

    @property
    def _risks(self) -> Vector:
        return self.study.risks[self.rows]

    def _shift(self, level: str) -> Shift:
        for shift in self.shifts:
            if shift.level == level:
                return shift
        names = [shift.level for shift in self.shifts]
        raise DataError(f"no shift is called {shortened(str(level))}{nearest(str(level), names)}; see .errors.index")


def _ratio(estimate: pd.Series, refit: pd.Series) -> Vector:
    found: Vector = np.divide(estimate, refit, out=np.full(len(refit), np.nan), where=(refit != 0).to_numpy())
    return found


def _sentence(level: str, line: pd.Series) -> str:
    if np.isnan(line["largest_risk_change_pp"]):
        return f"Without {level} the model has no finite fit."
    if not line["training_encounters"]:
        return f"With {MIX} nothing changes: training holds just these shares already."
    start = f"With {MIX}" if level == MIX else f"Without {level}"
    return (
        f"{start} ({_counted(int(line['training_encounters']))}) the risks change by "
        f"{line['mean_risk_change_pp']:.2g} percentage points on average and {line['largest_risk_change_pp']:.2g} at "
        f"most; first order is off by {PERCENT * line['first_order_error']:.2g} % of the change, one Newton step by "
        f"{PERCENT * line['newton_error']:.2g} %."
    )


def _counted(encounters: int) -> str:
    return "1 training encounter" if encounters == 1 else f"{encounters:,} training encounters"
