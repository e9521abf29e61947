"""What checking labels in each order found and mended, over the repeats of one experiment."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import t as student

from clinflu.data.arrays import Flags, Matrix, Vector
from clinflu.errors import DataError

LEVEL = 0.95
ROUNDING = 1e-9  # what two refits to the same labels may differ by


@dataclass(frozen=True, repr=False)
class Fixing:
    """Shares of flips found and measures of the mended models, by repeat.

    Parameters
    ----------
    name : str
        Of the setting.
    rows, flipped : int
        Training rows, and how many of them had their label flipped in each repeat.
    flips : str
        How they were drawn.
    simulated : bool
        Whether the rows are those of invented patients.
    orders : tuple of str
    checked, refitted_at : tuple of float
        Shares of the rows checked.
    measures : tuple of str
        On the test rows.
    found : (R, orders, checked)
        Share of the flips found.
    clean : (measures,)
        Of the model that the true labels teach.
    unmended : (R, measures)
        Of the model that the flipped labels teach.
    mended : (R, orders, refitted_at, measures)
        Of the models refitted after mending.
    """

    name: str
    rows: int
    flipped: int
    flips: str
    simulated: bool
    orders: tuple[str, ...]
    checked: tuple[float, ...]
    refitted_at: tuple[float, ...]
    measures: tuple[str, ...]
    found: Matrix
    clean: Vector
    unmended: Matrix
    mended: Matrix

    def __repr__(self) -> str:
        return (
            f"Fixing of {self.name}: {self.flipped:,} of {self.rows:,} labels flipped, {len(self.orders)} orders, "
            f"{len(self.found)} repeats; see .to_frame(), .against(first, second), .measured()"
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the share of flips found, one line an order and share checked.

        Returns
        -------
        DataFrame
            Index: order, checked. Columns: ``found`` (mean over the repeats), ``low`` and ``high`` (where 95 % of the
            repeats lie), shares of the flips; ``precision``, share of the checked rows that were wrong;
            ``ratio_to_random``, how many times what that share of the rows would find in random order on average. NaN
            where the share checked is no row.
        """
        index = pd.MultiIndex.from_product([self.orders, self.checked], names=["order", "checked"])
        lines = self.found.reshape(len(self.found), -1)
        shares = np.tile(self.checked, len(self.orders))
        checked = np.round(shares * self.rows)
        hits = lines.mean(axis=0) * self.flipped
        precision = np.divide(hits, checked, out=np.full(len(hits), np.nan), where=checked > 0)
        return _spread(lines, index, "found").assign(
            precision=precision, ratio_to_random=precision * self.rows / self.flipped
        )

    def against(self, first: str, second: str) -> pd.DataFrame:
        """Return the paired difference of the shares found by two orders.

        Parameters
        ----------
        first, second : str
            Orders of the plan.

        Returns
        -------
        DataFrame
            Index: checked. ``difference`` (mean over the repeats of first less second), its 95 % confidence interval
            ``low`` to ``high`` by Student's t, NaN for one repeat; ``ahead``: the order that the interval is on the
            side of, or neither.

        Raises
        ------
        DataError
            An order was not in the plan.
        """
        apart = self.found[:, self._place(first)] - self.found[:, self._place(second)]
        return _paired(
            apart, pd.Index(self.checked, name="checked"), (first, second), np.ones(len(self.checked), dtype=bool)
        )

    def measured(self) -> pd.DataFrame:
        """Return the measures on the test rows, one line a measure, order and share checked.

        Returns
        -------
        DataFrame
            Index: measure, order, checked; checked is 0 before anything was mended. Columns: ``mean`` over the
            repeats, ``low`` and ``high`` (where 95 % of the repeats lie), and ``regained``: the share of what the flips
            cost that mending won back, by the means; above 1, the mended model is better than the clean one. NaN
            where the clean model is no better than 95 % of the unmended ones, so that there is little to win.
        """
        before = np.broadcast_to(self.unmended[:, None, None], (len(self.found), len(self.orders), 1, len(self.clean)))
        values = np.moveaxis(np.concatenate([before, self.mended], axis=2), 3, 1)
        at = (0.0, *self.refitted_at)
        index = pd.MultiIndex.from_product([self.measures, self.orders, at], names=["measure", "order", "checked"])
        frame = _spread(values.reshape(len(values), -1), index, "mean")
        size = len(self.orders) * len(at)
        lost = np.repeat(self.clean - self.unmended.mean(axis=0), size)
        won: Vector = frame["mean"].to_numpy() - np.repeat(self.unmended.mean(axis=0), size)
        harmed = np.repeat(self._harmed, size)
        regained = np.divide(won, lost, out=np.full(len(frame), np.nan), where=harmed)
        return frame.assign(regained=regained)

    def measured_against(self, first: str, second: str) -> pd.DataFrame:
        """Return the paired difference of the measures after mending in two orders; as :meth:`against`.

        Returns
        -------
        DataFrame
            Index: measure, checked. ``ahead`` names the order whose measure is better.
        """
        apart = self.mended[:, self._place(first)] - self.mended[:, self._place(second)]  # (R, refitted, measures)
        index = pd.MultiIndex.from_product([self.measures, self.refitted_at], names=["measure", "checked"])
        up = np.repeat([_better_up(one) for one in self.measures], len(self.refitted_at))
        return _paired(np.moveaxis(apart, 2, 1).reshape(len(apart), -1), index, (first, second), up)

    @property
    def least_ratio_to_random(self) -> dict[str, float]:
        """By order, the smallest of its ratios to random over the shares checked."""
        lowest = self.to_frame()["ratio_to_random"].groupby(level="order", sort=False).min()
        return {order: float(ratio) for order, ratio in lowest.items()}

    def words_against(self, first: str, second: str) -> str:
        """Say at which shares checked one of two orders finds more, beyond chance."""
        ahead = self.against(first, second)["ahead"]
        told = [
            f"{one} finds more at {_runs(ahead.index[ahead == one], ahead.index)} of the rows checked"
            for one in (first, second)
            if (ahead == one).any()
        ]
        rest = ahead.index[ahead == ""]
        if len(rest):
            told.append(f"they are level within the interval at {_runs(rest, ahead.index)}")
        return f"{self.name}, {first} against {second}: {'; '.join(told)}."

    @property
    def _harmed(self) -> Flags:
        """Whether the clean model is better than nearly every unmended one, (measures,)."""
        low, high = _middle(self.unmended)
        up = np.array([_better_up(one) for one in self.measures])
        harmed: Flags = np.where(up, self.clean > high, self.clean < low)
        return harmed

    def _place(self, order: str) -> int:
        if order not in self.orders:
            raise DataError(f"{order!r} was not in the plan; take one of {', '.join(self.orders)}")
        return self.orders.index(order)


def _better_up(measure: str) -> bool:
    return measure in {"accuracy", "auroc"}


def _spread(values: Matrix, index: pd.Index, name: str) -> pd.DataFrame:
    low, high = _middle(values)
    return pd.DataFrame({name: values.mean(axis=0), "low": low, "high": high}, index=index)


def _middle(values: Matrix) -> tuple[Vector, Vector]:
    """Return between which values 95 % of the repeats lie, for each column."""
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return low, high


def _paired(apart: Matrix, index: pd.Index, names: tuple[str, str], up: Flags) -> pd.DataFrame:
    """Return the mean of paired differences with its interval; ``up`` says where more is better."""
    mean = apart.mean(axis=0)
    half = np.full(len(mean), np.nan)
    if len(apart) > 1:
        half = student.ppf((1 + LEVEL) / 2, len(apart) - 1) * apart.std(axis=0, ddof=1) / np.sqrt(len(apart))
    low, high = mean - half, mean + half
    above, below = low > ROUNDING, high < -ROUNDING
    first, second = np.where(up, above, below), np.where(up, below, above)
    ahead = np.select([first, second], names, "")
    return pd.DataFrame({"difference": mean, "low": low, "high": high, "ahead": ahead}, index=index)


def _runs(chosen: pd.Index, among: pd.Index) -> str:
    """Return shares in words, neighbours among all of them drawn together: ``1 to 5 %, 20 %``."""
    places = among.get_indexer(chosen)
    breaks = np.flatnonzero(np.diff(places) > 1) + 1
    runs = np.split(np.asarray(chosen), breaks)
    told = [f"{100 * one[0]:g} to {100 * one[-1]:g} %" if len(one) > 1 else f"{100 * one[0]:g} %" for one in runs]
    return ", ".join(told)
