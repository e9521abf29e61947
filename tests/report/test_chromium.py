"""The browser that draws a report asks nothing of any other machine."""

import asyncio
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from clinflu.report.chromium import settings

WAIT_S = 60.0
ASKED = """
Promise.allSettled([
  fetch("http://127.0.0.1:PORT/fetched"), fetch("http://localhost:PORT/named"),
  new Promise((done) => {
    const image = new Image();
    image.onload = image.onerror = done;
    image.src = "http://127.0.0.1:PORT/image";
  }),
]).then(() => true)
"""


@pytest.fixture
def server():
    """A server of this machine that remembers what it was asked."""
    asked = []

    class Remembering(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Remembering) as running:
        running.asked = asked
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium here")
@pytest.mark.parametrize("offline", [True, False])
def test_it_reaches_no_server_and_would_without_our_settings(server, offline):
    from choreographer.browsers.chromium import Chromium

    asked = settings() if offline else {**settings(), "browser_cls": Chromium}

    async def visit():
        import choreographer

        async with choreographer.Browser(**asked) as browser:
            tab = await browser.create_tab("about:blank")
            expression = ASKED.replace("PORT", str(server.server_port))
            params = {"expression": expression, "awaitPromise": True}
            await asyncio.wait_for(tab.send_command("Runtime.evaluate", params=params), WAIT_S)

    with ThreadPoolExecutor(1) as apart:  # playwright leaves a loop running in the thread of the tests
        apart.submit(asyncio.run, visit()).result()
    assert bool(server.asked) is not offline


def test_it_runs_in_its_sandbox_unless_root_runs_it(monkeypatch, tmp_path):
    (tmp_path / "chromium").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("BROWSER_PATH", raising=False)
    for user, sandbox in ((1000, True), (0, False)):
        monkeypatch.setattr("os.geteuid", lambda user=user: user)
        assert settings()["enable_sandbox"] is sandbox
        assert settings()["path"] == str(tmp_path / "chromium")
