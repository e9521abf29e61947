"""How the page is served: to whom it is told to be, with nothing secret where others can read it."""

import io
import json
import os
import socket
import stat
import sys

import nbformat
import pytest

from clinflu.dashboard.serving.access import Access, granted
from clinflu.dashboard.serving.app import serve, serve_command
from clinflu.dashboard.serving.lab import lab_command, serve_lab
from clinflu.dashboard.serving.notebooks import without_outputs
from clinflu.dashboard.serving.place import can_fork, serve_environment
from clinflu.dashboard.serving.warm import warmed
from clinflu.errors import DataError, StoreError
from clinflu.storage import save_study

TOKEN = "a-token-of-a-test"  # noqa: S105
PASSWORD = "correct horse battery"  # noqa: S105
BEYOND = ["0.0.0.0", "::", "192.168.1.5", "fe80::1", "audit.example.org"]  # noqa: S104


@pytest.fixture(autouse=True)
def no_password_of_the_user(monkeypatch):
    monkeypatch.delenv("CLINFLU_PASSWORD", raising=False)


@pytest.fixture
def password_file(tmp_path):
    file = tmp_path / "password"
    file.touch(mode=0o600)
    file.write_text(f"{PASSWORD}\n")
    return file


def test_the_server_listens_on_this_machine_alone_and_shows_no_traceback():
    command = serve_command(8123)
    assert "--port=0" in serve_command()
    assert command[:3] == [sys.executable, "-m", "clinflu.dashboard.serving"]
    for option in ("--Voila.ip=127.0.0.1", "--port=8123", "--strip_sources=True", "--show_tracebacks=False"):
        assert option in command
    assert "--MappingKernelManager.cull_idle_timeout=600" in command
    assert not [part for part in command if "0.0.0.0" in part]  # noqa: S104


def test_one_kernel_waits_for_the_next_visitor_and_those_who_left_are_culled():
    command = serve_command(8123, idle_limit_s=5, culling_every_s=1)
    for option in ("--preheat_kernel=True", "--pool_size=1"):
        assert option in command
    assert "--MappingKernelManager.cull_idle_timeout=5" in command
    assert "--MappingKernelManager.cull_interval=1" in command


def test_token_and_folder_stand_in_no_command(tmp_path):
    environment = serve_environment(tmp_path / "audit", TOKEN, tmp_path / "place")
    assert environment["JUPYTER_TOKEN"] == TOKEN
    assert environment["CLINFLU_AUDIT"] == str(tmp_path / "audit")
    assert environment["CLINFLU_ROLE"] == "clinician"
    assert "--Voila.auto_token=True" in serve_command(8123)
    assert not [part for part in serve_command(8123) if "token=a" in part or "audit" in part]


def test_the_role_goes_with_the_audit(tmp_path):
    assert serve_environment(tmp_path, TOKEN, tmp_path / "place", role="analyst")["CLINFLU_ROLE"] == "analyst"


def test_the_kernel_is_this_python_and_the_template_our_own(tmp_path):
    environment = serve_environment(tmp_path / "audit", TOKEN, tmp_path / "place")
    assert environment["JUPYTER_PATH"].split(os.pathsep)[0] == str(tmp_path / "place")
    kernel = json.loads((tmp_path / "place/kernels/python3/kernel.json").read_text())
    assert kernel["argv"][0] == sys.executable
    assert kernel["interrupt_mode"] == "message"
    assert (tmp_path / "place/voila/templates/clinflu/index.html.j2").is_file()


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_kernels_are_forked_where_that_can_be_done(tmp_path, monkeypatch, platform):
    monkeypatch.setattr(sys, "platform", platform)
    serve_environment(tmp_path / "audit", TOKEN, tmp_path / "place")
    kernel = json.loads((tmp_path / "place/kernels/python3/kernel.json").read_text())
    assert can_fork() is (platform == "linux")
    assert ("kernel_provisioner" in kernel.get("metadata", {})) is can_fork()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "[::1]", "localhost"])
def test_this_machine_needs_no_more_than_the_token(host):
    access = granted(host)
    assert access.note is None
    assert access.url(80, TOKEN).endswith(f":80/?token={TOKEN}")
    assert access.url(80, TOKEN).startswith("http://")


@pytest.mark.parametrize("host", BEYOND)
def test_other_machines_are_refused(host):
    with pytest.raises(DataError, match="password"):
        granted(host)


@pytest.mark.parametrize("host", BEYOND)
def test_other_machines_need_a_password_or_a_proxy_and_the_user_is_told(host, password_file):
    for access in (granted(host, password_file), granted(host, proxy="https://audit.example.org")):
        assert "not encrypted" in access.note
        assert "\n" not in access.note


@pytest.mark.parametrize("host", ["", " "])
def test_no_address_is_not_every_address(host, password_file):
    with pytest.raises(DataError, match="--host is empty"):
        granted(host, password_file)


@pytest.mark.parametrize("text", ["", "\n", "elevenchars", "  elevenchars  ", "a first line\nand a second"])
def test_a_password_that_is_short_or_no_line_is_refused(password_file, monkeypatch, text):
    password_file.write_text(text)
    with pytest.raises(DataError, match="12 characters"):
        granted(password_file=password_file)
    monkeypatch.setenv("CLINFLU_PASSWORD", text)
    with pytest.raises(DataError, match="12 characters"):
        granted()


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_a_password_that_others_can_read_is_refused(password_file, mode):
    password_file.chmod(mode)
    with pytest.raises(DataError, match="chmod 600"):
        granted("0.0.0.0", password_file)  # noqa: S104


def test_a_password_file_that_is_not_there_is_named_without_its_folder(tmp_path):
    with pytest.raises(DataError, match=r"from absent;") as caught:
        granted(password_file=tmp_path / "absent")
    assert str(tmp_path) not in caught.value.one_line


def test_the_password_comes_from_the_file_or_the_environment_and_is_in_no_text(password_file, monkeypatch):
    assert granted(password_file=password_file).password == PASSWORD
    monkeypatch.setenv("CLINFLU_PASSWORD", PASSWORD)
    access = granted()
    assert access.password == PASSWORD
    assert PASSWORD not in repr(access)
    assert access.url(80, TOKEN) == "http://127.0.0.1:80/"


def test_a_password_is_kept_as_a_hash_in_a_file_of_the_user_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("CLINFLU_PASSWORD", PASSWORD)
    monkeypatch.setenv("JUPYTER_TOKEN", TOKEN)
    place = tmp_path / "place"
    environment = serve_environment(tmp_path, TOKEN, place, granted("0.0.0.0"))  # noqa: S104
    assert not {PASSWORD, TOKEN} & set(environment.values())
    settings = json.loads((place / "voila.json").read_text())
    assert settings["PasswordIdentityProvider"]["hashed_password"].startswith("argon2:")
    assert stat.S_IMODE((place / "voila.json").stat().st_mode) == 0o600
    assert not [file for file in place.rglob("*") if file.is_file() and PASSWORD.encode() in file.read_bytes()]


@pytest.mark.parametrize(
    "proxy",
    [
        *(
            "http://audit.example.org",
            "audit.example.org",
            "https://",
            "",
            "https://a.org/clinflu",
            "https://a.org?b=c",
        ),
        *("https://me@a.org", "https://a.org:port", "ftp://a.org", "https://[a"),
    ],
)
def test_a_proxy_that_is_no_public_https_address_is_refused(proxy):
    with pytest.raises(DataError, match="--proxy"):
        granted(proxy=proxy)


@pytest.mark.parametrize(
    ("proxy", "origin"),
    [
        ("https://Audit.Example.org/", "https://audit.example.org"),
        ("https://audit.example.org:443", "https://audit.example.org"),
        ("https://audit.example.org:8443", "https://audit.example.org:8443"),
    ],
)
def test_behind_a_proxy_its_origin_is_let_in_and_the_token_stays(tmp_path, proxy, origin):
    access = granted(proxy=proxy)
    assert access.url(8123, TOKEN) == f"{origin}/?token={TOKEN}"
    environment = serve_environment(tmp_path, TOKEN, tmp_path / "place", access)
    settings = json.loads((tmp_path / "place/voila.json").read_text())
    assert environment["JUPYTER_TOKEN"] == TOKEN
    assert settings["Voila"]["tornado_settings"] == {"allow_origin": origin}
    assert settings["PasswordIdentityProvider"]["secure_cookie"] is True


def test_where_every_address_listens_the_name_of_the_machine_is_shown():
    assert Access("0.0.0.0", PASSWORD).url(80, TOKEN) == f"http://{socket.gethostname()}:80/"  # noqa: S104
    assert Access("fe80::1", PASSWORD).url(80, TOKEN) == "http://[fe80::1]:80/"


def test_an_address_of_another_machine_starts_nothing(tmp_path, small_study):
    save_study(small_study, tmp_path / "audit")
    with pytest.raises(StoreError, match="no address of this machine"):
        serve(tmp_path / "audit", tmp_path / "place", access=Access("192.0.2.7", PASSWORD), open_browser=False)
    assert not (tmp_path / "place").exists()


@pytest.mark.parametrize("made", [False, True])
def test_what_is_no_audit_is_not_served(tmp_path, made):
    folder = tmp_path / "audit"
    if made:
        folder.mkdir()
    with pytest.raises(StoreError):
        serve(folder, tmp_path / "place", open_browser=False)


def test_an_audit_is_warmed_once(tmp_path, small_study):
    save_study(small_study, tmp_path / "audit")
    audit = warmed(tmp_path / "audit")
    assert audit.study.fingerprint == small_study.fingerprint
    assert {"train", "trust", "risks"} <= set(vars(audit.study))
    assert {"support_cuts", "pseudonyms"} <= set(vars(audit))
    assert warmed(str(tmp_path / "nowhere" / ".." / "audit")) is audit
    with pytest.raises(StoreError):
        warmed(tmp_path / "nowhere")


def test_lab_asks_nobody_for_news_and_listens_on_this_machine_alone(tmp_path):
    command = lab_command(tmp_path, 8124)
    assert "--ServerApp.ip=127.0.0.1" in command
    assert "--ServerApp.port=8124" in command
    assert "--ServerApp.port=0" in lab_command(tmp_path)
    assert "--LabApp.news_url=None" in command
    assert "--LabApp.extension_manager=readonly" in command
    assert f"--ServerApp.root_dir={tmp_path}" in command
    assert not [part for part in command if "token" in part]


def test_lab_opens_at_the_notebook_if_there_is_one(tmp_path):
    assert not [part for part in lab_command(tmp_path) if "default_url" in part]
    (tmp_path / "02_trace_a_wrong_prediction.ipynb").touch()
    assert "--LabApp.default_url=/lab/tree/02_trace_a_wrong_prediction.ipynb" in lab_command(tmp_path)


def test_lab_needs_its_folder(tmp_path):
    with pytest.raises(StoreError, match="notebooks"):
        serve_lab(tmp_path / "absent")


def notebook_that_was_run():
    shown = nbformat.v4.new_output("display_data", {"text/plain": "patient 17"})
    cells = [
        nbformat.v4.new_code_cell("audit", outputs=[shown], execution_count=3, metadata={"execution": {"a": "b"}}),
        nbformat.v4.new_markdown_cell("words", attachments={"a.png": {"image/png": "aa"}}),
        nbformat.v4.new_raw_cell("raw"),
    ]
    widgets = {"application/vnd.jupyter.widget-state+json": {"state": {"a": "patient 17"}}}
    kernel = {"name": "python3", "display_name": "Python 3"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"widgets": widgets, "kernelspec": kernel})


def test_a_saved_notebook_holds_nothing_that_its_cells_put_out():
    before = notebook_that_was_run()
    model = {"type": "notebook", "format": "json", "content": before}
    without_outputs(model=model, path="a.ipynb", contents_manager=None)
    saved = nbformat.from_dict(model["content"])
    nbformat.validate(saved)
    assert "patient 17" not in nbformat.writes(saved)
    assert saved.cells[0].execution_count is None
    assert saved.cells[0].source == "audit"
    assert [cell.source for cell in saved.cells[1:]] == ["words", "raw"]
    assert saved.cells[1].attachments == {"a.png": {"image/png": "aa"}}
    assert saved.metadata.kernelspec.name == "python3"


def test_a_notebook_of_an_older_form_is_emptied_too():
    old = nbformat.convert(notebook_that_was_run(), 3)
    without_outputs({"type": "notebook", "content": old})
    assert "patient 17" not in nbformat.v3.writes_json(old)
    assert nbformat.v3.reads_json(nbformat.v3.writes_json(old)).worksheets[0].cells[0].input == "audit"


@pytest.mark.parametrize(
    "model",
    [
        *(None, {}, {"type": "file", "content": "text"}, {"type": "notebook"}, {"type": "notebook", "content": None}),
        {"type": "notebook", "content": {"cells": None, "metadata": None, "worksheets": 3}},
        {"type": "notebook", "content": {"cells": [None, 1, "code", {}, {"cell_type": "code", "metadata": None}]}},
        {"type": "notebook", "content": {"worksheets": [None, {"cells": [{"cell_type": "code"}]}]}},
    ],
)
def test_what_is_no_usual_notebook_is_saved_all_the_same(model):
    without_outputs(model, path="a.ipynb")


def test_jupyter_saves_through_the_hook(tmp_path):
    from jupyter_server.services.contents.largefilemanager import LargeFileManager
    from traitlets.config import Config

    (option,) = [part for part in lab_command(tmp_path) if "pre_save_hook" in part]
    hook = option.split("=")[1]
    manager = LargeFileManager(
        root_dir=str(tmp_path),
        config=Config(FileContentsManager={"pre_save_hook": hook}, FileCheckpoints={"root_dir": str(tmp_path)}),
    )
    manager.save({"type": "notebook", "format": "json", "content": notebook_that_was_run()}, "story.ipynb")
    manager.create_checkpoint("story.ipynb")
    written = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(written) >= 2
    assert not [file for file in written if b"patient 17" in file.read_bytes()]
    assert nbformat.read(io.StringIO((tmp_path / "story.ipynb").read_text()), 4).cells[0].source == "audit"


def test_saved_audits_are_their_owners_alone(audit, tmp_path):
    audit.save(tmp_path / "audit")
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in (tmp_path / "audit").iterdir())


@pytest.mark.parametrize("port", [-1, 65_536, 99_999])
def test_a_port_that_is_none_is_refused_in_one_line_before_anything_is_read(clinflu, monkeypatch, port):
    monkeypatch.setattr("clinflu.cli._audit", lambda *_: pytest.fail("read"))
    for command in ("app", "lab"):
        code, out, err = clinflu(command, "--port", port)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "a port is a number from 1 to 65535" in err


def test_a_port_in_use_gets_no_token(tmp_path, small_study):
    save_study(small_study, tmp_path / "audit")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        for start, folders in ((serve, ("audit", "place")), (serve_lab, ("audit",))):
            with pytest.raises(StoreError, match="is in use"):
                start(*(tmp_path / name for name in folders), port=port)
