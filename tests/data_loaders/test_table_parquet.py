"""Described Parquet tables: types are kept, ids are exact text, and damage is told in one line."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from clinflu.data import Exclusion
from clinflu.errors import LoaderError
from data_loaders import table
from data_loaders.table import load


def described(folder, toml):
    path = folder / "t.toml"
    path.write_text(toml)
    return path


def one_line(source):
    with pytest.raises(LoaderError) as caught:
        load(source)
    assert str(caught.value) == caught.value.one_line
    return str(caught.value)


def write_parquet(path, columns, **options):
    parquet.write_table(pa.table(columns), path, **options)
    return path


EXAMPLE = """
[table]
encounter_id = "visit"
patient_id = "person"
outcome = "readmitted"
outcome_event = "yes"
missing = ["", "NA"]
[[exclude]]
column = "disposition"
values = ["died", "hospice"]
reason = "died or hospice"
[features.age]
bounds = [0, 120]
[features.visits]
bounds = [0, 400]
[features.ward]
category = true
"""
CSV = """\
visit,person,readmitted,disposition,age,visits,ward
001,A,yes,home,71,0,4 West
002,A,no,home,NA,3,NA
003,B,maybe,died,900,1,ICU
004,C,no,,55.5,12,"ICU, east"
"""


def test_parquet_gives_the_cohort_that_csv_gives(tmp_path):
    path = described(tmp_path, EXAMPLE)
    (tmp_path / "t.csv").write_text(CSV)
    from_csv = load(path)
    frame = pd.read_csv(tmp_path / "t.csv", dtype=str, keep_default_na=False).replace({"age": {"NA": None}})
    (tmp_path / "t.csv").unlink()
    frame = frame.astype({"age": float, "visits": "int16", "ward": "category"}).set_index("visit")
    frame.to_parquet(tmp_path / "t.parquet")

    from_parquet = load(tmp_path / "t.parquet")

    pd.testing.assert_frame_equal(from_parquet.frame, from_csv.frame)
    assert from_parquet.content_hash == from_csv.content_hash == load(path).content_hash
    assert from_parquet.provenance.exclusions == from_csv.provenance.exclusions == (Exclusion("died or hospice", 1),)


TYPES = """
[table]
encounter_id = "e"
patient_id = "p"
outcome = "y"
missing = ["", "-9"]
[[exclude]]
column = "d"
values = [11]
reason = "died"
[features.n]
bounds = [0, 10]
[features.c]
category = true
"""
ID_COLUMNS = {
    "int64": (pa.array([1, 2, 2**60 + 1]), ["1", "2", str(2**60 + 1)]),
    "negative": (pa.array([-1, 0, -(2**62) - 1]), ["-1", "0", str(-(2**62) - 1)]),
    "uint64": (pa.array([1, 2, 2**64 - 1], pa.uint64()), ["1", "2", str(2**64 - 1)]),
    "float": (pa.array([1.0, 2.0, 1e15]), ["1", "2", "1000000000000000"]),
    "fractions": (pa.array([1.0, 2.5, 3.0]), ["1.0", "2.5", "3.0"]),
    "decimal": (pa.array([Decimal(1), Decimal(2), Decimal(10**30)], pa.decimal128(38, 0)), ["1", "2", str(10**30)]),
    "text": (pa.array(["007", "7", "7.0"]), ["007", "7", "7.0"]),
    "large text": (pa.array(["a", "b", "c"], pa.large_string()), ["a", "b", "c"]),
    "dictionary": (pa.array(["a", "b", "c"]).dictionary_encode(), ["a", "b", "c"]),
}


@pytest.mark.parametrize(("ids", "expected"), ID_COLUMNS.values(), ids=ID_COLUMNS)
def test_parquet_ids_become_exact_text(tmp_path, ids, expected):
    columns = {"e": ids, "p": ids, "y": [True, False, True], "n": [1, 2, 3], "c": ids, "d": [1, 2, 3]}
    write_parquet(tmp_path / "t.parquet", columns)

    cohort = load(described(tmp_path, TYPES))

    assert cohort.frame.index.tolist() == cohort.patients.tolist() == cohort.frame["c"].tolist() == expected
    assert cohort.outcome.tolist() == [1, 0, 1]


def test_parquet_numbers_truth_values_and_missing_markers(tmp_path):
    columns = {
        "e": [1, 2, 3, 4],
        "p": [1.0, 1.0, 2.0, None],
        "y": pa.array([1, 0, 1, None], pa.int8()),
        "n": pa.array([Decimal("1.25"), None, Decimal("-9.00"), None], pa.decimal128(5, 2)),
        "c": pa.array([True, None, False, None]),
        "d": pa.array([1.0, None, 2.0, 11.0]),
    }
    write_parquet(tmp_path / "t.parquet", columns)

    cohort = load(described(tmp_path, TYPES))

    assert cohort.patients.tolist() == ["1", "1", "2"]
    assert cohort.frame["c"].fillna("-").tolist() == ["True", "-", "False"]
    np.testing.assert_array_equal(cohort.frame["n"], [1.25, np.nan, np.nan])
    assert cohort.provenance.exclusions == (Exclusion("died", 1),)


def test_parquet_counts_rows_from_1_and_csv_from_the_header(tmp_path):
    frame = pd.DataFrame({"e": [1, 2], "p": [1, 2], "y": [0, 1], "n": [5, 11], "c": ["u", "v"], "d": [1, 1]})
    frame.to_parquet(tmp_path / "t.parquet")
    source = described(tmp_path, TYPES)
    assert "1 problem: row 2, column 'n': expected a number from 0 to 10." in one_line(source)

    (tmp_path / "t.parquet").unlink()
    frame.to_csv(tmp_path / "t.csv", index=False)
    assert "1 problem: row 3, column 'n': expected a number from 0 to 10." in one_line(source)


def test_columns_of_other_types_are_named_together(tmp_path):
    columns = {
        "e": [dt.datetime(2020, 1, 1, tzinfo=dt.UTC)],
        "p": [[1, 2]],
        "y": [1],
        "n": [b"\xff"],
        "c": ["u"],
        "d": [1],
        "ignored": [{"deep": 1}],
    }
    write_parquet(tmp_path / "t.parquet", columns)

    message = one_line(described(tmp_path, TYPES))

    for name in "epn":
        assert f"column {name!r} holds" in message
    assert "ignored" not in message
    assert "2020" not in message


def test_broken_parquet(tmp_path, monkeypatch):
    columns = {"e": ["a"], "p": ["a"], "y": [1], "n": [1], "c": ["u"], "d": [1]}
    path = write_parquet(tmp_path / "t.parquet", columns, compression="none")
    described(tmp_path, TYPES)
    whole = path.read_bytes()

    for content in (whole[:-10], whole[: len(whole) // 2], b"PAR1" + whole[40:], b"e,p,y\n1,2,3\n"):
        path.write_bytes(content)
        assert "damaged or not Parquet" in one_line(path)
    not_utf8 = pa.array([b"\xff\xfe"], pa.binary()).view(pa.string())
    write_parquet(path, {**columns, "c": not_utf8})
    assert "damaged or not Parquet" in one_line(path)
    parquet.write_table(pa.table(columns).slice(0, 0), path)
    assert "has no rows" in one_line(path)
    monkeypatch.setattr(table, "MAX_UNPACKED_BYTES", 8 * 6 * 1000 - 1)
    write_parquet(path, {name: values * 1000 for name, values in columns.items()})
    assert "would unpack" in one_line(path)
