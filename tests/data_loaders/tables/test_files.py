"""Tables of files: what they say is what is read, in one type a kind, and no value of a patient is ever told."""

import gzip
import re
import tempfile
import textwrap
import zipfile

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from clinflu.errors import LoaderError
from data_loaders.tables.fields import number, text, time, whole
from data_loaders.tables.files import FileStore
from data_loaders.tables.source import open_store

FIELDS = {"id": text("id", required=True), "n": number("n"), "w": whole("w"), "t": time("t")}
HEADER = "id,n,w,t\n"
CANARY = "Xq7canary"


def write(folder, **files):
    for name, content in files.items():
        path = folder / f"{name}.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def read(source, fields=FIELDS, where=None, table="a"):
    with open_store(source, ("a", "b")) as store:
        frame = store.read(table, fields, where)
        store.finish()
    return frame


def one_line(source, fields=FIELDS):
    with pytest.raises(LoaderError) as caught:
        read(source, fields)
    assert str(caught.value) == caught.value.one_line
    return str(caught.value)


def values(frame, name):
    return frame[name].astype(object).where(frame[name].notna(), None).tolist()


# What is read


def test_every_kind_has_its_type(tmp_path):
    frame = read(write(tmp_path, a=HEADER + "x,1.5,3,2024-05-31 13:05:00\ny,,,\n"))

    assert frame.dtypes.astype(str).tolist() == ["str", "float64", "Int64", "datetime64[us]"]
    assert frame.notna().sum().tolist() == [2, 1, 1, 1]
    assert frame.iloc[0].tolist() == ["x", 1.5, 3, pd.Timestamp("2024-05-31 13:05:00")]


def test_no_rows_have_the_same_types(tmp_path):
    write(tmp_path, a=HEADER)

    assert read(tmp_path).dtypes.astype(str).tolist() == ["str", "float64", "Int64", "datetime64[us]"]
    assert read(tmp_path, table="b").dtypes.equals(read(tmp_path).dtypes)


FORMS = {
    "plain": HEADER + "x,1,2,\ny,3,4,\n",
    "upper case": "ID,N,W,T\nx,1,2,\ny,3,4,\n",
    "another order": "t,w,id,more,n\n,2,x,?,1\n,4,y,?,3\n",
    "blanks in the header": " id , n,w ,t\nx,1,2,\ny,3,4,\n",
    "a mark of byte order": "\ufeff" + HEADER + "x,1,2,\ny,3,4,\n",
    "blank lines": HEADER + "\nx,1,2,\n\n\ny,3,4,\n\n",
    "lines of Windows": (HEADER + "x,1,2,\ny,3,4,\n").replace("\n", "\r\n"),
    "lines of old": (HEADER + "x,1,2,\ny,3,4,\n").replace("\n", "\r"),
    "no last line end": HEADER + "x,1,2,\ny,3,4,",
    "quotes": '"id","n","w","t"\n"x","1","2",""\n"y","3","4",""\n',
    "whole numbers of pandas": HEADER + "x,1.0,2.0,\ny,3.0,4.0,\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_the_same_table_is_read_of(form, tmp_path):
    frame = read(write(tmp_path, a=FORMS[form]))

    assert [values(frame, name) for name in FIELDS] == [["x", "y"], [1, 3], [2, 4], [None, None]]


def test_cells_hold_quotes_commas_and_line_ends(tmp_path):
    frame = read(write(tmp_path, a='id,n\n"one ""two"", three\nfour",1\n  five  ,2\n'))

    assert frame["id"].tolist() == ['one "two", three\nfour', "  five  "]


@pytest.mark.parametrize("written", ["2024-05-31 13:05:07", "2024-05-31T13:05:07"])
@pytest.mark.parametrize("zone", ["", "Z", "+02:00", "-11:00", ".123456", ".999Z"])
def test_a_time_is_what_the_clock_of_the_ward_showed(written, zone, tmp_path):
    frame = read(write(tmp_path, a=f"id,t\nx,{written}{zone}\n"))

    assert frame["t"].tolist() == [pd.Timestamp("2024-05-31 13:05:07")]


@pytest.mark.parametrize("beside", ["7", ""])
def test_ids_of_64_bits_keep_every_digit(beside, tmp_path):
    ids = [-9088915899266858953, 9223372036854775807]
    frame = read(write(tmp_path, a=f"id,w\n{ids[0]},{ids[0]}\n{ids[1]},{ids[1]}\nx,{beside}\n"))

    assert frame["id"].tolist()[:2] == [str(one) for one in ids]
    assert frame["w"].tolist()[:2] == ids


def test_the_first_column_that_holds_something_counts(tmp_path):
    write(tmp_path, a="id,old,new\nx,1,2\ny,1,\nz,,\n")

    frame = read(tmp_path, {"n": number("new", "old"), "none": text("absent")})

    assert (values(frame, "n"), values(frame, "none")) == ([2, 1, None], [None] * 3)


def test_a_condition_leaves_other_rows_where_they_are(tmp_path):
    frame = read(write(tmp_path, a=HEADER + "x,1,2,\ny,2,3,\nz,,,\n"), where=lambda fields: fields["n"] > 1)

    assert frame["id"].tolist() == ["y"]


def test_a_condition_may_ask_another_table(tmp_path):
    write(tmp_path, a=HEADER + "x,1,2,\ny,2,3,\n", b="id,kind\ny,9\nx,8\n")

    with open_store(tmp_path, ("a", "b")) as store:
        fields = {"id": text("id"), "kind": whole("kind")}
        wanted = store.rows("b", fields, lambda values: values["kind"] == 9, only=("id",))
        frame = store.read("a", FIELDS, lambda values: values["id"].in_(wanted))

    assert frame["id"].tolist() == ["y"]


def test_a_row_that_is_wrong_is_told_although_a_condition_leaves_it_out(tmp_path):
    write(tmp_path, a=HEADER + f"x,1,2,\n{CANARY},zero,3,\n")

    with open_store(tmp_path, ("a",)) as store:
        store.read("a", FIELDS, lambda fields: fields["n"] > 5)

    assert store.problems == ["a.csv row 3, column 'n': expected a number"]


@pytest.mark.parametrize("name", ["data[1] o'x", "100% *?", "ünï çødé", 'say "hi"', "a;b--c"])
@pytest.mark.parametrize("kind", ["csv", "csv.gz", "zip", "parquet"])
def test_any_name_of_a_folder_or_zip_will_do(name, kind, tmp_path):
    content = (HEADER + "x,1,2,\n").encode()
    folder = tmp_path / name
    folder.mkdir()
    if kind == "zip":
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
            archive.writestr(f"{name}/a.csv", content)
    elif kind == "parquet":
        pd.DataFrame({"id": ["x"]}).to_parquet(folder / "a.parquet")
    else:
        (folder / f"a.{kind}").write_bytes(gzip.compress(content) if kind == "csv.gz" else content)

    assert read(folder)["id"].tolist() == ["x"]


# Several files of one table


def test_files_of_one_table_are_read_as_one(tmp_path):
    for place, content in (("p1", "id,n\nx,1\n"), ("p2", "N,ID\n2,y\n"), ("p3", "id,n\n")):
        (tmp_path / place).mkdir()
        write(tmp_path / place, a=content)

    with FileStore(tmp_path, {"a": "shards"}) as store:
        found = store.read("shards", {"id": text("id"), "n": number("n")})
    assert found.to_numpy().tolist() == [["x", 1], ["y", 2]]


def test_a_table_that_is_there_twice_is_not_added_up(tmp_path):
    write(tmp_path, a="id\nx\n")
    (tmp_path / "old").mkdir()
    pd.DataFrame({"id": ["y"]}).to_parquet(tmp_path / "old" / "A.parquet")

    assert "the table 'a' is there as A.parquet and as a.csv" in one_line(tmp_path)


def test_files_of_other_names_may_be_parts_of_a_table(tmp_path):
    write(tmp_path, part1="id\nx\n", part2="id\ny\n", other="id\nz\n")

    with FileStore(tmp_path, {"part1": "a", "part2": "a"}) as store:
        assert store.read("a", {"id": text("id")})["id"].tolist() == ["x", "y"]


def test_a_problem_in_one_of_several_files_names_that_file(tmp_path):
    write(tmp_path, part1="id,n\nx,1\n", part2="id,n\ny,2\nz,no\n")

    with FileStore(tmp_path, {"part1": "a", "part2": "a"}) as store:
        store.read("a", FIELDS)
        assert store.problems == ["part2.csv row 3, column 'n': expected a number"]


def test_parts_of_other_columns_are_no_parts(tmp_path):
    for place, content in (("p1", "id,n\nx,1\n"), ("p2", "id,w\ny,2\n")):
        (tmp_path / place).mkdir()
        write(tmp_path / place, a=content)

    with pytest.raises(LoaderError, match=r"a\.csv and a\.csv are parts of one table, but their columns differ"):
        FileStore(tmp_path, {"a": "shards"})


# Parquet


def test_parquet_is_read_as_csv_is(tmp_path):
    times = pd.to_datetime(["2024-05-31 13:05:00", None])
    frame = pd.DataFrame({"ID": ["x", "y"], "N": [1.5, None], "w": pd.array([-(2**62), None], "Int64"), "T": times})
    write(tmp_path, a=HEADER + f"x,1.5,{-(2**62)},2024-05-31 13:05:00\ny,,,\n")
    (tmp_path / "parquet").mkdir()
    frame.to_parquet(tmp_path / "parquet" / "A.PARQUET")

    pd.testing.assert_frame_equal(read(tmp_path / "parquet"), read(tmp_path / "a.csv"))


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        (pa.array([7, None], pa.int32()), ["7", None]),
        (pa.array([7.0, None]), ["7", None]),
        (pa.array([7.5, -(2.0**53)]), ["7.5", str(-(2**53))]),
        (pa.array(["7.0", ""]), ["7.0", ""]),
        (pa.array([True, None]), ["true", None]),
    ],
)
def test_numbers_of_parquet_become_text_as_a_person_writes_them(stored, told, tmp_path):
    parquet.write_table(pa.table({"id": stored}), tmp_path / "a.parquet")

    assert values(read(tmp_path, {"id": text("id")}), "id") == told


def test_parquet_that_is_none(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and no more")

    assert "a.parquet is damaged or not Parquet" in one_line(tmp_path)


def test_parquet_that_breaks_off(tmp_path):
    frame = pd.DataFrame({"id": [f"{one:09d}" for one in range(50_000)]})
    frame.to_parquet(tmp_path / "a.parquet")
    content = bytearray((tmp_path / "a.parquet").read_bytes())
    content[100:2000] = bytes(1900)
    (tmp_path / "a.parquet").write_bytes(content)

    assert "a.parquet cannot be read as a table" in one_line(tmp_path)


# What is wrong

TIMES = "expected a date or time, such as 2024-05-31 13:05:00, of the years 1700 to 2299"
NUMBERS = {
    "a word": "Xq7canary",
    "an empty text": '" "',
    "10,000 digits": "9" * 10_000,
    "not a number": "nan",
    "infinity": "inf",
    "minus infinity": "-Infinity",
    "more than any": "1e300",
    "two numbers": "1 2",
    "a decimal comma": '"1,5"',
}
WHOLES = {"a fraction": "3.7", "10,000 digits": "9" * 10_000, "65 bits": str(2**63), "a word": "three"}
DATES = {
    "no such day": "2024-02-30",
    "a day first": "31.05.2024",
    "the year 9999": "9999-12-31",
    "the year 1": "0001-01-01",
    "infinity": "infinity",
    "a number": "45000",
}


@pytest.mark.parametrize("what", NUMBERS)
def test_a_number_is_never(what, tmp_path):
    told = one_line(write(tmp_path, a=f"id,n\nx,1\ny,{NUMBERS[what]}\n"))

    assert "1 problem: a.csv row 3, column 'n': expected a number." in told


@pytest.mark.parametrize("what", WHOLES)
def test_a_whole_number_is_never(what, tmp_path):
    told = one_line(write(tmp_path, a=f"id,w\nx,{WHOLES[what]}\n"))

    assert "1 problem: a.csv row 2, column 'w': expected a whole number." in told


@pytest.mark.parametrize("what", DATES)
def test_a_time_is_never(what, tmp_path):
    told = one_line(write(tmp_path, a=f"id,t\nx,{DATES[what]}\n"))

    assert f"1 problem: a.csv row 2, column 't': {TIMES}." in told


@pytest.mark.parametrize("empty", ["", '""'])
def test_what_is_required_must_be_there(empty, tmp_path):
    told = one_line(write(tmp_path, a=f"id,n\nx,1\n{empty},2\n"))

    assert "1 problem: a.csv row 3, column 'id': expected text." in told


def test_a_row_is_counted_by_rows_and_not_by_lines(tmp_path):
    told = one_line(write(tmp_path, a='id,n\n"two\nlines",1\ny,no\n'))

    assert "a.csv row 3, column 'n'" in told


def test_a_cell_with_nul_far_down(tmp_path):
    rows = "x,1\n" * 300_000

    assert "a.csv row 300,002, column 'id': expected text." in one_line(write(tmp_path, a=f"id,n\n{rows}x\0y,1\n"))


FILES = {
    "nothing": ("", "a.csv is empty"),
    "blank lines": ("\n\n", "a.csv must hold the name of every column in its first row"),
    "a column without a name": ("id,,n\nx,1,2\n", "a.csv must hold the name of every column in its first row"),
    "twice a column": ("id,n,ID\nx,1,y\n", "a.csv has the column 'id' more than once"),
    "nul in the header": ("id\0,n\nx,1\n", "a.csv is no text, or not UTF-8"),
    "nul in a row": (f"id,n\n{CANARY}\0,1\n", "a.csv is no text, or not UTF-8"),
    "Latin-1 in the header": ("id,n,größe\nx,1,2\n".encode("latin-1"), "a.csv is not UTF-8"),
    "Latin-1 in a row": (f"id,n\n{CANARY} é,1\n".encode("latin-1"), "a.csv, line 2, is not UTF-8"),
    "UTF-16": ("id,n\nx,1\n".encode("utf-16"), "a.csv is no text, or not UTF-8"),
    "a short row": (f"id,n\nx,1\n{CANARY}\n", "a.csv, line 3, has more or fewer cells than the header"),
    "a long row": (f"id,n\nx,1\n{CANARY},1,2\n", "a.csv, line 3, has more or fewer cells than the header"),
    "a quote that never closes": (f'id,n\nx,1\n"{CANARY},1\nz,2\n', "a.csv, line 3, has a quoted cell that is never"),
    "something behind a quote": (f'id,n\nx,1\n"y"{CANARY},1\n', "a.csv, line 3, has a quoted cell that is never"),
    "a cell of 5 MB": (f"id,n\nx,1\n{CANARY * 600_000},1\n", "a.csv, line 3, is longer than any row should be"),
    "semicolons": (f"id;n\n{CANARY};1\n", "table 'a' has no column 'id'"),
}


@pytest.mark.parametrize("what", FILES)
def test_a_file_with(what, tmp_path):
    content, told = FILES[what]

    line = one_line(write(tmp_path, a=content))

    assert told in line
    assert CANARY not in line


@pytest.mark.parametrize("kept", [0.5, 0.999])
def test_a_packed_file_that_breaks_off(kept, tmp_path):
    content = gzip.compress((HEADER + "".join(f"{one:x},{one % 97},,\n" for one in range(50_000))).encode())
    (tmp_path / "a.csv.gz").write_bytes(content[: int(len(content) * kept)])

    assert re.search(r"a\.csv\.gz (is damaged|cannot be read as a table)", one_line(tmp_path))


def test_everything_wrong_comes_in_one_message_and_no_value_of_it(tmp_path):
    write(tmp_path, a=f"id,n,t\n{CANARY},{CANARY},{CANARY}\n,1,\n", b=f"n\n{CANARY}\n")

    with open_store(tmp_path, ("a", "b", "c")) as store:
        store.read("a", FIELDS)
        store.read("b", FIELDS)
        store.require("c", FIELDS)
        with pytest.raises(LoaderError) as caught:
            store.finish()

    told = str(caught.value).removeprefix(f"{tmp_path.name}: nothing was loaded: 5 problems: ")
    assert told.removesuffix(". Mend the source and load it again").split("; ") == [
        "a.csv row 2, column 'n': expected a number",
        f"a.csv row 2, column 't': {TIMES}",
        "a.csv row 3, column 'id': expected text",
        "table 'b' has no column 'id'",
        "there is no table 'c'",
    ]


def test_of_many_problems_the_first_are_told_and_all_are_counted(tmp_path):
    line = one_line(write(tmp_path, a="id,n\n" + "x,no\n" * 1500))

    assert "1,500 problems: a.csv row 2," in line
    assert "a.csv row 21, column 'n': expected a number; and 1,480 more." in line


# What is left behind


@pytest.fixture
def private(tmp_path, monkeypatch):
    """Where private folders are made."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def as_zip(folder, content):
    with zipfile.ZipFile(folder / "source.zip", "w") as archive:
        archive.writestr("one/a.csv", content)
        archive.writestr("two/b.csv", HEADER)
    return folder / "source.zip"


def test_the_private_folder_is_gone_once_all_is_read(tmp_path, private):
    with open_store(as_zip(tmp_path, HEADER + "x,1,2,\n"), ("a",)) as store:
        store.read("a", FIELDS)
        assert [path.name[:8] for path in private.iterdir()] == ["clinflu-"]
        assert (next(private.iterdir()).stat().st_mode & 0o777) == 0o700

    assert list(private.iterdir()) == []


@pytest.mark.parametrize("content", ["", "id,id\n", HEADER + '"x,1,2,\n', HEADER + "x,no,2,\n"])
def test_the_private_folder_is_gone_after_an_error(content, tmp_path, private):
    one_line(as_zip(tmp_path, content))

    assert list(private.iterdir()) == []


def test_the_files_themselves_are_never_changed(tmp_path):
    write(tmp_path, a=HEADER + "x,1,2,\n")
    before = [(path.name, path.stat().st_mtime_ns, path.read_bytes()) for path in tmp_path.iterdir()]

    read(tmp_path)

    assert [(path.name, path.stat().st_mtime_ns, path.read_bytes()) for path in tmp_path.iterdir()] == before


def test_the_sha256_is_that_of_the_files_that_were_read(tmp_path):
    write(tmp_path, a=HEADER + "x,1,2,\n", b="id\n1\n", notes=textwrap.dedent("whatever"))
    hashes = {}
    for change in ("nothing", "notes", "b"):
        if change != "nothing":
            write(tmp_path, **{change: "id\n2\n"})
        with open_store(tmp_path, ("a", "b")) as store:
            hashes[change] = store.sha256()

    assert hashes["nothing"] == hashes["notes"] != hashes["b"]
