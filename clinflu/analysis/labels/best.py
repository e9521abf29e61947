"""Which order a chart-review queue should follow: the one that finds most planted flips in that cohort."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clinflu.analysis.labels.flips import exchange
from clinflu.analysis.labels.orders import CONTROLS, ORDERS, sooner
from clinflu.analysis.labels.setting import BinarySetting
from clinflu.analysis.labels.taught import TaughtBinary
from clinflu.data.arrays import Rows, Vector
from clinflu.errors import DataError
from clinflu.study import Study

Cube = NDArray[np.float64]

SHARE = 0.1
CHECKED = (0.01, 0.02, 0.05, 0.1)
LONGEST_SECONDS = 60.0


@dataclass(frozen=True, repr=False)
class BestOrder:
    """The order that found most planted flips.

    Parameters
    ----------
    name : str
        In ``ORDERS``.
    found_share : dict
        By order, the share of the planted flips that it found, mean over the repeats and over ``CHECKED``.
    words : str
        What was simulated and how far the orders differ.
    """

    name: str
    found_share: dict[str, float]
    words: str

    def __repr__(self) -> str:
        return f"BestOrder({self.name!r}): {self.words}"


def suspects(study: Study, order: str) -> Vector:
    """Return how suspect the label of each training row is by an order, (n,): higher is checked first.

    Parameters
    ----------
    study : Study
    order : str
        In ``ORDERS``; ``"random"`` is drawn with the seed of the study.

    Raises
    ------
    DataError
        There is no such order.
    """
    if order not in ORDERS:
        raise DataError(f"there is no order {order!r}; take one of {', '.join(ORDERS)}")
    return ORDERS[order](TaughtBinary(study.train), np.random.default_rng(study.seed))


def best_order(study: Study, repeats: int = 3, seed: int = 0) -> BestOrder:
    """Plant wrong labels among a study's training rows and see which order finds most of them.

    A tenth of the events is exchanged with as many non-events, so that the event rate stays. After a minute no new
    repeat begins; the words say how many there were.

    Parameters
    ----------
    study : Study
    repeats : int
    seed : int
        Of the flips and of the random order.

    Raises
    ------
    DataError
        There are no repeats, or too few events to flip a tenth of them.
    """
    if repeats < 1:
        raise DataError(f"{repeats} repeats find nothing out; give 1 or more (the default is 3)")
    setting = BinarySetting.of_study(study)
    found = np.array(list(_repeats(setting, repeats, seed)))  # (repeats, orders, checked)
    by_order = dict(zip(ORDERS, map(float, found.mean(axis=(0, 2))), strict=True))
    name = max((one for one in ORDERS if one not in CONTROLS), key=by_order.__getitem__)
    return BestOrder(name, by_order, _words(name, found, wrong_share=_flipped(setting) / len(setting.labels)))


def _repeats(setting: BinarySetting, repeats: int, seed: int) -> Iterator[list[Vector]]:
    begun = time.monotonic()
    counts = np.round(np.array(CHECKED) * len(setting.labels)).astype(np.intp)
    for repeat in range(repeats):
        if repeat and time.monotonic() - begun > LONGEST_SECONDS:
            return
        yield _found_by_each(setting, np.random.default_rng([seed, repeat]), counts)


def _found_by_each(setting: BinarySetting, rng: np.random.Generator, counts: Rows) -> list[Vector]:
    flips = exchange(setting.labels, SHARE, setting.classes, rng)
    taught = setting.taught(flips.recorded)
    return [flips.found(sooner(order(taught, rng)), counts) for order in ORDERS.values()]


def _flipped(setting: BinarySetting) -> int:
    return int(exchange(setting.labels, SHARE, setting.classes, np.random.default_rng(0)).flipped.sum())


def _words(name: str, found: Cube, wrong_share: float) -> str:
    mean = dict(zip(ORDERS, found.mean(axis=0), strict=True))
    within = {one: 100 * shares[-1] for one, shares in mean.items()}
    rest = ", ".join(f"{one} {share:.0f} %" for one, share in within.items() if one != name)
    control = max(CONTROLS, key=lambda one: float(mean[one].mean()))
    ahead = "which beats" if mean[name].mean() > mean[control].mean() else "and yet no more than"
    precision = 100 * mean[name][0] * wrong_share / CHECKED[0]
    count = "1 repeat" if len(found) == 1 else f"{len(found)} repeats"
    return (
        f"With {100 * SHARE:.0f} % of the events exchanged with as many non-events, the order by {name} finds the most "
        f"wrong labels on average over the first {', '.join(f'{100 * at:g}' for at in CHECKED[:-1])} and "
        f"{100 * CHECKED[-1]:g} % of the rows, {ahead} {control}. Within the first {100 * CHECKED[-1]:g} % it finds "
        f"{within[name]:.0f} % of them ({rest}). Of the first {100 * CHECKED[0]:g} % of the rows {precision:.0f} % are "
        f"wrong; the others are surprising and right (mean of {count})."
    )
