"""A damaged source of any kind ends in one line and exit 2, soon, or in a cohort; never in a traceback."""

import gzip
import shutil
import time
import zipfile

import pytest
from sources.hospital import simulated_hospital
from sources.writers import WRITERS

LONGEST_SECONDS = 10
LONG_NUMBER = b"9" * 10_000


def truncated(content):
    return content[: 2 * len(content) // 3]


def middle(content, what):
    """Put something after the first separator of the second half."""
    place = content.find(b",", len(content) // 2) + 1
    return content[:place] + what + content[place:]


def swapped(content):
    """The header's columns in another order than those of the rows."""
    header, _, rows = content.partition(b"\n")
    return b",".join(reversed(header.split(b","))) + b"\n" + rows


DAMAGES = {
    "truncated": truncated,
    "empty": lambda _: b"",
    "one byte": lambda _: b"x",
    "latin-1": lambda content: middle(content, "ä,ö".encode("latin-1")),
    "UTF-16": lambda content: content.decode("latin-1").encode("utf-16"),
    "NUL": lambda content: middle(content, b"\0\0"),
    "NUL first": lambda content: b"\0" + content,
    "long number": lambda content: middle(content, LONG_NUMBER),
    "year 9999": lambda content: content.replace(b"2016-", b"9999-").replace(b"2015-", b"9999-"),
    "year 0": lambda content: content.replace(b"2016-", b"0000-"),
    "open quote": lambda content: middle(content, b'"'),
    "swapped columns": swapped,
    "binary": lambda _: bytes(range(256)) * 100,
    "HTML": lambda content: content.replace(b"EMERGENCY", b"<img src=x onerror=alert(1)>"),
    "no line ends": lambda content: content.replace(b"\n", b" "),
}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A small hospital in every format."""
    hospital = simulated_hospital(40, seed=5)
    folders = {}
    for name, write in WRITERS.items():
        folders[name] = tmp_path_factory.mktemp("sound") / name
        write(hospital, folders[name])
    return folders


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def ends_well(clinflu, loader, source):
    start = time.process_time()  # whatever else the machine does
    code, out, err = clinflu("data", "check", source, "--loader", loader)
    assert time.process_time() - start < LONGEST_SECONDS
    if code == 0:
        return
    assert code == 2, err
    assert out == ""
    assert len(err.strip().splitlines()) == 1
    assert err.startswith("clinflu: ")
    assert not any(word in err for word in ("Error", "Traceback", "999999", "onerror", "defect"))
    assert len(err) < 3_500


@pytest.mark.thorough
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("loader", WRITERS)
def test_a_damaged_file(clinflu, tmp_path, written, loader, damage):
    """Another file of the source for each damage, in turn."""
    copy = tmp_path / loader
    shutil.copytree(written[loader], copy)
    paths = files(copy)
    path = paths[list(DAMAGES).index(damage) % len(paths)]
    packed = path.suffix == ".gz"
    content = gzip.decompress(path.read_bytes()) if packed else path.read_bytes()
    damaged = DAMAGES[damage](content)
    path.write_bytes(gzip.compress(damaged) if packed else damaged)
    ends_well(clinflu, loader, copy)


def test_a_packed_file_cut_off(clinflu, tmp_path, written):
    for place, sound in enumerate(files(written["mimic"])):
        copy = tmp_path / str(place)
        shutil.copytree(written["mimic"], copy)
        path = copy / sound.relative_to(written["mimic"])
        path.write_bytes(truncated(path.read_bytes()))
        assert clinflu("data", "check", copy, "--loader", "mimic")[0] == 2


@pytest.mark.parametrize("loader", WRITERS)
def test_a_file_that_is_a_folder_and_a_folder_that_is_empty(clinflu, tmp_path, written, loader):
    copy = tmp_path / "copy"
    shutil.copytree(written[loader], copy)
    for path in files(copy):
        path.unlink()
        path.mkdir()
    code, _, err = clinflu("data", "check", copy, "--loader", loader)
    assert (code, len(err.strip().splitlines())) == (2, 1)


@pytest.mark.parametrize("loader", WRITERS)
def test_a_zip_of_it_is_as_good(clinflu, tmp_path, written, loader):
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for sound in files(written[loader]):
            archive.write(sound, sound.relative_to(written[loader]))
            archive.writestr(f"__MACOSX/._{sound.name}", b"\0\1")
    code, out, err = clinflu("data", "check", path)
    assert (code, err) == (0, "")
    assert out == clinflu("data", "check", written[loader])[1]


@pytest.mark.parametrize("loader", WRITERS)
@pytest.mark.parametrize("kind", ["bomb", "outside", "absolute"])
def test_a_hostile_zip_is_not_unpacked(clinflu, tmp_path, written, loader, kind):
    first = files(written[loader])[0]
    name = {"bomb": first.name, "outside": f"../{first.name}", "absolute": f"/{first.name}"}[kind]
    path = tmp_path / "hostile.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, b"0" * 2**28 if kind == "bomb" else first.read_bytes())
    ends_well(clinflu, loader, path)
    code, _, err = clinflu("data", "check", path, "--loader", loader)
    assert code == 2
    assert ("would unpack" if kind == "bomb" else "outside") in err
    assert not (tmp_path.parent / first.name).exists()
