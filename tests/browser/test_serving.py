"""``clinflu app`` from start to end: an address that is a password, and no server left behind."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request

import pytest

pytestmark = pytest.mark.browser

CODE = """
import pathlib, sys
from clinflu.dashboard.serve import serve
serve(pathlib.Path(sys.argv[1]), open_browser=False)
"""
LIMIT_S = 60


@pytest.fixture
def served(saved_audit):
    process = subprocess.Popen([sys.executable, "-c", CODE, str(saved_audit)], stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.wait(LIMIT_S)
    process.stdout.close()


def children(pid):
    found = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return found.stdout.splitlines()


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_address_is_a_password_that_no_command_holds_and_the_server_ends_with_it(served):
    line = served.stdout.readline()
    url, token = re.search(r"(http://127\.0\.0\.1:\d+/)\?token=(\S+)", line).groups()
    assert len(token) >= 40
    (server,) = children(served.pid)
    assert token not in server
    assert "audit" not in server.split("voila", 1)[1]
    assert "/login" in urllib.request.urlopen(url, timeout=LIMIT_S).url  # noqa: S310
    served.send_signal(signal.SIGTERM)
    assert served.wait(LIMIT_S) == 0
    end = time.monotonic() + LIMIT_S
    while is_running(int(server.split()[0])) and time.monotonic() < end:
        time.sleep(0.1)
    assert not is_running(int(server.split()[0]))
