"""Described tables: what the TOML says is what is read, and all that is wrong comes in one line."""

import csv
import hashlib
import inspect
import re
import textwrap

import numpy as np
import pytest

from clinflu.data import Encoder, Exclusion
from clinflu.errors import LoaderError
from data_loaders import table
from data_loaders.table import load, recognises

EXAMPLE = textwrap.dedent(inspect.getdoc(table).split("::\n", 1)[1].split("\nWhole numbers", 1)[0])
CSV = """\
visit,person,readmitted,disposition,age,ed_visits,sex,ward,not described
001,A,yes,home,71,0,F,4 West,x
002,A,no,home,NA,3,M,4 West,x
003,B,maybe,died,900,1,?,ICU,x
004,C,no,hospice,80,1,M,ICU,x
005,C,no,home,55.5,12,NA,"ICU, east",x
006,D,no,,33,0,M,,x
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "discharges.csv").write_text(CSV)
    (tmp_path / "discharges.toml").write_text(EXAMPLE)
    return tmp_path


def described(folder, toml, name="discharges"):
    path = folder / f"{name}.toml"
    path.write_text(textwrap.dedent(toml))
    return path


def one_line(source):
    with pytest.raises(LoaderError) as caught:
        load(source)
    assert str(caught.value) == caught.value.one_line
    return str(caught.value)


# Reading


def test_the_documented_example_loads(folder):
    cohort = load(folder / "discharges.toml")

    frame = cohort.frame
    assert frame.index.tolist() == ["001", "002", "005", "006"]
    assert cohort.patients.tolist() == ["A", "A", "C", "D"]
    assert cohort.outcome.tolist() == [1, 0, 0, 0]
    np.testing.assert_array_equal(frame["age"], [71, np.nan, 55.5, 33])
    assert frame["sex"].fillna("-").tolist() == ["F", "M", "-", "M"]
    assert frame["ward"].fillna("-").tolist() == ["4 West", "4 West", "ICU, east", "-"]
    assert list(frame.columns) == ["person", "readmitted", "age", "ed_visits", "sex", "ward"]

    schema = cohort.schema
    assert (schema.outcome_label, schema.subgroups) == ("readmitted within 30 days", ("sex",))
    assert [(spec.name, spec.label, spec.unit, spec.levels, spec.bounds, spec.log1p) for spec in schema.features] == [
        ("age", "Age", "years", None, (0.0, 120.0), False),
        ("ed_visits", "ED visits, year before", None, None, (0.0, 400.0), True),
        ("sex", "Sex", None, ("F", "M"), None, False),
        ("ward", "ward", None, (), None, False),
    ]


def test_a_baseline_score_comes_with_the_rows_and_is_no_feature(folder):
    named = EXAMPLE + '\n[baselines."not described"]\nlargest = 3'
    with_scores = CSV.replace(",x\n", ",3\n").replace("4 West,3", "4 West,1.5", 1)
    (folder / "discharges.csv").write_text(with_scores)

    cohort = load(described(folder, named))

    np.testing.assert_array_equal(cohort.frame["not described"], [1.5, 3, 3, 3])
    assert "not described" not in Encoder.learn(cohort.frame, cohort.schema).design(cohort).variables
    (folder / "discharges.csv").write_text(with_scores.replace(",3\n", ",NA\n", 1).replace(",3\n", ",4\n"))
    assert "row 6, column 'not described': expected a number from 0 to 3" in one_line(folder / "discharges.toml")
    (folder / "discharges.csv").write_text(with_scores.replace("not described", "renamed"))
    assert "the table has no column 'not described'" in one_line(folder / "discharges.toml")


def test_provenance_tells_the_file_and_every_exclusion(folder):
    provenance = load(folder / "discharges.csv").provenance

    assert provenance.source == "discharges.csv"
    assert provenance.sha256 == hashlib.sha256(CSV.encode()).hexdigest()
    assert (provenance.loader, provenance.rows_read, provenance.simulated) == ("table", 6, False)
    assert provenance.exclusions == (Exclusion("died or hospice", 2),)
    assert provenance.flowchart()[-1] == ("encounters at risk", 4)


def test_the_table_and_its_description_load_alike(folder):
    (folder / "other.toml").write_text(EXAMPLE)

    hashes = {load(folder / name).content_hash for name in ("discharges.csv", "discharges.toml", "other.toml")}

    assert len(hashes) == 1


def test_exclusions_count_in_order_and_a_missing_marker_stands_for_missing_values(folder):
    rules = """
    [[exclude]]
    column = "person"
    values = ["B", "C"]
    reason = "other hospital"
    [[exclude]]
    column = "disposition"
    values = ["", "died", "hospice"]
    reason = "no known discharge"
    [[exclude]]
    column = "visit"
    values = [1, 2]
    reason = "none: a number is its text"
    """
    start, end = EXAMPLE.index("[[exclude]]"), EXAMPLE.index("[features.age]")

    cohort = load(described(folder, EXAMPLE[:start] + textwrap.dedent(rules) + EXAMPLE[end:]))

    assert [step.rows for step in cohort.provenance.exclusions] == [3, 1, 0]
    assert cohort.frame.index.tolist() == ["001", "002"]


def test_without_optional_keys_the_outcome_is_0_and_1_and_every_category_a_subgroup(folder):
    (folder / "small.csv").write_text("e,p,y,n,a,b\n1,x,0,1e-3,NA,u\n2,y,1.0,-4,None,v\n3,z,1,,,u\n")
    toml = """
    [table]
    encounter_id = "e"
    patient_id = "p"
    outcome = "y"
    [features.n]
    [features.a]
    category = true
    [features.b]
    levels = ["u", "v"]
    category = true
    """
    cohort = load(described(folder, toml, "small"))

    assert cohort.outcome.tolist() == [0, 1, 1]
    assert cohort.schema.subgroups == ("a", "b")
    assert cohort.schema.feature("b").levels == ("u", "v")
    assert cohort.frame["a"].fillna("-").tolist() == ["NA", "None", "-"]
    np.testing.assert_array_equal(cohort.frame["n"], [0.001, -4, np.nan])


# What is wrong with a description


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("[features.ward]", "[features.wards]", "the table has no column 'wards'; did you mean 'ward'?"),
        ('"disposition"', '"zzz"', "the table has no column 'zzz'. Mend"),
        ('"yes" ', '"Yes" ', "outcome_event stands in no row of column 'readmitted'; check its spelling"),
    ],
)
def test_what_the_table_does_not_have(folder, old, new, expected):
    message = one_line(described(folder, EXAMPLE.replace(old, new)))

    assert message.startswith("discharges.toml: 1 problem: ")
    assert expected in message


def test_all_that_is_wrong_with_a_description_comes_at_once(folder):
    toml = """
    [table]
    encounter_id = "vist"
    patientid = "person"
    outcome = "readmitted"
    subgroups = ["age", "race"]
    [features.age]
    bounds = [120, 0]
    [features.sex]
    levels = ["F", "M"]
    log1p = true
    [features.zzz]
    """
    message = one_line(described(folder, toml))

    assert message.startswith("discharges.toml: 8 problems: ")
    for part in (
        "[table]: patient_id is missing",
        "'patientid' is not a key that can stand there; did you mean 'patient_id'?",
        "'age': bounds",
        "'sex': is a category",
        "log1p needs bounds",
        "subgroups: 'race' is not a feature",
        "the table has no column 'vist'; did you mean 'visit'?",
        "the table has no column 'zzz'",
    ):
        assert part in message
    assert message.endswith("Mend the description and load the table again")


def test_a_broken_table_is_told_beside_a_wrong_description(folder):
    (folder / "discharges.csv").write_text(CSV + "7,E,yes")

    message = one_line(described(folder, EXAMPLE.replace("[table]", "[table]\nzzz = 1")))

    assert "'zzz' is not a key" in message
    assert "row 8 has 3" in message


def test_a_long_list_of_problems_is_cut(folder):
    message = one_line(described(folder, EXAMPLE + "".join(f"[features.f{n}]\n" for n in range(30))))

    assert "30 problems" in message
    assert message.count("has no column") == 20
    assert "and 10 more" in message


def test_a_table_that_the_simulator_wrote_says_so_and_one_of_a_hospital_does_not(folder):
    path = folder / "discharges.csv"
    assert not load(path).provenance.simulated
    lines = [line.split(",") for line in CSV.splitlines()]
    marked = [[f"SIM{visit}", f"SIM{person}", *rest] for visit, person, *rest in lines[1:]]
    path.write_text("\n".join(map(",".join, [lines[0], *marked])))
    assert load(path).provenance.simulated
    marked[0][1] = "A"
    path.write_text("\n".join(map(",".join, [lines[0], *marked])))
    assert not load(path).provenance.simulated


# What is wrong with the values

BAD_VALUES = """\
visit,person,readmitted,disposition,age,ed_visits,sex,ward
1,A,yes,home,4711-secret,0,F,a
1,A,no,home,-1,3,secret,a
,,no,home,900,secret,M,a
4,B,,home,nan,1e999,M,a
5,B,no,home,50,1,F,a
"""


def test_every_bad_value_is_named_by_row_and_column_and_none_is_shown(folder):
    (folder / "discharges.csv").write_text(BAD_VALUES)

    message = one_line(folder / "discharges.csv")

    places = [
        (2, "age", "expected a number from 0 to 120 years"),
        (2, "visit", "this encounter id stands more than once"),
        (3, "age", "expected a number from 0 to 120 years"),
        (3, "sex", "expected one of F, M"),
        (3, "visit", "this encounter id stands more than once"),
        (4, "age", "expected a number"),
        (4, "ed_visits", "expected a number from 0 to 400"),
        (4, "person", "missing, but every row needs it"),
        (4, "visit", "missing, but every row needs it"),
        (5, "age", "expected a number"),
        (5, "ed_visits", "expected a number"),
        (5, "readmitted", "missing, but every row needs it"),
    ]
    found = re.findall(r"row \d+, column '\w+': [^;.]+", message)
    assert len(found) == len(places)
    for part, (row, column, expected) in zip(found, places, strict=True):
        assert part.startswith(f"row {row}, column {column!r}: {expected}")
    assert "12 problems" in message
    for value in ("secret", "4711", "900", "1e999"):
        assert value not in message


def test_ids_of_empty_text_are_missing_even_where_empty_text_is_a_value(folder):
    toml = EXAMPLE.replace('["", "NA"]', '["NA"]')
    (folder / "discharges.csv").write_text(CSV.replace("006,D", ","))

    message = one_line(described(folder, toml))

    assert "row 7, column 'person': missing" in message
    assert "row 7, column 'visit': missing" in message


def test_all_rows_excluded(folder):
    toml = EXAMPLE.replace('"disposition"', '"not described"').replace('["died", "hospice"]', '["x"]')

    assert "no encounters at risk" in one_line(described(folder, toml))


HOSTILE = ["<img src=x onerror=alert(1)>", "=1+1", "@SUM(A1)", "-1+1|cmd", '"><script>', "\x1b[31m", "O'Brien", "None"]


def test_hostile_text_is_only_text(tmp_path):
    names = ["<b>id</b>", "=id", "self", *HOSTILE]
    rows = [[f"{text} {n}" for text in HOSTILE[:2]] + [str(n % 2)] + HOSTILE for n in range(3)]
    with (tmp_path / "h.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([names, *rows])
    quoted = {name: '"' + name.replace('"', '\\"').replace("\x1b", "\\u001b") + '"' for name in names}
    keys = zip(("encounter_id", "patient_id", "outcome"), names, strict=False)
    toml = "[table]\n" + "".join(f"{key} = {quoted[name]}\n" for key, name in keys)
    toml += "".join(f"[features.{quoted[name]}]\nlabel = {quoted[name]}\ncategory = true\n" for name in HOSTILE)

    cohort = load(described(tmp_path, toml, "h"))

    assert cohort.frame.index[0] == "<img src=x onerror=alert(1)> 0"
    for text in HOSTILE:
        assert cohort.frame[text].tolist() == [text] * 3
        assert cohort.schema.feature(text).label == text
    assert Encoder.learn(cohort.frame, cohort.schema).references == {text: text for text in HOSTILE}


# Which files


SLIPS = ["../t.csv", "/etc/t.csv", "sub/t.csv", "..\\t.csv", "C:\\t.csv", "t.txt", "..", ".csv", "t\\u0000.csv"]


@pytest.mark.parametrize("file", SLIPS)
def test_file_is_a_plain_name_in_the_same_folder(folder, file):
    (folder / "sub").mkdir()
    (folder / "sub" / "t.csv").write_text(CSV)
    toml = EXAMPLE.replace('"discharges.csv"', '"' + file.replace("\\", "\\\\").replace("\\\\u", "\\u") + '"')
    path = described(folder, toml, "slip")

    assert "must be the plain name" in one_line(path)
    assert recognises(path) is False


def test_file_is_no_link(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "t.csv"
    outside.write_text(CSV)
    (folder / "link.csv").symlink_to(outside)
    (folder / "loop.csv").symlink_to(folder / "loop.csv")

    for name in ("link.csv", "loop.csv"):
        assert "no link" in one_line(described(folder, EXAMPLE.replace("discharges.csv", name), "x"))


def test_which_table_is_meant(folder):
    nameless = EXAMPLE.replace("file =", "# file =")
    assert "no alone.csv or .parquet" in one_line(described(folder, nameless, "alone"))
    assert "there is no file 'gone.csv'" in one_line(described(folder, EXAMPLE.replace("discharges.csv", "gone.csv")))

    described(folder, nameless)
    assert load(folder / "discharges.toml").provenance.source == "discharges.csv"
    (folder / "discharges.parquet").touch()
    assert "as .csv and as .parquet" in one_line(folder / "discharges.toml")
    assert "discharges.parquet is empty" in one_line(folder / "discharges.parquet")
    described(folder, EXAMPLE)
    assert "describes 'discharges.csv', not 'discharges.parquet'" in one_line(folder / "discharges.parquet")


def test_paths_that_are_no_described_table(folder):
    (folder / "alone.csv").write_text(CSV)
    (folder / "notes.txt").write_text("x")
    assert "describe them in alone.toml" in one_line(folder / "alone.csv")
    assert "is no table" in one_line(folder / "notes.txt")
    assert "is no table" in one_line(folder)
    assert "there is no file 'gone.csv'" in one_line(folder / "gone.csv")
    assert "there is no file 'gone.toml'" in one_line(folder / "gone.toml")
    assert "--data" in one_line(None)


BROKEN_TABLES = {
    "empty": (b"", "is empty"),
    "header only": (CSV.splitlines()[0].encode(), "no rows"),
    "latin-1": (CSV.replace("4 West", "Südflügel").encode("latin-1"), "not UTF-8"),
    "cut off": (CSV.encode()[:-8], "row 7 has"),
    "column twice": (CSV.replace("not described", "age").encode(), "'age' more than once"),
    "semicolons": (CSV.replace(",", ";").encode(), "not separated by commas"),
}


@pytest.mark.parametrize(("content", "expected"), BROKEN_TABLES.values(), ids=BROKEN_TABLES)
def test_a_broken_table_is_told_in_one_line(folder, content, expected):
    (folder / "discharges.csv").write_bytes(content)

    message = one_line(folder / "discharges.toml")

    assert message.startswith("discharges.csv")
    assert expected in message


# Recognition


def test_recognises_described_tables_only(folder):
    (folder / "alone.csv").write_text(CSV)
    (folder / "UPPER.CSV").write_text(CSV)
    described(folder, EXAMPLE, "UPPER")
    described(folder, EXAMPLE, "renamed")
    described(folder, EXAMPLE.replace("discharges.csv", "gone.csv"), "gone")
    described(folder, "[project]\nname = 'x'\n", "pyproject")

    names = ("discharges.csv", "discharges.toml", "renamed.toml", "UPPER.CSV", "UPPER.toml")
    assert [name for name in names if not recognises(folder / name)] == []
    others = ("alone.csv", "gone.toml", "pyproject.toml", "absent.csv", "absent.toml", "", "a\0b.csv", "a\0b.toml")
    assert [name for name in others if recognises(folder / name)] == []


DAMAGED = [b"", b"\xff\xfe", b"table = 1", b"[[table]]", b"[table]\nfile = 1", b"[table]\nfile = ''", b"[" * 100_000]


@pytest.mark.parametrize("content", DAMAGED, ids=range(7))
def test_recognition_never_fails(tmp_path, content):
    (tmp_path / "x.toml").write_bytes(content)

    assert recognises(tmp_path / "x.toml") is False


def test_a_closed_folder_is_not_recognised_and_told_in_one_line(tmp_path, monkeypatch):
    def refuse(_):
        raise PermissionError

    monkeypatch.setattr(type(tmp_path), "is_file", refuse)
    assert recognises(tmp_path / "x.toml") is False
    assert recognises(tmp_path / "x.csv") is False
    assert "may open its folder" in one_line(tmp_path / "x.csv")
