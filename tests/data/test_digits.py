"""The images that ship with scikit-learn, as the program takes them."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from clinflu.data.digits import Digits
from clinflu.errors import DataError


def test_all_digits_are_those_of_scikit_learn_split_without_overlap():
    digits, (images, labels) = Digits.load(), load_digits(return_X_y=True)
    np.testing.assert_array_equal(16 * digits.pixels, images)
    np.testing.assert_array_equal(digits.labels, labels)
    assert sorted([*digits.train, *digits.test]) == list(range(1797))
    assert (digits.pixels.min(), digits.pixels.max()) == (0.0, 1.0)
    assert len(digits.train) == 1078
    np.testing.assert_array_equal(digits.x[:, 0], 1.0)
    np.testing.assert_array_equal(digits.image(3).ravel(), digits.x[3, 1:])


def test_two_digits_are_two_classes_in_the_order_given():
    digits, (images, labels) = Digits.load(7, 1, seed=3), load_digits(return_X_y=True)
    assert digits.names == ("7", "1")
    np.testing.assert_array_equal(16 * digits.pixels[digits.labels == 1], images[labels == 1])
    assert set(digits.labels) == {0.0, 1.0}
    np.testing.assert_array_equal(digits.train, Digits.load(7, 1, seed=3).train)
    assert not np.array_equal(digits.train, Digits.load(7, 1, seed=4).train)


@pytest.mark.parametrize("only", [(1,), (1, 1), (1, 10), (-1, 2), (1, 2.5), ("1", "2")])
def test_what_is_no_choice_of_digits_is_refused(only):
    with pytest.raises(DataError, match="two or more different digits"):
        Digits.load(*only)
