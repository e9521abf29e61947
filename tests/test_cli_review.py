"""clinflu review as its users type it: the queue, verdicts in the signed log, the gain, and bad words."""

import json
import sqlite3
from contextlib import closing

import pytest

from clinflu import Audit
from clinflu.verdicts import VerdictStore
from data_loaders import load

ORDER = ("--order", "training loss")


@pytest.fixture(scope="module")
def saved(small_csv, tmp_path_factory):
    """A saved audit."""
    folder = tmp_path_factory.mktemp("review") / "audit"
    Audit.fit(load("diabetes130", small_csv)).save(folder)
    return folder


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv("CLINFLU_VERDICTS", raising=False)


@pytest.fixture
def review(clinflu, saved, tmp_path):
    """Run it on the saved audit; return what it printed and the numbers."""

    def run(*words):
        code, out, err = clinflu("review", "--audit", saved, *ORDER, "--limit", "3", "--json", "r.json", *words)
        assert code == 0, err
        return " ".join(out.split()), json.loads((tmp_path / "r.json").read_text())

    return run


def test_it_lists_suspects_with_reasons_under_pseudonyms(review, saved):
    out, values = review()
    assert "INTERNAL" in out
    assert "outcomes are noisy by nature" in out
    assert [one["rank"] for one in values["suspects"]] == [1, 2, 3]
    for one in values["suspects"]:
        assert one["encounter"] in out
        assert "The model that did not learn from it expects" in one["reasons"][0]
    study = Audit.open(saved).study
    assert not [one for one in study.train_ids if str(one) in json.dumps(values["suspects"])]
    assert values["stopping"]["words"].split(".")[0] in out


def test_verdicts_are_kept_counted_measured_and_taken_back(review, clinflu):
    first = review()[1]["suspects"][0]["encounter"]
    out, values = review("--accept", first, "--says", "wrong_patient", "--note", "=1+1 <b>", "--author", "Dr Grey")
    assert f"Kept: {first}, wrong label: wrong patient, said by Dr Grey." in out
    (row,) = values["decided"]
    assert (row["encounter"], row["says"], row["author"], row["note"]) == (
        first,
        "wrong_patient",
        "Dr Grey",
        "=1+1 <b>",
    )
    assert values["suspects"][0]["rank"] == 2
    assert values["gain"]["mended"] == 1
    assert {one["metric"] for one in values["gain"]["metrics"]} == {"log_loss", "brier", "auroc"}
    assert "on the confirming encounters" in out
    code, verified, _ = clinflu("review", "--verify")
    assert (code, verified) == (0, "The log is whole. 1 event: 1 signed with your key.\n")
    out, values = review("--undo", first, "--author", "Dr Grey")
    assert f"Taken back: {first}" in out
    assert values["decided"] == []
    assert values["suspects"][0]["encounter"] == first


def test_a_saved_audit_finds_its_verdicts_and_another_log_has_its_own(review, saved, tmp_path):
    first = review()[1]["suspects"][0]["encounter"]
    other = tmp_path / "team" / "log.sqlite"
    review("--accept", first, "--says", "correct", "--log", other)
    assert review()[1]["decided"] == []
    assert len(review("--log", f"sqlite:///{other}")[1]["decided"]) == 1
    assert len(VerdictStore(other).current(Audit.open(saved).study.fingerprint)) == 1


def test_a_changed_log_is_told_with_exit_code_2(review, clinflu, tmp_path):
    first = review()[1]["suspects"][0]["encounter"]
    log = tmp_path / "team" / "log.sqlite"
    review("--accept", first, "--says", "correct", "--log", log)
    with closing(sqlite3.connect(log)) as connection:
        connection.execute("DROP TRIGGER never_changed")
        connection.execute("UPDATE event SET says = 'died'")
        connection.commit()
    code, out, err = clinflu("review", "--verify", "--log", log)
    assert (code, out) == (2, "")
    assert "event 1 is not as it was added" in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize("before", ["", "sqlite:///"])
def test_a_log_that_is_not_there_is_never_called_whole(clinflu, tmp_path, before):
    code, out, err = clinflu("review", "--verify", "--log", f"{before}{tmp_path / 'mistyped.log'}")
    assert (code, out) == (2, "")
    assert "there is no log 'mistyped.log'" in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "mistyped.log").exists()


def test_a_mistyped_log_in_the_environment_is_never_called_whole(clinflu, tmp_path, monkeypatch):
    monkeypatch.setenv("CLINFLU_VERDICTS", str(tmp_path / "mistyped.log"))
    code, out, err = clinflu("review", "--verify")
    assert (code, out) == (2, "")
    assert "there is no log 'mistyped.log' to verify; check --log, or CLINFLU_VERDICTS" in err
    assert not (tmp_path / "mistyped.log").exists()


def test_the_names_of_the_orders_are_told_apart(saved, clinflu):
    code, _, err = clinflu("review", "--audit", saved, "--order", "best")
    assert code == 2
    assert "self-influence; self-influence, one step; training loss" in err


def test_the_page_escapes_every_value(review, tmp_path):
    first = review()[1]["suspects"][0]["encounter"]
    note = "<img src=x onerror=alert(1)>"
    review("--accept", first, "--says", "died", "--note", note, "--author", "<b>me</b>", "--html", "r.html")
    page = (tmp_path / "r.html").read_text()
    assert (tmp_path / "r.html").stat().st_mode & 0o777 == 0o600
    assert "INTERNAL" in page
    assert note not in page
    assert "<b>me</b>" not in page
    assert "&lt;img src=x" in page
    assert "http" not in page.split("<title>")[1]


def test_the_budget_stops_it(review):
    first = review()[1]["suspects"][0]["encounter"]
    assert review("--accept", first, "--says", "correct", "--budget", "1")[1]["stopping"]["stop"] is True


@pytest.mark.parametrize(
    "words",
    [
        ("--accept", "E-AAAAAAAAA2"),
        ("--says", "died"),
        ("--note", "x"),
        ("--accept", "x", "--says", "died", "--undo", "x"),
        ("--accept", "nosuch", "--says", "died"),
        ("--undo", "nosuch"),
        ("--order", "nosuch"),
        ("--limit", "-1"),
        ("--budget", "0"),
        ("--log", "mysql://me:secret@host/x"),
        ("--html", "r.json"),
    ],
)
def test_bad_words_give_one_line_and_write_nothing(clinflu, saved, tmp_path, words):
    code, out, err = clinflu("review", "--audit", saved, "--json", "r.json", *ORDER, *words)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert "secret" not in err
    assert not (tmp_path / "r.json").exists()
    assert not (tmp_path / "XDG_DATA_HOME" / "clinflu").exists()


def test_an_audited_encounter_is_no_past_record(clinflu, saved):
    audited = str(Audit.open(saved).audited_rows[0])
    study = Audit.open(saved).study
    name = str(study.design.encounter_ids[int(audited)])
    code, _, err = clinflu("review", "--audit", saved, *ORDER, "--accept", name, "--says", "died")
    assert code == 2
    assert "did not teach the model" in err
    assert name not in err
