"""Loaders read sets of codes as they are described; what is no set of codes is one line."""

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from clinflu.data import CohortSchema, FeatureSpec
from clinflu.errors import LoaderError
from data_loaders import load, parquet, table
from data_loaders.folder_description import FolderDescription, PartFile, written_description

TOML = """\
[table]
encounter_id = "visit"
patient_id = "person"
outcome = "back"

[features.age]

[features.dx]
label = "Diagnoses"
separator = ";"
fewest = 2
"""
CSV = """\
visit,person,back,age,dx
1,A,1,70,I10;E11.9
2,A,0,71,
3,B,0,60,"I10; N18"
4,C,1,50,;
"""
SETS = ["I10;E11.9", None, "I10; N18", None]


def described(folder, toml=TOML, csv=CSV):
    (folder / "t.csv").write_text(csv)
    (folder / "t.toml").write_text(toml)
    return folder / "t.csv"


def one_line(call):
    with pytest.raises(LoaderError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_described_csv_holds_sets_of_codes(tmp_path):
    cohort = load("table", described(tmp_path))
    assert cohort.schema.features[1] == FeatureSpec("dx", "Diagnoses", separator=";", fewest=2)
    assert cohort.schema.subgroups == ()
    assert cohort.frame["dx"].astype(object).where(cohort.frame["dx"].notna(), None).tolist() == SETS


def test_without_fewest_it_is_the_default_and_numbers_are_codes_too(tmp_path):
    rows = pd.DataFrame({"visit": ["1", "2"], "person": ["A", "B"], "back": [1, 0], "age": [1.0, 2.0]})
    rows.assign(dx=[250, 401]).to_parquet(tmp_path / "t.parquet")
    (tmp_path / "t.toml").write_text(TOML.replace("fewest = 2\n", ""))
    cohort = table.load(tmp_path / "t.parquet")
    assert cohort.frame["dx"].tolist() == ["250", "401"]
    assert cohort.schema.features[1].fewest == FeatureSpec("x", "X").fewest


WRONG = {
    "an empty separator": ('";"', '""', "separator must be a text in quotes"),
    "a separator that is a list": ('";"', "[1]", "separator must be a text in quotes"),
    "a long separator": ('";"', '"' + "-" * 11 + '"', "separator must be a text of at most 10 characters"),
    "levels": ("fewest = 2", 'levels = ["a"]', "is a set of codes and takes no levels"),
    "a category": ("fewest = 2", "category = true", "is a set of codes and takes no category"),
    "bounds": ("fewest = 2", "bounds = [0, 1]", "is a set of codes and takes no bounds"),
    "no encounters": ("fewest = 2", "fewest = 0", "fewest must be a whole number of 1 or more"),
    "fewest alone": ('separator = ";"', "", "fewest goes with a set of codes alone"),
    "a subgroup": ('outcome = "back"', 'outcome = "back"\nsubgroups = ["dx"]', "'dx' is a set of codes"),
    "a slip": ("fewest", "fewst", "did you mean 'fewest'"),
}


@pytest.mark.parametrize(("old", "new", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_the_description_is_one_line(tmp_path, old, new, said):
    assert said in one_line(lambda: table.load(described(tmp_path, TOML.replace(old, new))))


def test_a_code_of_ten_thousand_characters_is_told_by_its_row(tmp_path):
    csv = CSV.replace("I10; N18", "I10;" + "N" * 10_000)
    said = one_line(lambda: table.load(described(tmp_path, csv=csv)))
    assert "row 4, column 'dx': expected codes of at most 100 characters with ';' between them" in said
    assert "NNN" not in said


SCHEMA = CohortSchema(
    "visit", "person", "back", (FeatureSpec("age", "Age"), FeatureSpec("dx", "Diagnoses", separator="|", fewest=2))
)


def folder_of(path, dx, change=lambda text: text):
    rows = {"visit": ["1", "2", "3"], "person": ["A", "A", "B"], "back": [1, 0, 0], "age": [1.0, 2.0, 3.0]}
    for number, part in enumerate((slice(0, 2), slice(2, 3))):
        columns = {name: pa.array(values[part]) for name, values in rows.items()}
        pq.write_table(pa.table({**columns, "dx": dx[part]}), path / f"part-{number}.parquet")
    parts = (PartFile("part-0.parquet", 2), PartFile("part-1.parquet", 1))
    (path / "cohort.toml").write_text(change(written_description(FolderDescription(SCHEMA, parts, 3))))
    return path


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())], ids=str)
def test_a_folder_of_parts_holds_sets_of_codes(tmp_path, kind):
    cohort = parquet.load(folder_of(tmp_path, pa.array(["I10|N18", None, "I10"]).cast(kind)))
    assert cohort.schema.features == SCHEMA.features
    assert isinstance(cohort.frame["dx"].array, pd.arrays.ArrowStringArray)
    assert cohort.frame["dx"].fillna("-").tolist() == ["I10|N18", "-", "I10"]


def test_parts_that_hold_something_else_are_refused_in_one_line(tmp_path):
    assert "column 'dx' holds int64; store it as text" in one_line(
        lambda: parquet.load(folder_of(tmp_path, pa.array([1, 2, 3])))
    )
