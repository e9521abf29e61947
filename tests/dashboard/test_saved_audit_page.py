"""A saved audit opens by its environment, and what goes wrong on the way is one line."""

import os
import subprocess
import sys

import pytest

from clinflu.dashboard import saved
from clinflu.dashboard.app import NO_AUDIT
from clinflu.dashboard.serving import warm


@pytest.fixture
def saved_audit(audit, tmp_path, monkeypatch):
    """The folder of a saved audit that the environment names."""
    audit.save(tmp_path / "audit")
    monkeypatch.setenv("CLINFLU_AUDIT", str(tmp_path / "audit"))
    monkeypatch.setattr(warm, "_WARMED", {})
    for name in ("CLINFLU_ROLE", "CLINFLU_PAGE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "audit"


@pytest.mark.usefixtures("saved_audit")
def test_a_saved_audit_opens_by_its_environment(audit, page):
    assert audit.pseudonyms.encounter(audit.mistakes().index[0]) in page(saved())


@pytest.mark.usefixtures("saved_audit")
@pytest.mark.parametrize(("role", "is_open"), [("clinician", False), ("analyst", True)])
def test_a_saved_audit_opens_for_a_role(monkeypatch, widgets_of, role, is_open):
    monkeypatch.setenv("CLINFLU_ROLE", role)
    blocks = [one for one in widgets_of(saved()) if "Show the Python" in getattr(one, "content", "")]
    assert ['"open":true' in block.content for block in blocks] == [is_open]


def test_a_saved_audit_that_does_not_open_is_one_line(tmp_path, monkeypatch, page):
    monkeypatch.setenv("CLINFLU_AUDIT", str(tmp_path / "absent"))
    assert "clinflu-error" in page(saved())
    monkeypatch.delenv("CLINFLU_AUDIT")
    assert NO_AUDIT in page(saved())


@pytest.mark.usefixtures("saved_audit")
def test_whatever_goes_wrong_on_the_way_is_one_line(monkeypatch, page, caplog, capsys):
    def fail(*_, **__):
        raise RuntimeError("Jane Doe, born 1931-04-02")

    monkeypatch.setattr(sys.modules["clinflu.dashboard.app"], "build", fail)
    told = page(saved())
    assert NO_AUDIT in told
    assert "Doe" not in told + caplog.text + "".join(capsys.readouterr())


def test_the_dashboard_loads_neither_torch_nor_slow_schema_grammars(saved_audit):
    code = (
        "import sys; from clinflu.dashboard import saved; saved(); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'nbformat', 'rfc3987_syntax')))"
    )
    environment = {**os.environ, "CLINFLU_AUDIT": str(saved_audit)}
    assert subprocess.run([sys.executable, "-c", code], check=False, env=environment).returncode == 0
