"""A real Chromium, and the two servers that a user can start, on an audit whose every text is an attack."""

import os
import re
import shutil
import signal
import subprocess
import time
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from clinflu import Audit
from clinflu.dashboard.serving.app import serve_command
from clinflu.dashboard.serving.lab import lab_command, lab_environment
from clinflu.dashboard.serving.place import serve_environment
from clinflu.dashboard.serving.processes import listening_port

HOSTILE = "<img src=x onerror=alert(1)>"
TOKEN = "token-of-the-browser-tests"  # noqa: S105
FLAGS = (
    *("--no-sandbox", "--headless", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
PATIENCE_MS = 60_000
START_LIMIT_S = 90
STOP_LIMIT_S = 30


@dataclass(frozen=True)
class Server:
    """A server under test: where it is, and what it wrote."""

    port: int
    token: str
    log: Path

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture(scope="session")
def chromium():
    """The browser of this machine."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        stop = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        stop("no Chromium here; install it (Debian: apt-get install chromium) to run the browser tests")
    return path


@pytest.fixture(scope="session")
def browser(chromium):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture
def page(browser):
    """A fresh page."""
    yield from _page(browser)


@pytest.fixture(scope="session")
def clinician(browser, voila):
    """A page on which the dashboard stands; loading it is what takes time."""
    for opened in _page(browser):
        opened.goto(f"{voila.url}/?token={voila.token}", wait_until="commit")
        opened.wait_for_selector("button.clinflu-row")
        yield opened


@pytest.fixture
def visit(browser):
    """Open fresh pages of a size, light or dark."""
    yield from _visits(browser)


@pytest.fixture
def revisit(browser, browser_context):
    """Open pages of a browser that was at this server before: what it loads and compiles then, it need not now."""
    yield from _visits(browser, browser_context)


@pytest.fixture(scope="module")
def visit_once(browser):
    """Open pages that stay open for all tests of a file."""
    yield from _visits(browser)


@pytest.fixture(scope="module")
def browser_context(browser):
    """What the pages of a file keep in common: cookies and cache. It is for one server."""
    with browser.new_context() as context:
        yield context


def _visits(browser, context=None):
    opened = []

    def open_page(width, height, scheme, context=context):
        opened.append(_page(browser, width, height, scheme, context))
        return next(opened[-1])

    yield open_page
    for one in opened:
        next(one, None)


def _page(browser, width=1400, height=1000, scheme="light", context=None):
    """Make a page that remembers what must not happen, requests elsewhere, dialogs and errors, and what is heavy."""
    opened = context.new_page() if context else browser.new_page()  # without a context it has one to itself
    opened.set_viewport_size({"width": width, "height": height})
    opened.emulate_media(color_scheme=scheme)
    opened.set_default_timeout(PATIENCE_MS)
    opened.outside, opened.dialogs, opened.errors, opened.frames_received, opened.asked = [], [], [], [], []
    opened.on("request", lambda one: opened.outside.append(one.url) if _is_outside(one.url) else None)
    opened.on("request", lambda one: opened.asked.append(one.url))
    opened.on("websocket", lambda one: opened.outside.append(one.url) if _is_outside(one.url) else None)
    opened.on("websocket", lambda one: one.on("framereceived", lambda data: opened.frames_received.append(len(data))))
    opened.on("pageerror", lambda one: opened.errors.append(str(one)))
    opened.on("console", lambda one: opened.errors.append(one.text) if one.type == "error" else None)
    opened.on("dialog", lambda one: (opened.dialogs.append(one.message), one.dismiss()))
    yield opened
    opened.close()


def _is_outside(url):
    return not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:", "about:"))


@pytest.fixture(scope="session")
def hostile():
    return HOSTILE


@pytest.fixture(scope="session", autouse=True)
def private_home(tmp_path_factory):
    """Nothing of this user is read or written: pseudonyms, verdicts and the access log have a home of their own."""
    home = tmp_path_factory.mktemp("home")
    places = {name: str(home / name.lower()) for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")}
    with pytest.MonkeyPatch.context() as patch:
        for name, place in places.items():
            patch.setenv(name, place)
        key = home / "xdg_config_home" / "clinflu" / "pseudonym.key"
        key.parent.mkdir(parents=True, mode=0o700)
        key.write_bytes(bytes(range(32)))  # the same names in every run, so that pictures can be compared
        key.chmod(0o600)
        yield


@pytest.fixture(scope="session")
def audit(small_cohort):
    """Every label, unit and outcome, one level and the name of the source are an attack."""
    schema = small_cohort.schema
    features = tuple(
        replace(spec, label=f"{HOSTILE} {spec.label}", unit=spec.unit and HOSTILE) for spec in schema.features
    )
    return Audit.fit(
        replace(
            small_cohort,
            frame=small_cohort.frame.assign(ward_team=small_cohort.frame["ward_team"].replace({"red": HOSTILE})),
            schema=replace(schema, features=features, outcome_label=f"readmitted {HOSTILE}"),
            provenance=replace(small_cohort.provenance, source=HOSTILE),
        )
    )


@pytest.fixture(scope="session")
def saved_audit(audit, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept") / "audit"
    audit.save(folder)
    return folder


@pytest.fixture(scope="session")
def voila(saved_audit, tmp_path_factory):
    """The server of ``clinflu app``."""
    yield from _voila(saved_audit, tmp_path_factory)


@pytest.fixture(scope="session")
def lab(saved_audit, saved_simulated, tmp_path_factory):
    """The server of ``clinflu lab``, with notebooks as a user writes them: on attacks, and on the built-in cohort."""
    yield from _lab({"hostile": saved_audit, "story": saved_simulated}, tmp_path_factory)


@pytest.fixture(scope="session")
def saved_simulated(simulated_audit, tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated") / "audit"
    simulated_audit.save(folder)
    return folder


@pytest.fixture(scope="session")
def gallery(saved_simulated, tmp_path_factory):
    """The server of ``clinflu app`` on the built-in cohort, to be looked at."""
    yield from _voila(saved_simulated, tmp_path_factory)


@pytest.fixture(scope="session")
def serve_folder(tmp_path_factory):
    """Serve any saved audit as ``clinflu app`` does."""
    return lambda folder: _voila(folder, tmp_path_factory)


@pytest.fixture(scope="module")
def analyst(saved_simulated, tmp_path_factory):
    """The server of ``clinflu app --role analyst`` on the built-in cohort."""
    yield from _voila(saved_simulated, tmp_path_factory, role="analyst")


def _voila(folder, tmp_path_factory, role="clinician"):
    place = tmp_path_factory.mktemp("voila")
    environment = serve_environment(folder, TOKEN, place / "place", role=role)
    yield from served(serve_command(), environment, place, lambda process: listening_port(place / "place", process))


def _lab(folders, tmp_path_factory):
    import nbformat  # it takes seconds, of a worker that opens no notebook too

    place = tmp_path_factory.mktemp("lab")
    (place / "notebooks").mkdir()
    for name, folder in folders.items():
        nbformat.write(_notebook(folder), place / "notebooks" / f"{name}.ipynb")
    command = [*lab_command(place / "notebooks"), "--no-browser", "--allow-root"]
    environment = {
        **lab_environment(place / "place"),
        "JUPYTER_TOKEN": TOKEN,
        "JUPYTER_CONFIG_DIR": str(place / "config"),
        "JUPYTERLAB_SETTINGS_DIR": str(place / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(place / "workspaces"),
    }
    yield from served(command, environment, place, lambda process: port_of_lab(process, place / "log.txt"))


def _notebook(folder):
    import nbformat

    cells = [
        f"import clinflu\n\naudit = clinflu.Audit.open({str(folder)!r})",
        "clinflu.dashboard.app(audit)",
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells], metadata=kernel)


def port_of_lab(process, log):
    """Wait until JupyterLab has said where it is; return its port."""
    end = time.monotonic() + START_LIMIT_S
    while not (said := re.search(r"http://127\.0\.0\.1:(\d+)/lab", log.read_text())):
        assert time.monotonic() < end, f"it took too long {log.read_text()[-2000:]}"
        assert process.poll() is None, log.read_text()[-2000:]
        time.sleep(0.1)
    return int(said[1])


def served(command, environment, place, port_of):
    log = place / "log.txt"
    with log.open("w") as stream:
        process = subprocess.Popen(
            command, env=environment, cwd=place, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            port = port_of(process)
            _wait(process, port, log)
            yield Server(port, TOKEN, log)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(process, port, log):
    end = time.monotonic() + START_LIMIT_S
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=2).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"the server did not start: {log.read_text()[-2000:]}")
