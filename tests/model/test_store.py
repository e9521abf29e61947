"""A model comes back bit for bit, or not at all; nothing that is read can run."""

import hashlib
import json
import os
import pickle
from dataclasses import fields, replace

import numpy as np
import pytest
from safetensors.numpy import save

from clinflu.errors import StoreError
from clinflu.model.newton import fit_logistic
from clinflu.model.store import DESCRIPTION_FILE, FORMAT, TENSORS_FILE, load_model, read_json, save_model, write_json

COLUMNS = ("intercept", "age", "ward=Łódź", "b")


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)
    x = np.column_stack([np.ones(80), rng.normal(size=(80, 3))])
    y = (rng.random(80) < 0.4).astype(float)
    return fit_logistic(x, y, np.ones(80), np.array([0.0, 1 / 3, 0.1, 1e-7]))


@pytest.fixture
def folder(model, tmp_path):
    save_model(model, tmp_path, columns=COLUMNS, data_hash="hash")
    return tmp_path


def refused(folder):
    with pytest.raises(StoreError) as caught:
        load_model(folder)
    assert str(caught.value) == caught.value.one_line
    return caught.value.one_line


def reseal(folder, **changes):
    """Forge a description whose seal fits, so that only what it says can give it away."""
    description = json.loads((folder / DESCRIPTION_FILE).read_bytes())
    description.pop("sha256")
    description["tensors_sha256"] = hashlib.sha256((folder / TENSORS_FILE).read_bytes()).hexdigest()
    write_json(folder / DESCRIPTION_FILE, {**description, **changes})


def test_a_model_comes_back_bit_for_bit(model, folder):
    found, description = load_model(folder)
    for field in fields(model):
        kept, there = getattr(model, field.name), getattr(found, field.name)
        if isinstance(kept, np.ndarray):
            assert (there.dtype, there.shape, there.tobytes()) == (kept.dtype, kept.shape, kept.tobytes())
        else:
            assert there == kept
    assert (tuple(description["columns"]), description["data_hash"]) == (COLUMNS, "hash")
    assert set(description["libraries"]) >= {"clinflu", "numpy"}


def test_a_hessian_in_column_order_comes_back_the_right_way_round(model, tmp_path):
    skewed = replace(model, hessian=np.asfortranarray(model.hessian + np.triu(np.ones((4, 4)), 1)))
    save_model(skewed, tmp_path, columns=COLUMNS, data_hash="hash")
    np.testing.assert_array_equal(load_model(tmp_path)[0].hessian, skewed.hessian)


@pytest.mark.parametrize("name", [TENSORS_FILE, DESCRIPTION_FILE])
def test_any_flipped_byte_is_noticed(folder, name):
    content = (folder / name).read_bytes()
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1
        (folder / name).write_bytes(damaged)
        refused(folder)
    (folder / name).write_bytes(content)
    load_model(folder)


@pytest.mark.parametrize("name", [TENSORS_FILE, DESCRIPTION_FILE])
@pytest.mark.parametrize("kept", [0, 1, 100, -1])
def test_a_truncated_file_is_noticed(folder, name, kept):
    (folder / name).write_bytes((folder / name).read_bytes()[:kept])
    refused(folder)


@pytest.mark.parametrize("name", [TENSORS_FILE, DESCRIPTION_FILE])
def test_a_missing_file_is_noticed(folder, name):
    (folder / name).unlink()
    assert name in refused(folder)


@pytest.mark.parametrize("content", [b"[]", b"{}", b"3", b'{"format": 1}', b"\xff\xfe", b"[" * 100_000], ids=len)
def test_foreign_json_is_refused(folder, content):
    (folder / DESCRIPTION_FILE).write_bytes(content)
    assert DESCRIPTION_FILE in refused(folder)


def test_another_format_is_refused(folder):
    reseal(folder, format="clinflu-model-0")
    assert "not written by this version" in refused(folder)


FOREIGN = {
    "other names": {"weight": np.ones(3)},
    "too few columns": {"theta": np.ones(3), "penalty": np.ones(3), "hessian": np.eye(3)},
    "no square": {"theta": np.ones(4), "penalty": np.ones(4), "hessian": np.ones((4, 3))},
    "single precision": {k: np.ones((4,) * d, np.float32) for k, d in (("theta", 1), ("penalty", 1), ("hessian", 2))},
    "not finite": {"theta": np.full(4, np.nan), "penalty": np.ones(4), "hessian": np.eye(4)},
}


@pytest.mark.parametrize("arrays", FOREIGN.values(), ids=FOREIGN)
def test_foreign_tensors_are_refused(folder, arrays):
    (folder / TENSORS_FILE).write_bytes(save(arrays))
    reseal(folder)
    refused(folder)


@pytest.mark.parametrize(
    "change",
    [{"family": "probit"}, {"family": []}, {"columns": 5}, {"columns": None}, {"columns": ["a"]}],
    ids=str,
)
def test_a_description_that_does_not_fit_is_refused(folder, change):
    reseal(folder, **change)
    refused(folder)


class Payload:
    """Makes a folder when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def test_pickled_bytes_are_refused_and_never_run(folder, tmp_path):
    marker = tmp_path / "marker"
    content = pickle.dumps(Payload(marker))
    pickle.loads(content)  # noqa: S301 -- the payload does work
    marker.rmdir()

    description = (folder / DESCRIPTION_FILE).read_bytes()
    (folder / DESCRIPTION_FILE).write_bytes(content)
    refused(folder)
    (folder / DESCRIPTION_FILE).write_bytes(description)
    (folder / TENSORS_FILE).write_bytes(content)
    refused(folder)
    reseal(folder)
    refused(folder)

    assert not marker.exists()


def test_json_comes_back_as_it_was(tmp_path):
    content = {"format": FORMAT, "nested": [1, 0.1, None, {"ö": "\n"}], "infinite": float("inf")}
    write_json(tmp_path / "x.json", content)
    found = read_json(tmp_path / "x.json", FORMAT)
    found.pop("sha256")
    assert found == content
