"""How the page is served: to this machine alone, with nothing secret where others can read it."""

import json
import os
import socket
import stat
import sys

import pytest

from clinflu.dashboard.serve import free_port, lab_command, serve, serve_command, serve_environment, serve_lab
from clinflu.errors import StoreError
from clinflu.storage import save_study

TOKEN = "a-token-of-a-test"  # noqa: S105


def test_the_server_listens_on_this_machine_alone_and_shows_no_traceback():
    command = serve_command(8123)
    assert command[:3] == [sys.executable, "-m", "voila"]
    for option in ("--Voila.ip=127.0.0.1", "--port=8123", "--strip_sources=True", "--show_tracebacks=False"):
        assert option in command
    assert "--MappingKernelManager.cull_idle_timeout=600" in command
    assert not [part for part in command if "0.0.0.0" in part]  # noqa: S104


def test_token_and_folder_stand_in_no_command(tmp_path):
    environment = serve_environment(tmp_path / "audit", TOKEN, tmp_path)
    assert environment["JUPYTER_TOKEN"] == TOKEN
    assert environment["CLINFLU_AUDIT"] == str(tmp_path / "audit")
    assert "--Voila.auto_token=True" in serve_command(8123)
    assert not [part for part in serve_command(8123) if "token=a" in part or "audit" in part]


def test_the_kernel_is_this_python_and_the_template_our_own(tmp_path):
    environment = serve_environment(tmp_path / "audit", TOKEN, tmp_path / "place")
    assert environment["JUPYTER_PATH"].split(os.pathsep)[0] == str(tmp_path / "place")
    kernel = json.loads((tmp_path / "place/kernels/python3/kernel.json").read_text())
    assert kernel["argv"][0] == sys.executable
    assert (tmp_path / "place/voila/templates/clinflu/index.html.j2").is_file()


@pytest.mark.parametrize("made", [False, True])
def test_what_is_no_audit_is_not_served(tmp_path, made):
    folder = tmp_path / "audit"
    if made:
        folder.mkdir()
    with pytest.raises(StoreError):
        serve(folder, open_browser=False)


def test_lab_asks_nobody_for_news_and_listens_on_this_machine_alone(tmp_path):
    command = lab_command(tmp_path, 8124)
    assert "--ServerApp.ip=127.0.0.1" in command
    assert "--ServerApp.port=8124" in command
    assert "--LabApp.news_url=None" in command
    assert "--LabApp.extension_manager=readonly" in command
    assert f"--ServerApp.root_dir={tmp_path}" in command
    assert not [part for part in command if "token" in part]


def test_lab_needs_its_folder(tmp_path):
    with pytest.raises(StoreError, match="notebooks"):
        serve_lab(tmp_path / "absent")


def test_saved_audits_are_their_owners_alone(audit, tmp_path):
    audit.save(tmp_path / "audit")
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in (tmp_path / "audit").iterdir())


def test_a_free_port_is_a_port():
    assert 1024 < free_port() < 65536


def test_a_port_in_use_gets_no_token(tmp_path, small_study):
    save_study(small_study, tmp_path / "audit")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        for start in (serve, serve_lab):
            with pytest.raises(StoreError, match="is in use"):
                start(tmp_path / "audit", port=port)
