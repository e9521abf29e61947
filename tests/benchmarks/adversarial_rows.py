"""What one altered training record can do: predictions turned on digits, and how long and how far on the UCI table."""

from time import process_time

import numpy as np
from rows import Row, at_least, at_most, below
from scipy.stats import spearmanr

from clinflu.analysis.adversarial import (
    SAME_PICTURE,
    Campaign,
    GreyLevels,
    ImageModel,
    campaign,
    digit_models,
    fragility,
    frozen_network,
    observations,
    record_campaign,
    refitted_strength,
    smaller_study,
)
from clinflu.analysis.adversarial.records import right_decisions
from clinflu.data import Cohort
from clinflu.data.digits import Digits

CLOSE, MANY = 96, 1_000
UCI_ENCOUNTERS = 33_000  # about 20,000 of them teach


def image_rows(tried: int = 50) -> list[Row]:
    """Attack right predictions of models of the digits, close to n = d and far from it."""
    close, many = digit_models([CLOSE, MANY])
    found = []
    for epsilon, images, bar in ((SAME_PICTURE, 1, None), (1, 1, at_least(0.3)), (1, 2, None), (1, 10, None)):
        one = campaign(close, close.some_right(tried), GreyLevels(epsilon), images=images)
        found.append(_share(one, bar))
        if images == 1 and bar is not None:
            found += _seen(one)
            moved = refitted_strength(close, close.some_right(3), GreyLevels(1))
            rho = float(spearmanr(moved, observations(one).loss).statistic)
            found.append(Row("pixels, 1 levels: rank correlation of the refitted change and loss", rho, "rho"))
    far = campaign(many, many.some_right(tried), GreyLevels(1))
    return [*found, _share(far, at_most(0.05))]


def network_rows(tried: int = 50) -> list[Row]:
    """Attack through the features of a frozen network, the published setting."""
    digits = Digits.load()
    network = frozen_network(digits, digits.train[-300:])
    model = ImageModel.of_digits(CLOSE, network, digits=digits, described="frozen features")
    found = []
    for epsilon in (1, 2, 4):
        one = campaign(model, model.some_right(tried), GreyLevels(epsilon))
        found += [_share(one), *_seen(one)]
    return found


def record_rows(cohort: Cohort, encounters: int = UCI_ENCOUNTERS, decisions: int = 10) -> list[Row]:
    """Ask of right decisions of a readmission model whether one altered record turns them, and how long that takes."""
    study = smaller_study(cohort, encounters)
    label = f"one record of {len(study.train.y):,}, {len(study.design.columns)} columns"
    first = str(study.design.encounter_ids[right_decisions(study, 1)[0]])
    start = process_time()
    fragility(study, first)
    seconds = process_time() - start
    found = record_campaign(study, decisions)
    kinds = ("edit", "rewriting", "removal", "relabelling")
    return [
        Row(f"fragility, {label}: one prediction, processor time", seconds, "s", below(10)),
        *(Row(f"{label}, {kind}: turned of {decisions}", found.count(kind), "decisions") for kind in kinds),
        *(Row(f"{label}, {kind}: median change", found.median_change_pp(kind), "pp") for kind in kinds),
    ]


def _share(one: Campaign, bar: object = None) -> Row:
    model = one.model
    label = (
        f"{model.described}, n {model.rows}, d {model.columns}: {one.images} altered by {one.allowed.epsilon:g} levels"
    )
    return Row(f"{label}, turned of {one.tried}", one.share, "share", bar)


def _seen(one: Campaign) -> list[Row]:
    seen = observations(one)
    label = f"{one.model.described}, {one.allowed.epsilon:g} levels"
    return [
        Row(f"{label}: rank correlation of strength and loss", seen.ambiguity, "rho"),
        Row(f"{label}: AUROC of the loss for being altered", seen.auroc, "AUROC"),
        Row(f"{label}: step in pixels", float(np.median(seen.pixel_step)), "of the spread"),
        Row(f"{label}: step in features", float(np.median(seen.feature_step)), "of the spread"),
        Row(f"{label}: variance along the step", float(np.median(seen.step_variance)), "of the mean"),
    ]
