"""What backends cost is measured on whole patients, and a backend that answers differently is told."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from clinflu.analysis.held_bytes import held_bytes
from clinflu.analysis.scaling import first_patients, scaling
from clinflu.data import Encoder
from clinflu.data.backends import BACKENDS, Backend, Dense, Streamed
from clinflu.data.coding import coded_matrix
from clinflu.data.matrix.device import DeviceMatrix
from clinflu.errors import DataError
from clinflu.study import Study

ROWS = (400, 900)
HELD = ("dense", "compact", "sparse", "streamed")


@pytest.fixture(scope="module")
def found(small_cohort):
    return scaling(small_cohort, ROWS, HELD)


@dataclass(frozen=True)
class Wrong(Backend):
    """One that doubles the value of a column in a few rows."""

    name: ClassVar[str] = "wrong"

    def encode(self, encoder, frame):
        x = encoder.encode(frame).copy()
        x[:20, 1] *= 2
        return x


def test_every_size_and_backend_has_a_row_with_its_costs(found):
    frame = found.frame
    assert list(frame["backend"]) == [*HELD, *HELD]
    assert found.backends == HELD
    assert all(size <= rows < size + 5 for size, rows in zip(ROWS, found.rows, strict=True))  # patients have up to 4
    costs = frame[["encode_seconds", "fit_seconds", "influence_seconds", "refit_seconds", "design_bytes"]]
    assert (costs.to_numpy() > 0).all()
    assert (frame.loc[frame["backend"] == "dense", "passes"] == 0).all()
    assert (frame.loc[frame["backend"] != "dense", "passes"] >= 1).all()
    assert list(found.of_backend("compact")["rows"]) == list(found.rows)


def test_a_plain_array_takes_eight_bytes_for_each_entry(found):
    dense = found.of_backend("dense")
    assert (dense["design_bytes"] == 8 * dense["rows"] * dense["columns"]).all()


@pytest.mark.parametrize("name", HELD)
def test_bytes_are_those_of_what_is_held(small_cohort, name):
    encoder = Encoder.learn(small_cohort.frame, small_cohort.schema)
    held = BACKENDS[name]().encode(encoder, small_cohort.frame)
    n, p = held.shape
    if name == "sparse":
        entries = np.count_nonzero(encoder.encode(small_cohort.frame))
        assert held_bytes(held) == 12 * entries + 4 * (n + 1)
    elif name == "dense":
        assert held_bytes(held) == 8 * n * p
    else:
        codes = 3 * 2 + 3 * 1  # three numbers of more than 256 values, a count and two categories
        assert held_bytes(held) == n * (codes + (name == "compact"))  # the intercept is not written to disk


def test_a_device_holds_eight_bytes_for_each_entry(small_cohort):
    codes = coded_matrix(Encoder.learn(small_cohort.frame, small_cohort.schema), small_cohort.frame)
    n, p = codes.shape
    assert held_bytes(DeviceMatrix.of(codes, "cpu")) == 8 * n * p


def test_all_backends_find_the_model_of_a_study(found, small_cohort):
    assert found.agrees
    assert found.frame["theta_apart"].max() < 1e-9
    assert "All backends find the same" in found.words
    assert f"Of {found.rows[-1]:,} encounters" in found.words
    assert scaling(first_patients(small_cohort, 400), (400,), ["compact"]).frame["training_rows"][0] == len(
        Study.fit(first_patients(small_cohort, 400)).split.train
    )


def test_a_backend_that_holds_other_values_is_told(small_cohort):
    found = scaling(small_cohort, (900,), (Dense(), Wrong()))
    assert not found.agrees
    assert found.frame["theta_apart"][1] > 1e-3
    assert "do NOT find the same" in found.words


def test_the_first_patients_are_whole_and_the_rest_is_accounted_for(small_cohort):
    shuffled = small_cohort.frame.sample(frac=1, random_state=0)
    cohort = type(small_cohort)(shuffled, small_cohort.schema, small_cohort.provenance)
    part = first_patients(cohort, 200)
    inside = set(part.patients)
    assert set(cohort.patients[~cohort.frame.index.isin(part.frame.index)]).isdisjoint(inside)
    assert inside == set(cohort.patients.drop_duplicates().iloc[: len(inside)])
    without_last = part.patients.drop_duplicates().iloc[:-1]
    assert part.patients.isin(without_last).sum() < 200 <= len(part.frame)
    assert part.provenance.flowchart()[-1] == ("encounters at risk", len(part.frame))
    assert first_patients(cohort, len(shuffled)) is cohort


def test_progress_counts_fits(small_cohort):
    told = []
    scaling(small_cohort, (300,), ("dense", "compact"), progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    ("rows", "backends", "message"),
    [
        ((10**6,), ("dense",), "ask for fewer"),
        ((0,), ("dense",), "1 or more"),
        ((), ("dense",), "at least one"),
        ((300,), (), "at least one"),
        ((300,), ("paper",), "no backend of that name"),
        ((300,), (Streamed(1.0), Streamed(2.0)), "each backend once"),
    ],
)
def test_what_cannot_be_measured_is_refused(small_cohort, rows, backends, message):
    with pytest.raises(DataError, match=message):
        scaling(small_cohort, rows, backends)
