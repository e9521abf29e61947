"""Reading agrees with pandas and the csv module where a file is well formed, and says in one line where it is not."""

import csv
import hashlib
import io
import zipfile

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinflu.errors import LoaderError
from data_loaders import reading
from data_loaders.reading import read_csv, read_member, sha256_of

WELL_FORMED = {
    "plain": b"a,b\n1,2\n3,4\n",
    "no newline at the end": b"a,b\n1,2\n3,4",
    "crlf": b"a,b\r\n1,2\r\n3,4\r\n",
    "old mac": b"a,b\r1,2\r3,4\r",
    "byte-order mark": b"\xef\xbb\xbfa,b\r\n1,2\r\n",
    "quotes": b'a,"b ""c"""\n"1,5","say ""hi"""\nz"q",x\n',
    "newline in a cell": b'a,b\n1,"x\ny"\n3,"x\r\ny"\n',
    "literal None and NA": b"a,b\nNone,NA\nnan,null\n,NULL\n",
    "quoted nothing": b'a,b\n1,""\n2,\n',
    "spaces stay": b"a, b\n 1,2 \n",
    "hostile": b'<img src=x onerror=alert(1)>,=1+1\n"<script>alert(1)</script>","=HYPERLINK(""x"")"\n@a,-1\n',
    "leading zeros": b"a,b\n007,1e5\n",
    "not ascii": "a,Größe\nŁódź,日本\n".encode(),
    "a wide row": b"a,b\n1," + b"x" * 3_000_000 + b"\n",
}


def as_pandas_reads(content, missing):
    options = {"dtype": str, "keep_default_na": False, "na_values": list(missing), "encoding": "utf-8-sig"}
    return pd.read_csv(io.BytesIO(content), **options)


def one_line(call, *args, **options):
    with pytest.raises(LoaderError) as caught:
        call(*args, **options)
    assert str(caught.value) == caught.value.one_line
    return str(caught.value)


@pytest.mark.parametrize("missing", [("",), ("", "NA"), ("?",), ()], ids=repr)
@pytest.mark.parametrize("content", WELL_FORMED.values(), ids=WELL_FORMED)
def test_reads_what_pandas_reads(content, missing):
    read = read_csv(content, "t.csv", missing=missing)

    pd.testing.assert_frame_equal(read, as_pandas_reads(content, missing))


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0\x1f"), max_size=8)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3).flatmap(lambda k: st.lists(st.lists(CELLS, min_size=k, max_size=k), min_size=1, max_size=6)))
def test_whatever_the_csv_module_writes_comes_back(cells):
    rows = [["x", *row] for row in cells]
    header = [f"column {place}" for place in range(len(rows[0]))]
    written = io.StringIO(newline="")
    csv.writer(written, quoting=csv.QUOTE_ALL).writerows([header, *rows])

    read = read_csv(written.getvalue().encode(), "t.csv", missing="\x1f")

    assert read.to_numpy().tolist() == rows


def test_blank_lines_are_left_out_and_the_rows_keep_their_numbers():
    read = read_csv(b"a,b\n\n1,2\n,\n\r\n3,4\n\n\n", "t.csv")

    assert (read.index + 2).tolist() == [3, 6]
    assert read["b"].tolist() == ["2", "4"]


BROKEN = {
    "empty": (b"", "is empty"),
    "only newlines": (b"\r\n\r\n", "is empty"),
    "only a byte-order mark": (b"\xef\xbb\xbf", "column names"),
    "header only": (b"a,b\n", "no rows"),
    "header without newline": (b"a,b", "no rows"),
    "header and blank rows": (b"a,b\n\n,\n", "no rows"),
    "blank first row": (b"\na,b\n1,2\n", "first row"),
    "nameless": (b",\n1,2\n", "first row"),
    "same column twice": (b"a,b,a\n1,2,3\n", "'a' more than once"),
    "semicolons": (b"a;b\n1;2\n", "not separated by commas"),
    "tabs": (b"a\tb\n1\t2\n", "not separated by commas"),
    "latin-1": ("a,b\n1,Müller\n".encode("latin-1"), "not UTF-8 (byte 7)"),
    "utf-16": ("a,b\n1,2\n".encode("utf-16"), "not UTF-8 (byte 0)"),
    "utf-16 without mark": ("a,b\n1,2\n".encode("utf-16-le"), "not UTF-8 (byte 1)"),
    "too long": (b"a,b\n1,2\nsecret,4,5\n", "the header has 2 cells, but row 3 has 3"),
    "too short": (b"a,b,c\n1,secret\n3,4,5\n", "the header has 3 cells, but row 2 has 2"),
    "cut off": (b"a,b,c\n1,2,3\n4,sec", "row 3 has 2"),
    "row numbers count newlines in cells once": (b'a,b\n1,"x\ny\nz"\n3\n', "row 3 has 1"),
    "comma at each end": (b"a,b\n" + b"1,2,\n" * 9, "row 6 has 3 and 4 more rows differ"),
    "cut off in quotes": (b'a,b\n1,2\n3,"secret', "never closed"),
    "quote that swallows the rest": (b'a,b\n1,"secret\n' + b"2,3\n" * 50, "never closed"),
    "quote that swallows megabytes": (b'a,b\n1,"secret\n' + b"2,3\n" * 10**7, "never closed"),
    "quote in the header": (b'a,"b\n1,2\n', "t.csv"),
}


@pytest.mark.parametrize(("content", "expected"), BROKEN.values(), ids=BROKEN)
def test_a_broken_table_is_one_line_that_shows_no_cell(content, expected):
    message = one_line(read_csv, content, "t.csv")

    assert expected in message
    assert "secret" not in message
    assert ";" in message  # what is wrong; what to do


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet='a,"\n\r1', max_size=25))
def test_any_text_is_an_error_or_what_the_csv_module_reads(text):
    table = "x,y\n" + text
    rows = [row for row in csv.reader(io.StringIO(table, newline="")) if any(row)][1:]
    try:
        read = read_csv(table.encode(), "t.csv", missing="\x1f").to_numpy().tolist()
    except LoaderError:
        read = None

    assert read is None or read == rows


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_a_loader_error(content):
    try:
        rows = len(read_csv(content, "t.csv"))
    except LoaderError:
        rows = None

    assert rows is None or rows > 0


# Where the table is


def zipped(path, *members, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def test_file_folder_and_zip_give_the_same_bytes_and_the_hash_of_their_file(tmp_path):
    content = b"a,b\n1,2\n"
    file = tmp_path / "deep" / "t.csv"
    file.parent.mkdir()
    file.write_bytes(content)
    archive = zipped(tmp_path / "t.zip", ("some/t.csv", content), ("__MACOSX/some/t.csv", b"resource fork"))

    digest = hashlib.sha256(content).hexdigest()
    assert read_member(file, "t.csv") == read_member(tmp_path, "t.csv") == (content, digest)
    assert read_member(archive, "t.csv") == (content, hashlib.sha256(archive.read_bytes()).hexdigest())
    assert sha256_of(file) == digest


def test_absent_and_ambiguous_tables(tmp_path):
    assert "check the path" in one_line(read_member, tmp_path / "no.csv", "no.csv")
    assert "holds 0 files" in one_line(read_member, tmp_path, "t.csv")
    for folder in "ab":
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "t.csv").write_bytes(b"a\n1\n")
    assert "holds 2 files" in one_line(read_member, tmp_path, "t.csv")
    twice = zipped(tmp_path / "twice.zip", ("a/t.csv", b"a"), ("b/t.csv", b"b"))
    assert "holds 2 files" in one_line(read_member, twice, "t.csv")
    assert "holds 0 files" in one_line(read_member, twice, "x.csv")
    (tmp_path / "empty.csv").touch()
    assert "is empty" in one_line(read_member, tmp_path / "empty.csv", "empty.csv")


def test_a_member_called_by_a_path_that_slips_is_only_read_never_written(tmp_path):
    archive = zipped(tmp_path / "slip.zip", ("../../t.csv", b"a\n1\n"))

    assert read_member(archive, "t.csv")[0] == b"a\n1\n"
    assert not (tmp_path.parent.parent / "t.csv").exists()


def damaged(content, how):
    if how == "truncated":
        return content[: len(content) // 2]
    if how == "directory":
        return content.replace(b"PK\x01\x02", b"PK\x01\x09")
    flipped = bytearray(content)
    for place in range(40, 400):
        flipped[place] ^= 0xFF
    return bytes(flipped)


@pytest.mark.parametrize("how", ["truncated", "directory", "flipped"])
def test_a_damaged_zip(tmp_path, how):
    whole = zipped(tmp_path / "t.zip", ("t.csv", "\n".join(str(n**7) for n in range(1000)))).read_bytes()
    (tmp_path / "t.zip").write_bytes(damaged(whole, how))

    assert "damaged" in one_line(read_member, tmp_path / "t.zip", "t.csv")


def test_a_zip_that_is_none(tmp_path):
    (tmp_path / "t.zip").write_bytes(b"<html>not found</html>")

    assert "damaged" in one_line(read_member, tmp_path / "t.zip", "t.csv")


def test_a_zip_that_asks_for_a_password(tmp_path):
    content = bytearray(zipped(tmp_path / "t.zip", ("t.csv", b"a\n1\n")).read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "t.zip").write_bytes(content)

    assert "not a plain zip" in one_line(read_member, tmp_path / "t.zip", "t.csv")


def test_bombs_are_not_unpacked(tmp_path, monkeypatch):
    bomb = zipped(tmp_path / "bomb.zip", ("t.csv", b"0" * 20_000_000))
    assert bomb.stat().st_size < 50_000
    assert "far more than it should" in one_line(read_member, bomb, "t.csv")

    unusual = zipped(tmp_path / "u.zip", ("t.csv", b"0" * 20_000_000), compression=zipfile.ZIP_BZIP2)
    assert "unpack it yourself" in one_line(read_member, unusual, "t.csv")

    monkeypatch.setattr(reading, "MAX_MEMBERS", 2)
    many = zipped(tmp_path / "many.zip", *((f"{n}.csv", b"a") for n in range(3)))
    assert "holds 3 files" in one_line(read_member, many, "1.csv")

    monkeypatch.setattr(reading, "MAX_UNPACKED_BYTES", 3)
    (tmp_path / "large.csv").write_bytes(b"a\n1\n")
    assert "larger than" in one_line(read_member, tmp_path / "large.csv", "large.csv")


def test_a_file_that_may_not_be_opened(tmp_path, monkeypatch):
    path = tmp_path / "t.csv"
    path.write_bytes(b"a\n1\n")

    def refuse(_):
        raise PermissionError

    monkeypatch.setattr(type(path), "read_bytes", refuse)
    assert "check that you may open it" in one_line(read_member, path, "t.csv")


@pytest.mark.uci
def test_the_uci_table_reads_as_pandas_reads_it(uci_zip):
    content, _ = read_member(uci_zip, "diabetic_data.csv")

    pd.testing.assert_frame_equal(read_csv(content, "t.csv", missing="?"), as_pandas_reads(content, ("?",)))
    assert "row 101227 has 15" in one_line(read_csv, content[:-100_000], "t.csv")
