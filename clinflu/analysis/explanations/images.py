"""A handwritten digit explained by the training images of several models."""

import numpy as np
import pandas as pd

from clinflu.analysis.explanations.explain import explain
from clinflu.analysis.explanations.result import Explanations
from clinflu.analysis.explanations.taught import Taught
from clinflu.data.arrays import Rows
from clinflu.data.digits import Digits
from clinflu.errors import DataError


def explain_image(
    digits: Digits, models: tuple[Taught, ...], row: int | None = None, strongest: int = 5
) -> Explanations:
    """Explain one test image by each model's training images.

    Parameters
    ----------
    digits : Digits
        What the models were taught.
    models : tuple of Taught
    row : int, optional
        Row number of a test image; by default the one of the largest summed loss among those that all get right.
    strongest : int
        How many helpful and how many harmful images are refitted without, for each model.

    Raises
    ------
    DataError
        No such test image, or none that every model gets right.
    """
    chosen = hardest_right(digits, models) if row is None else int(row)
    if chosen not in digits.test:
        raise DataError(f"row {chosen} is no test image; name one of digits.test")
    image, label = digits.pixels[chosen], float(digits.labels[chosen])
    truth = digits.names[int(label)]
    explained = tuple(explain(model, image, label, strongest) for model in models)
    ids = pd.Index(digits.train, name="row")
    return Explanations(
        f"test image {chosen}, a {truth}", chosen, truth, "1 = one pixel from paper to ink", ids, explained
    )


def hardest_right(digits: Digits, models: tuple[Taught, ...]) -> int:
    """Return the row of the largest summed loss among the test images that every model gets right.

    Raises
    ------
    DataError
        There is none.
    """
    images, labels = digits.pixels[digits.test], digits.labels[digits.test]
    right = np.all([model.predicted(images) == labels for model in models], axis=0)
    if not right.any():
        raise DataError("no test image is classified rightly by every model; name a row")
    losses = np.sum([model.losses(images, labels) for model in models], axis=0)
    return int(digits.test[np.argmax(np.where(right, losses, -np.inf))])


def fall_off(digits: Digits, models: tuple[Taught, ...], images: int = 30) -> pd.DataFrame:
    """Return how influence falls off with distance for each model, over the first test images; no refits.

    Parameters
    ----------
    digits : Digits
    models : tuple of Taught
    images : int

    Returns
    -------
    DataFrame
        One line a model: the median over the images of the share of influence that the farther half of the training
        images holds, of the rank correlation of distance and absolute influence, and of the share of helpful images
        in each class; and for how many images the share is below that of the first model.
    """
    rows: Rows = digits.test[:images]
    found = [[explain(model, digits.pixels[row], float(digits.labels[row]), 0) for row in rows] for model in models]
    shares = np.array([[one.far_share for one in line] for line in found])
    return pd.DataFrame(
        {
            "images": len(rows),
            "far_half_share": np.median(shares, axis=1),
            "rank_correlation": [np.median([one.rank_correlation for one in line]) for line in found],
            "helpful_of_same_class": [
                np.median([one.helpful_share(same_class=True) for one in line]) for line in found
            ],
            "helpful_of_other_class": [
                np.median([one.helpful_share(same_class=False) for one in line]) for line in found
            ],
            "images_below_first_model": (shares < shares[0]).sum(axis=1),
        },
        index=pd.Index([model.name for model in models], name="model"),
    )
