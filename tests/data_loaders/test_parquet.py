"""A folder of Parquet parts is read back as it was written, by whomever; whatever is wrong with it is one line."""

import hashlib
import os
import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from clinflu.data import BaselineSpec, CohortSchema, Exclusion, FeatureSpec, Provenance, build_cohort
from clinflu.errors import LoaderError
from data_loaders import load, parquet, recognise
from data_loaders.diabetes130 import SCHEMA
from data_loaders.folder_description import FolderDescription, PartFile, written_description
from data_loaders.parquet_columns import Levels, Texts
from data_loaders.simulate_folder import write_simulated

FIRST, SECOND = "part-00000.parquet", "part-00001.parquet"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    path = tmp_path_factory.mktemp("sound") / "folder"
    write_simulated(path, 2_000, seed=2, part_rows=1_000, processes=1)
    return path


@pytest.fixture
def copy(sound, tmp_path):
    shutil.copytree(sound, tmp_path / "copy")
    return tmp_path / "copy"


def rewritten(folder, change, part=SECOND):
    """Write a part again with a change to its table."""
    table = change(pq.read_table(folder / part))
    pq.write_table(table, folder / part)


def replaced(name, change):
    """Return a change of one column as text or numbers."""

    def of(table):
        place = table.column_names.index(name)
        column = table.column(name)
        plain = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        return table.set_column(place, name, pa.array(change(plain.to_pylist())))

    return of


def described(folder, old, new):
    path = folder / "cohort.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_folder_is_read_back(sound):
    cohort = load(None, sound)
    assert recognise(sound) == recognise(sound / "cohort.toml") == "parquet"
    assert cohort.schema == SCHEMA
    assert cohort.provenance.simulated
    assert cohort.provenance.source == "folder"
    assert cohort.provenance.loader == "parquet"
    assert cohort.provenance.rows_read == 2_000
    assert [one.reason for one in cohort.provenance.exclusions] == ["died in hospital", "discharged to a hospice"]
    parts = b"".join((sound / part).read_bytes() for part in (FIRST, SECOND))
    assert cohort.provenance.sha256 == hashlib.sha256(parts).hexdigest()
    assert len(cohort.planted) == 4
    assert all(cause.responsible for cause in cohort.planted)
    assert load("parquet", sound / "cohort.toml").content_hash == cohort.content_hash


def test_nothing_is_held_as_python_objects(sound):
    frame = load("parquet", sound).frame
    assert isinstance(frame.index.array, pd.arrays.ArrowStringArray)
    assert isinstance(frame["patient_nbr"].array, pd.arrays.ArrowStringArray)
    assert {str(frame[spec.name].dtype) for spec in SCHEMA.categories} == {"category"}
    assert {str(frame[spec.name].dtype) for spec in SCHEMA.features if not spec.is_category} == {"float64"}
    assert frame["readmitted_30d"].dtype == "int8"
    assert frame["age"].cat.codes.dtype == "int8"
    assert "object" not in set(map(str, frame.dtypes))


OWN = CohortSchema(
    "visit",
    "person",
    "back",
    (
        FeatureSpec("age", "Age", unit="years", bounds=(0, 120)),
        FeatureSpec("visits", "Visits", bounds=(0, 90), log1p=True),
        FeatureSpec("ward", 'Ward "East"\n\x7f', levels=("4 West", "ICU")),
        FeatureSpec("team", "Team", levels=()),
    ),
    outcome_label="back within 30 days",
    subgroups=("ward",),
    baselines=(BaselineSpec("lace", "LACE", approximate=True, note="Some of it.", largest=19),),
)


def test_a_pipeline_may_write_one_with_pandas_alone(tmp_path):
    rows = pd.DataFrame(
        {
            "visit": ["v1", "v2", "v3", "v4"],
            "person": ["a", "a", "b", "c"],
            "back": [True, False, False, True],
            "age": pd.array([70, None, 4, 5], dtype="Int64"),
            "visits": [1.0, np.nan, 3.0, 4.0],
            "ward": ["ICU", None, "4 West", "ICU"],
            "team": [None, None, "blue", "äöü"],
            "lace": [3, 4, 5, 6],
        }
    )
    for name, part in (("a.parquet", rows.iloc[:2]), ("b.parquet", rows.iloc[2:].astype({"ward": "category"}))):
        part.to_parquet(tmp_path / name, index=False)
    parts = PartFile("a.parquet", 2), PartFile("b.parquet", 2)
    description = FolderDescription(OWN, parts, 9, (Exclusion("died", 5),), definition=("A stay.",), notes=("None.",))
    (tmp_path / "cohort.toml").write_text(written_description(description), encoding="utf-8")

    cohort = load(None, tmp_path)

    assert cohort.schema == OWN
    assert not cohort.provenance.simulated
    assert (cohort.provenance.definition, cohort.provenance.notes) == (("A stay.",), ("None.",))
    assert cohort.provenance.flowchart() == (("encounters read", 9), ("excluded: died", 5), ("encounters at risk", 4))
    truth = build_cohort(rows, OWN, Provenance("x", "", "x", 4))
    assert cohort.content_hash == truth.content_hash
    pd.testing.assert_frame_equal(cohort.frame.astype({"ward": "str", "team": "str"}), truth.frame)


DAMAGES = {
    "truncated": (
        lambda at: (at / SECOND).write_bytes((at / SECOND).read_bytes()[:-100]),
        f"{SECOND} is damaged or not Parquet",
    ),
    "damaged inside": (
        lambda at: (at / SECOND).write_bytes(b"PAR1" + bytes(9_000) + (at / SECOND).read_bytes()[9_004:]),
        f"{SECOND} is damaged",
    ),
    "alien": (lambda at: (at / SECOND).write_bytes(b"a,b\n1,2\n"), f"{SECOND} is damaged or not Parquet"),
    "absent": (lambda at: (at / FIRST).unlink(), f"{FIRST} is absent, or no plain file"),
    "a link": (
        lambda at: ((at / FIRST).rename(at / "other"), (at / FIRST).symlink_to(at / "other")),
        f"{FIRST} is absent, or no plain file",
    ),
    "one too many": (
        lambda at: shutil.copy(at / FIRST, at / "part-00002.parquet"),
        r"part-00002\.parquet: not named in cohort\.toml",
    ),
    "fewer rows": (
        lambda at: rewritten(at, lambda table: table.slice(1)),
        f"{SECOND} holds 97. rows, and not the 97. described",
    ),
    "twice the same part": (
        lambda at: (shutil.copy(at / FIRST, at / SECOND), same_rows(at)),
        r"\d+ problems: row 1, column 'encounter_id': this encounter id stands more than once",
    ),
    "an own column": (
        lambda at: rewritten(at, lambda table: table.append_column("name", table.column("patient_nbr"))),
        f"{SECOND} has a column that is not described: 'name'",
    ),
    "a lost column": (
        lambda at: rewritten(at, lambda table: table.drop_columns(["gender"])),
        f"{SECOND} has no column 'gender'",
    ),
    "another type": (
        lambda at: rewritten(at, replaced("race", lambda values: list(range(len(values))))),
        f"{SECOND}: column 'race' holds int64; store it as text",
    ),
    "text for a number": (
        lambda at: rewritten(at, replaced("num_procedures", lambda values: list(map(str, values)))),
        f"{SECOND}: column 'num_procedures' holds string; store it as a number",
    ),
    "ids that are numbers": (
        lambda at: rewritten(at, replaced("patient_nbr", lambda values: list(range(len(values))))),
        "column 'patient_nbr' holds int64; store it as text",
    ),
    "unknown level": (
        lambda at: rewritten(at, replaced("age", lambda values: ["secret", *values[1:]])),
        r"1 problem: row 97\d, column 'age': expected one of \[0-10\), ",
    ),
    "out of bounds": (
        lambda at: rewritten(at, replaced("time_in_hospital", lambda values: [*values[:-1], 15]), FIRST),
        r"1 problem: row 97\d, column 'time_in_hospital': expected a number from 1 to 14 days",
    ),
    "no patient": (
        lambda at: rewritten(at, replaced("patient_nbr", lambda values: [None, *values[1:]]), FIRST),
        "1 problem: row 1, column 'patient_nbr': missing, but every row needs it",
    ),
    "no outcome": (
        lambda at: rewritten(at, replaced("readmitted_30d", lambda values: [None, 2, *values[2:]]), FIRST),
        "2 problems: row 1, column 'readmitted_30d': missing, .*; row 2, column 'readmitted_30d': expected 0 or 1",
    ),
    "no truth": (lambda at: (at / "planted.parquet").unlink(), r"planted\.parquet is absent or damaged"),
    "no truth in it": (
        lambda at: (at / "planted.parquet").write_bytes((at / FIRST).read_bytes()),
        r"planted\.parquet is absent or damaged",
    ),
    "another truth": (
        lambda at: rewritten(at, replaced("responsible", lambda _: [["SIM1"]] * 4), "planted.parquet"),
        r"planted\.parquet is of other rows than the parts",
    ),
    "a false sum": (
        lambda at: described(at, "rows_read = 2000", "rows_read = 1999"),
        "rows_read is 1,999, but .* 2,000",
    ),
    "a key of a table": (
        lambda at: described(at, "[table]", '[table]\noutcome_event = "yes"'),
        "outcome_event cannot stand in the description of a folder",
    ),
    "a misspelt key": (lambda at: described(at, "simulated", "simulatd"), r"\[source\]: 'simulatd' .*did you mean"),
    "a part twice": (lambda at: described(at, SECOND, FIRST), r"\[\[parts\]\]: a file stands there more than once"),
    "a part elsewhere": (lambda at: described(at, FIRST, f"../{FIRST}"), "must be the plain name of a .parquet"),
    "a part of no rows": (lambda at: described(at, f'"{FIRST}"\nrows = ', f'"{FIRST}"\nrows = -'), "whole number of 1"),
    "real patients with a truth": (
        lambda at: described(at, "simulated = true", "simulated = false"),
        "patients are real",
    ),
    "no description": (lambda at: (at / "cohort.toml").write_text("["), "is not TOML"),
    "no columns": (lambda at: (at / "cohort.toml").write_text("[[parts]]\n"), "encounter_id is missing"),
}


def same_rows(folder):
    lines = (folder / "cohort.toml").read_text().splitlines()
    first, second = (int(lines[lines.index(f'file = "{part}"') + 1].split()[-1]) for part in (FIRST, SECOND))
    described(folder, f'file = "{SECOND}"\nrows = {second}', f'file = "{SECOND}"\nrows = {first}')
    described(folder, "rows_read = 2000", f"rows_read = {2000 + first - second}")


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_wrong_is_told_in_one_line_and_without_a_value(copy, damage):
    harm, told = DAMAGES[damage]
    harm(copy)
    with pytest.raises(LoaderError, match=told) as caught:
        load("parquet", copy)
    assert str(caught.value) == caught.value.one_line
    assert "secret" not in str(caught.value)
    assert "SIM" not in str(caught.value)


def test_many_problems_are_one_message(copy):
    for part in (FIRST, SECOND):
        (copy / part).write_bytes(b"PAR1")
    (copy / "alien.parquet").write_bytes(b"")
    with pytest.raises(
        LoaderError, match=r"^copy: 3 problems: .*alien\.parquet.*\. Mend the folder and load it again$"
    ):
        load("parquet", copy)


def test_more_rows_than_the_machine_can_hold_are_refused_before_they_are_read(sound, monkeypatch):
    small = {"SC_PAGE_SIZE": 1024, "SC_PHYS_PAGES": 100}
    monkeypatch.setattr(os, "sysconf", small.__getitem__)
    with pytest.raises(LoaderError, match="rows take about 0 GiB of memory and this machine has 0; name fewer parts"):
        load("parquet", sound)


@pytest.mark.parametrize("source", [None, "folder without a description", "file.parquet"])
def test_what_is_no_folder_of_parts_is_one_line(tmp_path, source):
    path = None if source is None else tmp_path / source
    if source == "file.parquet":
        path.write_bytes(b"PAR1")
    elif source:
        path.mkdir()
    with pytest.raises(LoaderError, match=r"cohort\.toml"):
        parquet.load(path)
    assert path is None or not parquet.recognises(path)


def test_levels_of_many_blocks_become_one_category_in_the_smallest_type():
    many = [f"level {k:03d}" for k in range(300)]
    column = Levels(906)
    for block in (many[:2], [None, *many], many[::-1], many[:1], [None], many):
        column.add(pa.array(block).dictionary_encode())
    column.add(pa.DictionaryArray.from_arrays(pa.array([0]), pa.array([None], pa.string())))
    read = column.series()
    assert read.cat.codes.dtype == "int16"
    assert list(read.cat.categories) == many
    expected = [*many[:2], None, *many, *many[::-1], many[0], None, *many, None]
    pd.testing.assert_series_equal(read.astype("str"), pd.Series(expected, dtype="str"))


def test_ids_of_many_blocks_become_one():
    column = Texts(3)
    column.add(pa.array(["a", None]))
    column.add(pa.array(["b"], pa.large_string()))
    read = column.series()
    assert isinstance(pa.array(read.array), pa.LargeStringArray)  # and no array in chunks, in which looking up is slow
    assert read.fillna("?").tolist() == ["a", "?", "b"]
