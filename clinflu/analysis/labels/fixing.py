"""The experiment: flip labels, let a reviewer check some in an order, mend what was wrong, refit, judge."""

from dataclasses import dataclass

import numpy as np

from clinflu.analysis.labels.fixing_result import Fixing
from clinflu.analysis.labels.flips import AT_RANDOM, FLIPPINGS, Flips
from clinflu.analysis.labels.orders import ORDERS, sooner
from clinflu.analysis.labels.setting import Setting
from clinflu.data.arrays import Matrix, Rows
from clinflu.errors import DataError
from clinflu.progress import Progress, silent

EACH_PERCENT = tuple(percent / 100 for percent in range(1, 31))


@dataclass(frozen=True)
class Plan:
    """How much is flipped, checked and repeated.

    Parameters
    ----------
    repeats : int
        They differ in which labels are flipped, not in which rows train and test.
    share : float
        Of the labels, or of the events where the event rate is kept, that is flipped.
    checked : tuple of float
        Shares of the training rows checked at which the share of flips found is told.
    refitted_at : tuple of float
        Shares checked at which the mended model is refitted and judged.
    orders : tuple of str
        In ``ORDERS``.
    flips : str
        In ``FLIPPINGS``.
    seed : int
        Of the flips and of the random order.

    Raises
    ------
    DataError
        An order or a way to flip is unknown, a share lies outside 0 to 1, or nothing is repeated.
    """

    repeats: int = 40
    share: float = 0.1
    checked: tuple[float, ...] = EACH_PERCENT
    refitted_at: tuple[float, ...] = (0.05, 0.1, 0.2, 0.3)
    orders: tuple[str, ...] = tuple(ORDERS)
    flips: str = AT_RANDOM
    seed: int = 0

    def __post_init__(self) -> None:
        if self.repeats < 1:
            raise DataError(f"{self.repeats} repeats find nothing out; give 1 or more")
        for given, known in ((self.orders, ORDERS), ((self.flips,), FLIPPINGS)):
            unknown = [one for one in given if one not in known]
            if unknown or not given:
                raise DataError(f"unknown: {', '.join(unknown) or 'nothing'}; take one of {', '.join(known)}")
        if not all(0 < one <= 1 for one in (*self.checked, *self.refitted_at)) or not self.checked:
            raise DataError("a share of checked rows lies above 0 and is at most 1, such as 0.05")


def fix_labels(setting: Setting, plan: Plan | None = None, progress: Progress = silent) -> Fixing:
    """Flip, check, mend and refit, as often as the plan says.

    Each order sees only the model that the recorded labels taught, wrong ones among them, once: the reviewer's findings
    do not change it on the way. The test labels are true.

    Parameters
    ----------
    setting : Setting
    plan : Plan, optional
        By default 40 repeats with a tenth of the labels flipped.
    progress : Progress
        Of how many repeats are done.

    Raises
    ------
    DataError
        No label would flip.
    FitError
        What was flipped or mended has no fit.
    """
    plan = plan or Plan()
    repeats = []
    for repeat in range(plan.repeats):
        repeats.append(_repeat(setting, plan, np.random.default_rng([plan.seed, repeat])))
        progress(repeat + 1, plan.repeats)
    clean = setting.judged([setting.labels])[0]
    shape = len(plan.orders), len(plan.refitted_at), len(clean)
    return Fixing(
        name=setting.name,
        rows=len(setting.labels),
        flipped=repeats[0].flipped,
        flips=plan.flips,
        simulated=setting.simulated,
        orders=plan.orders,
        checked=plan.checked,
        refitted_at=plan.refitted_at,
        measures=tuple(clean),
        found=np.array([one.found for one in repeats]),
        clean=np.array(list(clean.values())),
        unmended=np.array([one.judged[0] for one in repeats]),
        mended=np.array([one.judged[1:].reshape(shape) for one in repeats]),
    )


@dataclass(frozen=True)
class _Repeat:
    flipped: int
    found: Matrix  # (orders, checked)
    judged: Matrix  # (1 + orders x refitted, measures), the unmended model first


def _repeat(setting: Setting, plan: Plan, rng: np.random.Generator) -> _Repeat:
    flips = FLIPPINGS[plan.flips](setting.labels, plan.share, setting.classes, rng)
    taught = setting.taught(flips.recorded)
    orders = [sooner(ORDERS[name](taught, rng)) for name in plan.orders]
    counts, mended_at = (_counts(shares, len(setting.labels)) for shares in (plan.checked, plan.refitted_at))
    found = np.array([flips.found(order, counts) for order in orders])
    return _Repeat(int(flips.flipped.sum()), found, _judged(setting, flips, orders, mended_at))


def _judged(setting: Setting, flips: Flips, orders: list[Rows], counts: Rows) -> Matrix:
    labels = [flips.recorded, *(flips.mended(order, count) for order in orders for count in counts.tolist())]
    return np.array([list(one.values()) for one in setting.judged(labels)])


def _counts(shares: tuple[float, ...], rows: int) -> Rows:
    counts: Rows = np.round(np.array(shares) * rows).astype(np.intp)
    return counts
