"""What the README tells a reader to do, done literally."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from data_loaders import LOADERS
from data_loaders.loader import GROUP
from data_loaders.readmission_option import PRESETS, definition

README = (Path(__file__).parents[1] / "README.md").read_text()


def section(title):
    """The text under a heading, up to the next."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## )", README, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def blocks(text, kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_your_own_table_in_five_minutes(clinflu, tmp_path, monkeypatch):
    """Every command and every file of the page, in its order; only the page itself is not kept open."""
    served = []
    monkeypatch.setattr("clinflu.dashboard.serving.app.serve", lambda folder, *_, **__: served.append(folder))
    text = section("Your own table in five minutes")
    commands = [shlex.split(line) for block in blocks(text, "sh") for line in block.splitlines()]
    (tmp_path / "discharges.toml").write_text(blocks(text, "toml")[0])
    done = []
    for name, *words in commands:
        assert name == "clinflu"
        code, out, err = clinflu(*words)
        assert (code, err.strip()) == (0, ""), words
        done.append((words[0], out))
    assert [word for word, _ in done] == ["data", "data", "trace", "report", "app"]
    assert "excluded: died or hospice" in done[1][1]
    assert "INTERNAL" in done[2][1]
    assert list((tmp_path / "report").rglob("*.html"))
    assert len(served) == 1


def test_checking_charts(clinflu, small_csv, tmp_path):
    code, _, error = clinflu("run", "--data", small_csv, "--loader", "diabetes130", "--save", tmp_path / "audit")
    assert code == 0, error
    listing, accepting = (shlex.split(line) for line in blocks(section("Checking charts"), "sh")[0].splitlines())
    listing[listing.index("FOLDER")] = accepting[accepting.index("FOLDER")] = str(tmp_path / "audit")
    code, out, error = clinflu(*listing[1:])
    assert code == 0, error
    accepting[accepting.index("E-...")] = re.search(r"E-[A-Z2-7]{10}", out)[0]
    code, out, error = clinflu(*accepting[1:])
    assert code == 0, error
    assert "booked before discharge" not in error
    assert clinflu("review", "--verify")[0] == 0


def test_every_loader_that_reads_something_is_in_the_table():
    told = set(
        re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", section("Hospital data as they are"), re.M)))
    )
    assert told == set(LOADERS) - {"simulated"}


def test_the_definition_of_a_readmission_can_be_used_as_it_stands(tmp_path):
    text = section("Hospital data as they are")
    path = tmp_path / "definition.toml"
    path.write_text(blocks(text, "toml")[0])
    spec = definition(str(path))
    assert (spec.window_days, spec.planned_count, spec.after_death) == (7, True, "excluded")
    assert all(f"`{name}`" in text or f"--readmission {name}`" in text for name in PRESETS)


def test_the_entry_point_is_the_one_that_is_looked_for():
    document = tomllib.loads(blocks(section("Hospital data as they are"), "toml")[1])
    assert list(document["project"]["entry-points"]) == [GROUP]


@pytest.mark.parametrize("command", sorted(set(re.findall(r"^\| `clinflu (\w+)", README, re.M))))
def test_every_command_of_the_table_is_there(clinflu, command):
    assert clinflu(command, "--help")[0] == 0
