"""Each mistake in a description is told once, where it stands, with what to do."""

import inspect
import textwrap

import pytest

from clinflu.data import BaselineSpec
from clinflu.errors import LoaderError
from data_loaders import table, table_description
from data_loaders.table_description import Rule, is_table_name, nearest, read_description, read_toml

EXAMPLE = textwrap.dedent(inspect.getdoc(table).split("::\n", 1)[1].split("\nWhole numbers", 1)[0])


BASELINE = textwrap.dedent(inspect.getdoc(table).rsplit("::\n", 1)[1])


def written(folder, toml):
    path = folder / "t.toml"
    path.write_bytes(toml if isinstance(toml, bytes) else toml.encode())
    return path


def test_the_documented_example_has_no_problem(tmp_path):
    description = read_description(written(tmp_path, EXAMPLE))

    assert description.problems == ()
    assert description.file == "discharges.csv"
    assert description.columns == (
        *("visit", "person", "readmitted", "disposition"),
        *("age", "ed_visits", "sex", "ward"),
    )
    assert (description.outcome_event, description.missing) == ("yes", ("", "NA"))
    assert description.rules == (Rule("disposition", ("died", "hospice"), "died or hospice"),)


def test_whole_numbers_stand_for_texts(tmp_path):
    toml = EXAMPLE.replace('["died", "hospice"]', "[11, -19]").replace('"yes"', "1").replace('["F", "M"]', "[1, 2]")

    description = read_description(written(tmp_path, toml))

    assert description.rules[0].values == ("11", "-19")
    assert description.outcome_event == "1"
    assert description.schema.feature("sex").levels == ("1", "2")


AGE, SEX, LOG = "[features.age]", "[features.sex]", "log1p = true"
MISTAKES = {
    "key": ("[table]", '[table]\nlabel = "x"', "[table]: 'label' is not a key that can stand there"),
    "near key": (
        "[table]",
        "[table]\nmisssing = []",
        "'misssing' is not a key that can stand there; did you mean 'missing'?",
    ),
    "feature key": (
        AGE,
        f"{AGE}\nbound = 1",
        "'age': 'bound' is not a key that can stand there; did you mean 'bounds'?",
    ),
    "rule key": ("[[exclude]]", "[[exclude]]\ncolum = 1", "[[exclude]] 1: 'colum' is not a key that can stand there"),
    "section": (
        AGE,
        f"[feature.x]\n{AGE}",
        "the description: 'feature' is not a key that can stand there; did you mean",
    ),
    "no patient": ("patient_id", "#", "[table]: patient_id is missing"),
    "fraction as text": ('"visit"', "1.5", "[table]: encounter_id must be a text in quotes"),
    "truth as text": ('"visit"', "true", "[table]: encounter_id must be a text in quotes"),
    "empty text": ('"visit"', '""', "[table]: encounter_id must be a text in quotes"),
    "text as list": ('["", "NA"]', '"NA"', "[table]: missing must be a list of texts, such as ['A', 'B']"),
    "bounds turned": ("[0, 120]", "[120, 0]", "'age': bounds must be the smallest and the largest plausible number"),
    "three bounds": ("[0, 120]", "[1, 2, 3]", "'age': bounds must be"),
    "bounds as text": ("[0, 120]", '["0", "9"]', "'age': bounds must be"),
    "bounds as truth": ("[0, 120]", "[false, true]", "'age': bounds must be"),
    "bounds that are none": ("[0, 120]", "[nan, inf]", "'age': bounds must be"),
    "huge bounds": ("[0, 120]", f"[0, {10**400}]", "'age': bounds must be"),
    "log below 0": ("[0, 400]", "[-1, 400]", "'ed_visits': log1p needs bounds that start at 0 or above"),
    "log without bounds": ("bounds = [0, 400]", "", "'ed_visits': log1p needs bounds that start at 0 or above"),
    "log as text": (LOG, 'log1p = "yes"', "'ed_visits': log1p must be true or false"),
    "both": (SEX, f'{SEX}\nunit = "kg"\nbounds = [0, 1]', "'sex': is a category, so it takes no unit and no bounds"),
    "both, learned": (AGE, f"{AGE}\ncategory = true", "'age': is a category, so it takes no unit and no bounds"),
    "no levels": ('["F", "M"]', "[]", "'sex': levels is empty; name them, or write category = true to learn them"),
    "a level twice": ('"F", "M"', '"F", "F"', "'sex': levels names something more than once"),
    "levels of fractions": ('"F", "M"', "1.0, 2.0", "'sex': levels must be a list of texts"),
    "no category": (SEX, f"{SEX}\ncategory = false", "'sex': has levels, but category is false; take one of them out"),
    "subgroup": ('["sex"]', '["sexx"]', "[table]: subgroups: 'sexx' is not a feature; did you mean 'sex'?"),
    "number as subgroup": (
        '["sex"]',
        '["age"]',
        "[table]: subgroups: 'age' is a number; name a category, or band it first",
    ),
    "same column": (
        '"person"',
        '"visit"',
        "[table]: encounter_id and patient_id are the same column 'visit'; give each",
    ),
    "id as feature": (AGE, f"[features.person]\n{AGE}", "feature 'person': this column is the patient_id; take it out"),
    "outcome as feature": (AGE, f"[features.readmitted]\n{AGE}", "feature 'readmitted': this column is the outcome"),
    "nameless feature": (AGE, f'[features.""]\n{AGE}', "feature '': needs the name of a column"),
    "feature as text": (AGE, f'[features]\nx = "number"\n{AGE}', "feature 'x': must be a section of keys and values"),
    "rule without brackets": ("[[exclude]]", "[exclude]", "write each exclusion as [[exclude]], in double brackets"),
    "no reason": ("reason", "#", "[[exclude]] 1: reason is missing"),
    "no values": ('["died", "hospice"]', "[]", "[[exclude]] 1: values must name at least one value"),
    "values absent": ("values", "#", "[[exclude]] 1: values must name at least one value"),
    "huge value": ('["died", "hospice"]', f"[0x{'f' * 5000}]", "[[exclude]] 1: values must be a list of texts"),
}


def test_a_documented_baseline_score_has_no_problem(tmp_path):
    description = read_description(written(tmp_path, EXAMPLE + BASELINE))

    assert description.problems == ()
    assert description.columns[-1] == "lace_at_discharge"
    note = "Emergency visits to this hospital alone."
    assert description.schema.baselines == (
        BaselineSpec("lace_at_discharge", "LACE", approximate=True, note=note, largest=19),
    )
    assert "lace_at_discharge" not in description.schema.feature_names
    plain = read_description(written(tmp_path, EXAMPLE + "[baselines.x]\nlargest = 1"))
    assert plain.schema.baselines == (BaselineSpec("x", "x", approximate=False, note="", largest=1),)


HEADER = "[baselines.lace_at_discharge]"
BASELINE_MISTAKES = {
    "no largest": ("largest = 19", "#", "baseline 'lace_at_discharge': largest is missing"),
    "fraction": ("= 19", "= 1.5", "baseline 'lace_at_discharge': largest must be a whole number of 1 or more"),
    "truth": ("= 19", "= true", "largest must be a whole number of 1 or more"),
    "nothing": ("= 19", "= 0", "largest must be a whole number of 1 or more"),
    "no note": ("note", "#", "is approximate, so it needs a note that says what is missing"),
    "empty note": ('"Emergency visits to this hospital alone."', '""', "note must be a text in quotes"),
    "blank note": ('"Emergency visits to this hospital alone."', '" "', "is approximate, so it needs a note"),
    "approximate as text": ("= true", '= "yes"', "approximate must be true or false"),
    "near key": (
        "approximate = true",
        "approximat = true",
        "'approximat' is not a key that can stand there; did you mean 'approximate'",
    ),
    "feature, too": (
        HEADER,
        "[baselines.age]",
        "baseline 'age': this column is a feature; a score that the model uses",
    ),
    "outcome": (HEADER, "[baselines.readmitted]", "baseline 'readmitted': this column is the outcome; take it out"),
    "nameless": (HEADER, '[baselines.""]', "baseline '': needs the name of a column"),
    "list": (HEADER, "[[baselines]]", "write each score to compare with as [baselines.COLUMN]"),
}


@pytest.mark.parametrize(("old", "new", "expected"), BASELINE_MISTAKES.values(), ids=BASELINE_MISTAKES)
def test_one_mistake_in_a_baseline_score_is_one_problem(tmp_path, old, new, expected):
    assert old in BASELINE

    description = read_description(written(tmp_path, EXAMPLE + BASELINE.replace(old, new, 1)))

    assert len(description.problems) == 1
    assert expected in description.problems[0]
    assert description.schema is None


@pytest.mark.parametrize(("old", "new", "expected"), MISTAKES.values(), ids=MISTAKES)
def test_one_mistake_is_one_problem(tmp_path, old, new, expected):
    assert old in EXAMPLE

    description = read_description(written(tmp_path, EXAMPLE.replace(old, new, 1)))

    assert len(description.problems) == 1
    assert expected in description.problems[0]
    assert description.schema is None


def test_mistakes_in_the_outline(tmp_path):
    start = EXAMPLE[: EXAMPLE.index(AGE)]
    assert "name at least one feature" in read_description(written(tmp_path, start)).problems[0]
    table_twice = read_description(written(tmp_path, EXAMPLE.replace("[table]", "[[table]]")))
    assert "[table]: must be a section of keys and values" in table_twice.problems
    empty = read_description(written(tmp_path, "")).problems
    assert [problem for problem in empty if "is missing" in problem] == [
        f"[table]: {key} is missing" for key in ("encounter_id", "patient_id", "outcome")
    ]


UNREADABLE = {
    "not TOML": (b"[table]\nmissing = [NA]", "is not TOML at line 2, column 12; mend that line (texts need quotes)"),
    "bottomless": (b"a = " + b"[" * 100_000, "is not TOML"),
    "long number": (b"a = " + b"1" * 10_000, "is not TOML"),
    "latin-1": ("# Müller".encode("latin-1"), "is not UTF-8; save it as UTF-8"),
    "large": (b"#" * 2**20 + b"#", "is too large to describe a table"),
}


@pytest.mark.parametrize(("content", "expected"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_description_that_cannot_be_read_is_told_in_one_line(tmp_path, content, expected):
    with pytest.raises(LoaderError) as caught:
        read_toml(written(tmp_path, content))

    assert str(caught.value) == caught.value.one_line
    assert str(caught.value).startswith("t.toml ")
    assert expected in str(caught.value)


def test_a_byte_order_mark_does_no_harm_and_an_absent_file_is_told(tmp_path):
    assert read_toml(written(tmp_path, b"\xef\xbb\xbfa = 1")) == {"a": 1}
    with pytest.raises(LoaderError, match=r"absent\.toml cannot be read"):
        read_toml(tmp_path / "absent.toml")


def test_names_of_tables_are_plain():
    good = ("a.csv", "a.parquet", "A.CSV", "a b.2.csv", "ä.csv")
    bad = (
        "a.txt",
        "../a.csv",
        "/a.csv",
        "a/b.csv",
        "a\\b.csv",
        ".csv",
        "..",
        "",
        "a\0.csv",
        "a\n.csv",
        None,
        1,
        ["a.csv"],
    )
    assert [name for name in good if not is_table_name(name)] == []
    assert [name for name in bad if is_table_name(name)] == []


def test_the_nearest_name_is_offered_where_one_is_near():
    assert nearest("encounter", table_description.KEYS) == "; did you mean 'encounter_id'?"
    assert nearest("zzz", table_description.KEYS) == ""
