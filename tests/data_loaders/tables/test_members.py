"""Files of a source: found wherever they lie in it, and refused where they would never end or lead elsewhere."""

import gzip
import struct
import zipfile

import pytest

from clinflu.errors import LoaderError
from data_loaders.tables import members as module
from data_loaders.tables.members import members, require_sound, sha256_of

ROWS = b"id,n\nx,1\ny,2\n"
SUFFIXES = (".csv", ".parquet")


def zipped(path, files, packing=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def names(source):
    return [one.name for one in members(source, SUFFIXES)]


def contents(source):
    found = []
    for one in members(source, SUFFIXES):
        with one.unpacked() as stream:
            found.append(stream.read())
    return found


def one_line(source):
    with pytest.raises(LoaderError) as caught:
        list(map(require_sound, members(source, SUFFIXES)))
    assert str(caught.value) == caught.value.one_line
    return str(caught.value)


# Where the files are


def alone(folder):
    (folder / "a.csv").write_bytes(ROWS)
    return folder / "a.csv"


def in_a_folder(folder):
    return alone(folder).parent


def deep_in_a_folder(folder):
    (folder / "export" / "2024").mkdir(parents=True)
    return alone(folder / "export" / "2024").parents[2]


def packed(folder):
    (folder / "a.csv.gz").write_bytes(gzip.compress(ROWS))
    return folder


def in_a_zip(folder):
    return zipped(folder / "source.zip", {"a.csv": ROWS})


def deep_in_a_zip(folder):
    return zipped(folder / "SOURCE.ZIP", {"export/": b"", "export/2024/a.csv": ROWS})


def packed_in_a_zip(folder):
    return zipped(folder / "source.zip", {"a.csv.gz": gzip.compress(ROWS)})


def in_a_zip_in_a_folder(folder):
    return in_a_zip(folder).parent


def beside_what_macos_adds(folder):
    files = {"a.csv": ROWS, "__MACOSX/._a.csv": b"\0", ".hidden/b.csv": b"x", "._a.csv": b"\0", "readme.txt": b"x"}
    return zipped(folder / "source.zip", files)


def beside_hidden_files(folder):
    for name in (".a.csv", "__MACOSX/b.csv", "notes.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x")
    return alone(folder).parent


PLACES = (
    *(alone, in_a_folder, deep_in_a_folder, packed, in_a_zip, deep_in_a_zip, packed_in_a_zip, in_a_zip_in_a_folder),
    *(beside_what_macos_adds, beside_hidden_files),
)


@pytest.mark.parametrize("place", PLACES)
def test_the_same_file_is_found_wherever_it_lies(place, tmp_path):
    assert contents(place(tmp_path)) == [ROWS]


@pytest.mark.parametrize(
    ("name", "stem", "suffix"),
    [
        ("PERSON.CSV", "person", ".csv"),
        ("Person.csv.gz", "person", ".csv"),
        ("person.CSV.GZ", "person", ".csv"),
        ("person.v2.parquet", "person.v2", ".parquet"),
    ],
)
def test_a_name_tells_the_table_in_any_case(name, stem, suffix, tmp_path):
    (tmp_path / name).write_bytes(ROWS)

    (found,) = members(tmp_path, SUFFIXES)

    assert (found.name, found.stem, found.suffix) == (name, stem, suffix)


def test_files_come_in_the_order_of_their_names(tmp_path):
    files = dict.fromkeys(("b.csv", "deep/c.csv", "a.parquet"), ROWS)

    assert names(zipped(tmp_path / "source.zip", files)) == ["a.parquet", "b.csv", "c.csv"]


def test_of_two_zips_in_a_folder_none_is_chosen(tmp_path):
    for name in ("one.zip", "two.zip"):
        zipped(tmp_path / name, {"a.csv": ROWS})

    assert names(tmp_path) == []


def test_files_beside_a_zip_come_before_it(tmp_path):
    zipped(tmp_path / "old.zip", {"b.csv": ROWS})
    alone(tmp_path)

    assert names(tmp_path) == ["a.csv"]


def test_a_link_to_a_folder_is_not_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    alone(tmp_path / "elsewhere")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "link").symlink_to(tmp_path / "elsewhere")

    assert names(tmp_path / "source") == []


def test_the_sha256_is_that_of_names_and_contents_wherever_they_lie(tmp_path):
    (tmp_path / "folder").mkdir()
    folder, archive = in_a_folder(tmp_path / "folder"), in_a_zip(tmp_path)
    before = [sha256_of(members(source, SUFFIXES)) for source in (folder, archive)]
    (folder / "a.csv").rename(folder / "b.csv")

    assert before[0] == before[1] != sha256_of(members(folder, SUFFIXES))


# What is refused


def damaged_entry(path):
    """Zip whose file size lies: it says that a table is far larger than what is packed."""
    content = bytearray(zipped(path, {"a.csv": ROWS}).read_bytes())
    place = content.index(b"PK\1\2") + 24
    content[place : place + 4] = struct.pack("<I", 2**31)
    path.write_bytes(content)


def with_a_password(path):
    content = bytearray(zipped(path, {"a.csv": ROWS}).read_bytes())
    for mark, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(mark) + place] |= 1
    path.write_bytes(content)


def truncated(path):
    content = zipped(path, {"a.csv": ROWS * 1000}).read_bytes()
    path.write_bytes(content[: len(content) // 2])


ZIPS = {
    "a bomb": (damaged_entry, "source.zip would unpack to far more than it should"),
    "a way out": (lambda path: zipped(path, {"../a.csv": ROWS}), "source.zip holds a file that would lie outside it"),
    "a way out within": (lambda path: zipped(path, {"in/../../a.csv": ROWS}), "a file that would lie outside it"),
    "a way out on Windows": (lambda path: zipped(path, {"..\\a.csv": ROWS}), "a file that would lie outside it"),
    "an absolute path": (lambda path: zipped(path, {"/etc/a.csv": ROWS}), "a file that would lie outside it"),
    "a password": (with_a_password, "source.zip is packed in an unusual way, or with a password"),
    "another packing": (lambda path: zipped(path, {"a.csv": ROWS}, zipfile.ZIP_LZMA), "packed in an unusual way"),
    "a cut": (truncated, "source.zip is damaged or not a plain zip"),
    "no zip": (lambda path: path.write_bytes(ROWS), "source.zip is damaged or not a plain zip"),
    "nothing": (lambda path: path.write_bytes(b""), "source.zip is damaged or not a plain zip"),
    "an empty table": (lambda path: zipped(path, {"a.csv": b""}), "a.csv is empty"),
}


@pytest.mark.parametrize("what", ZIPS)
def test_a_zip_with(what, tmp_path):
    make, told = ZIPS[what]
    make(tmp_path / "source.zip")

    assert told in one_line(tmp_path / "source.zip")


def test_more_bytes_than_any_source_should_have(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", len(ROWS))

    assert "unpack to far more than it should" in one_line(
        zipped(tmp_path / "source.zip", {"a.csv": ROWS, "b.csv": ROWS})
    )


@pytest.mark.parametrize("place", ["folder", "zip"])
def test_more_files_than_any_source_should_have(place, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_FILES", 3)
    files = {f"{number}.txt": b"x" for number in range(6)}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    source = tmp_path if place == "folder" else zipped(tmp_path / "source.zip", files)

    assert f"{source.name} holds " in one_line(source)


def test_a_packed_file_that_becomes_huge(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LOOKED_AT_BYTES", 2**20)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"id\n" + b"0" * 2**22))

    assert "a.csv.gz would unpack to far more than it should" in one_line(tmp_path)


def test_a_packed_file_that_becomes_huge_in_a_zip(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LOOKED_AT_BYTES", 2**20)
    bomb = gzip.compress(b"id\n" + b"0" * 2**22)

    assert "a.csv.gz would unpack to far more" in one_line(zipped(tmp_path / "source.zip", {"a.csv.gz": bomb}))


def test_a_small_file_of_much_repetition_is_no_bomb(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"id\n" + b"0\n" * 2**20))

    require_sound(members(tmp_path, SUFFIXES)[0])


def test_what_calls_itself_packed_and_is_not(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(ROWS)

    assert "a.csv.gz is damaged or not packed with gzip" in one_line(tmp_path)


def test_a_zip_whose_content_was_changed(tmp_path):
    path = zipped(tmp_path / "source.zip", {"a.csv": ROWS}, zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"x,1", b"x,9"))

    with pytest.raises(LoaderError, match=r"^a\.csv is damaged; export or fetch it again$"):
        contents(path)
