"""How many wrong labels each order of checking finds, and what mending them does to the model."""

import time

from rows import Row, at_least

from clinflu.analysis.labels import FLIPPINGS, ORDERS, BinarySetting, Fixing, Plan, SoftmaxSetting, fix_labels
from clinflu.analysis.labels.orders import RANDOM, RAREST_FIRST, SELF_INFLUENCE, TRAINING_LOSS
from clinflu.analysis.labels.setting import Setting
from clinflu.data.digits import Digits
from clinflu.study import Study

LEAST_RATIO = 2.0
ON_DIGITS = Plan(orders=tuple(name for name in ORDERS if name != RAREST_FIRST))  # their classes are of one size
ON_PATIENTS = (SELF_INFLUENCE, TRAINING_LOSS, "confident learning", RAREST_FIRST, RANDOM)
MENDED_AT = (0.1, 0.3)


def digit_rows(plan: Plan = ON_DIGITS) -> list[Row]:
    """Judge the orders on all ten digits by softmax regression, and on 3 and 8 by logistic regression."""
    settings: tuple[Setting, ...] = (
        SoftmaxSetting.of_digits(Digits.load()),
        BinarySetting.of_digits(Digits.load(3, 8)),
    )
    rows: list[Row] = []
    for setting in settings:
        begun = time.perf_counter()
        fixing = fix_labels(setting, plan)
        seconds = time.perf_counter() - begun
        title = f"labels, {fixing.name}"
        least = min(*_simulated_ratios(fixing), fixing.least_ratio_to_random[SELF_INFLUENCE])
        rows += [
            Row(f"{title}: smallest ratio of self-influence to random", least, "", at_least(LEAST_RATIO)),
            *_ratio_rows(title, fixing),
            *_paired_rows(title, fixing),
            *_found_rows(title, fixing),
            *_measure_rows(title, fixing),
            Row(f"{title}: {plan.repeats} repeats", seconds, "s"),
        ]
    return rows


def patient_rows(study: Study, repeats: int = 40) -> list[Row]:
    """Report the orders on the training encounters of a study, flipped in each way; nothing is asked of them."""
    setting = BinarySetting.of_study(study)
    rows: list[Row] = []
    for flips in FLIPPINGS:
        fixing = fix_labels(setting, Plan(repeats, refitted_at=MENDED_AT, orders=ON_PATIENTS, flips=flips))
        title = f"labels, {fixing.name}, {flips}"
        rows += [*_paired_rows(title, fixing), *_found_rows(title, fixing), *_measure_rows(title, fixing)]
    return rows


def _simulated_ratios(fixing: Fixing) -> list[float]:
    """Return self-influence's share over the random order's own, at each share checked."""
    found = fixing.to_frame()["found"]
    return [float(ratio) for ratio in found[SELF_INFLUENCE] / found[RANDOM]]


def _ratio_rows(title: str, fixing: Fixing) -> list[Row]:
    ratios = zip(fixing.checked, _simulated_ratios(fixing), strict=True)
    return [Row(f"{title}: {at:.0%} checked: self-influence / random", ratio, "") for at, ratio in ratios]


def _paired_rows(title: str, fixing: Fixing) -> list[Row]:
    paired = 100 * fixing.against(SELF_INFLUENCE, TRAINING_LOSS).drop(columns="ahead")
    return [
        Row(
            f"{title}: {at:.0%} checked: self-influence - training loss",
            float(line["difference"]),
            f"pp, 95 % {line['low']:+.2f} to {line['high']:+.2f}",
        )
        for at, line in paired.iterrows()
    ]


def _found_rows(title: str, fixing: Fixing) -> list[Row]:
    at = min(fixing.checked, key=lambda share: abs(share - 0.1))
    found = fixing.to_frame()["found"].xs(at, level="checked")
    return [
        Row(f"{title}: {at:.0%} checked: found by {name}", 100 * float(share), "%") for name, share in found.items()
    ]


def _measure_rows(title: str, fixing: Fixing) -> list[Row]:
    frame = fixing.measured()["mean"]
    rows = []
    for measure, clean in zip(fixing.measures, fixing.clean, strict=True):
        unmended = float(frame[measure, fixing.orders[0], 0.0])
        rows += [Row(f"{title}: {measure}, clean", float(clean), ""), Row(f"{title}: {measure}, flipped", unmended, "")]
        rows += [
            Row(f"{title}: {measure}, {at:.0%} checked by {order}", float(frame[measure, order, at]), "")
            for order in fixing.orders
            for at in fixing.refitted_at
        ]
    return rows
