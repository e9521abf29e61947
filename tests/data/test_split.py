"""No patient is in two parts, no row is lost, and the shares are those asked for."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinflu.data import split_by_patient
from clinflu.errors import DataError

PATIENTS = st.lists(st.integers(0, 30).map(str), min_size=5, max_size=200).filter(lambda ids: len(set(ids)) >= 5)
SEEDS = st.integers(0, 2**32)


@settings(deadline=None)
@given(PATIENTS, SEEDS)
def test_every_row_once_and_no_patient_twice(ids, seed):
    patients = pd.Series(ids, index=[f"e{place}" for place in range(len(ids))])

    split = split_by_patient(patients, seed)

    parts = (split.train, split.audited, split.confirm)
    assert sorted(np.concatenate(parts)) == list(range(len(ids)))
    assert sum(patients.iloc[part].nunique() for part in parts) == patients.nunique()
    for part, share in zip(parts, (0.6, 0.2, 0.2), strict=True):
        assert (np.diff(part) > 0).all()
        assert abs(patients.iloc[part].nunique() - share * patients.nunique()) <= 1


@settings(deadline=None)
@given(SEEDS)
def test_the_same_seed_gives_the_same_split(seed):
    patients = pd.Series([f"p{n % 40}" for n in range(100)])

    once, again = split_by_patient(patients, seed), split_by_patient(patients, seed)

    np.testing.assert_array_equal(once.train, again.train)
    np.testing.assert_array_equal(once.confirm, again.confirm)
    assert not np.array_equal(once.train, split_by_patient(patients, seed + 1).train)


def test_each_patient_is_as_likely_as_the_next_to_train():
    patients = pd.Series([str(n) for n in range(20)])

    trained = np.bincount(np.concatenate([split_by_patient(patients, seed).train for seed in range(2_000)]))

    spread = np.sqrt(2_000 * 0.6 * 0.4)
    assert np.abs(trained - 2_000 * 0.6).max() < 5 * spread


def test_the_shares_can_be_chosen():
    patients = pd.Series([str(n // 3) for n in range(300)])

    split = split_by_patient(patients, 0, shares=(0.5, 0.3, 0.2))

    assert [len(part) for part in (split.train, split.audited, split.confirm)] == [150, 90, 60]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_too_few_patients(count):
    patients = pd.Series([f"p{n % count}" for n in range(50)])

    with pytest.raises(DataError, match=f"{count} patients cannot be split three ways; give a table with more"):
        split_by_patient(patients, 0)


@pytest.mark.uci
def test_the_uci_patients_are_split_60_20_20(uci_cohort):
    patients = uci_cohort.patients

    split = split_by_patient(patients, 0)

    parts = [set(patients.iloc[part]) for part in (split.train, split.audited, split.confirm)]
    assert len(set().union(*parts)) == sum(len(part) for part in parts)
    counts = np.array([len(part) for part in parts])
    np.testing.assert_allclose(counts / counts.sum(), [0.6, 0.2, 0.2], atol=1e-4)
