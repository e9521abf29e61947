"""``clinflu app`` from start to end: who gets in, what a visitor costs, and that nobody and nothing stays behind."""

import http.client
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import ExitStack, contextmanager
from http.cookiejar import CookieJar
from pathlib import Path

import psutil
import pytest

from clinflu.dashboard.serving.access import LOCAL, Access
from clinflu.dashboard.serving.app import serve_command
from clinflu.dashboard.serving.place import READY, can_fork, serve_environment
from clinflu.dashboard.serving.processes import listening_port
from clinflu.errors import StoreError

pytestmark = pytest.mark.browser

CODE = """
import pathlib, sys
from clinflu.dashboard.serving.app import serve
serve(*map(pathlib.Path, sys.argv[1:]), open_browser=False)
"""
LIMIT_S = 60
GONE_LIMIT_S = 30
FORGETS_AFTER_S = 3
VISITORS = 50
MIB = 2**20
PASSWORD = "correct horse battery"  # noqa: S105
PROXY = "https://audit.example.org"
TOKEN = "token-of-the-serving-tests"  # noqa: S105
NO_KERNEL = "00000000-0000-0000-0000-000000000000"
UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "eHh4eHh4eHh4eHh4eHh4eA==",
}

forks = pytest.mark.skipif(not can_fork(), reason="kernels are forked on Linux alone")


class Served:
    """A server under test, and what it consists of."""

    def __init__(self, process, place):
        self.process = process
        self.place = place

    @property
    def port(self):
        return listening_port(self.place, self.process)

    @property
    def log(self):
        return (self.place / "log.txt").read_text()

    @property
    def kernels(self):
        """Those whose parent is no server: they were forked."""
        return [one for one in self.family if parent_of(one) not in (None, self.process.pid, os.getpid())]

    @property
    def family(self):
        server = psutil.Process(self.process.pid)
        return [server, *server.children(recursive=True)]

    def visit(self):
        """Load the page; return it."""
        url = f"http://127.0.0.1:{self.port}/?token={TOKEN}"
        with urllib.request.urlopen(url, timeout=LIMIT_S) as answer:
            return answer.read().decode()

    def ask(self, path, **headers):
        """Ask for a path as it stands; return the status and where it leads to."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT_S)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.getheader("Location", "")
        finally:
            connection.close()

    def wait_for_kernels(self, count, limit_s=LIMIT_S):
        wait_until(lambda: len(self.kernels) == count, limit_s)


@contextmanager
def serving(folder, access=LOCAL, **options):
    """Serve an audit, and wait until a kernel is ready."""
    with tempfile.TemporaryDirectory(prefix="clinflu-") as name:
        place = Path(name)
        environment = serve_environment(folder, TOKEN, place, access)
        command = serve_command(**options)
        with (place / "log.txt").open("w") as stream:
            process = subprocess.Popen(command, env=environment, cwd=place, stdout=stream, stderr=subprocess.STDOUT)
        served = Served(process, place)
        try:
            wait_until(lambda: (place / READY).exists() or process.poll() is not None, LIMIT_S, lambda: served.log)
            assert process.poll() is None, served.log
            yield served
        finally:
            process.terminate()
            try:
                process.wait(LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until(reached, limit_s, why=lambda: ""):
    end = time.monotonic() + limit_s
    while not reached():
        assert time.monotonic() < end, f"it took too long {why()}"
        time.sleep(0.1)


def parent_of(process):
    """Return the number of the parent, None where the process ended while it was looked at."""
    try:
        return process.ppid()
    except psutil.NoSuchProcess:
        return None


def is_gone(process):
    try:
        return process.status() == psutil.STATUS_ZOMBIE  # of another parent, which does not look
    except psutil.NoSuchProcess:
        return True


def pss(processes):
    """Return what processes hold in memory, each shared page counted once among those that share it, in bytes."""
    texts = [Path(f"/proc/{one.pid}/smaps_rollup").read_text() for one in processes]
    return sum(1024 * int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1]) for text in texts)


@pytest.fixture(scope="module")
def server(saved_audit):
    """Serve in a way, by the server that a test before left running if there is one: a start takes seconds."""
    with ExitStack() as stack:
        running = {}

        def serve(access=LOCAL, **options):
            way = (access, *sorted(options.items()))
            if way not in running or running[way].process.poll() is not None:
                running[way] = stack.enter_context(serving(saved_audit, access, **options))
            return running[way]

        yield serve


@pytest.fixture
def quick(server):
    """A server that soon forgets who left."""
    return server(idle_limit_s=FORGETS_AFTER_S, culling_every_s=1, refill_after_s=0)


@pytest.fixture
def guarded(server):
    """A server that asks for a password."""
    return server(Access(password=PASSWORD))


@pytest.fixture
def proxied(server):
    """A server behind a proxy."""
    return server(Access(proxy=PROXY))


@pytest.fixture
def place():
    with tempfile.TemporaryDirectory(prefix="clinflu-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture
def commanded(saved_audit, place):
    command = [sys.executable, "-c", CODE, str(saved_audit), str(place)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.wait(LIMIT_S)
    process.stdout.close()


def test_the_address_is_a_password_that_no_command_holds_and_the_server_ends_with_it(commanded):
    line = commanded.stdout.readline()
    url, token = re.search(r"(http://127\.0\.0\.1:\d+/)\?token=(\S+)", line).groups()
    assert len(token) >= 40
    family = psutil.Process(commanded.pid).children(recursive=True)
    commands = "\n".join(" ".join(one.cmdline()) for one in family)
    assert "clinflu.dashboard.serving" in commands
    assert token not in commands
    assert "kept" not in commands
    assert "/login" in urllib.request.urlopen(url, timeout=LIMIT_S).url  # noqa: S310
    commanded.send_signal(signal.SIGTERM)
    assert commanded.wait(LIMIT_S) == 0
    wait_until(lambda: all(map(is_gone, family)), GONE_LIMIT_S)


@pytest.mark.thorough
def test_the_server_ends_with_a_command_that_was_killed_and_tidies_up(commanded, place):
    commanded.stdout.readline()
    family = psutil.Process(commanded.pid).children(recursive=True)
    commanded.kill()
    wait_until(lambda: all(map(is_gone, family)), GONE_LIMIT_S)
    assert not place.exists()


def test_a_port_that_was_taken_meanwhile_ends_the_server_at_once(saved_audit, place):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        command, environment = serve_command(other.getsockname()[1]), serve_environment(saved_audit, TOKEN, place)
        process = subprocess.Popen(command, env=environment, cwd=place, stderr=subprocess.PIPE)
        with pytest.raises(StoreError, match="give another port"):
            listening_port(place, process)
        assert b"could not listen: Address already in use" in process.communicate(timeout=LIMIT_S)[1]
    assert process.returncode == 1


@forks
def test_a_page_that_is_left_takes_its_kernel_with_it(server, visit):
    served = server()
    count = len(served.kernels)
    page = visit(1280, 900, "light")
    page.goto(f"http://127.0.0.1:{served.port}/?token={TOKEN}", wait_until="commit")
    page.wait_for_selector("button.clinflu-row")
    served.wait_for_kernels(count + 1)
    page.goto("about:blank")
    served.wait_for_kernels(count)


@forks
def test_a_second_visitor_shares_the_memory_of_the_first(server):
    served = server()
    count = len(served.kernels)
    served.visit()
    served.wait_for_kernels(count + 1)
    time.sleep(2)  # the kernel that waits has run the notebook
    before = pss(served.family)
    served.visit()
    served.wait_for_kernels(count + 2)
    time.sleep(2)
    assert pss(served.family) - before < 300 * MIB
    assert len({one.pid for one in served.kernels}) == count + 2


@pytest.mark.thorough
@forks
def test_of_many_visitors_who_left_no_kernel_is_kept(quick):
    pages = [quick.visit() for _ in range(VISITORS)]
    assert len({re.search(r'"kernelId": ?"([^"]+)"', page)[1] for page in pages}) == VISITORS
    quick.wait_for_kernels(1)
    time.sleep(FORGETS_AFTER_S + 3)
    assert len(quick.kernels) == 1  # the one that waits is not culled
    assert "clinflu" in quick.visit()


@forks
def test_a_kernel_has_the_audit_the_role_and_nothing_to_write_to(quick, saved_audit):
    (kernel, *_) = quick.kernels
    assert {Path(f"/proc/{kernel.pid}/fd/{stream}").readlink() for stream in (1, 2)} == {Path(os.devnull)}
    server = psutil.Process(quick.process.pid).environ()
    assert (server["CLINFLU_AUDIT"], server["CLINFLU_ROLE"]) == (str(saved_audit), "clinician")


@forks
def test_others_at_this_machine_cannot_listen_to_a_kernel(quick):
    files = list(quick.place.glob("voila_*/kernel-*.json"))
    assert {json.loads(file.read_text())["transport"] for file in files} == {"ipc"}
    assert not [file for file in files if file.parent.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]


def test_without_the_token_no_websocket_opens_and_it_stays_out_of_the_log(quick):
    for path in (f"/api/kernels/{NO_KERNEL}/channels", f"/voila/query/{NO_KERNEL}"):
        assert quick.ask(path, **UPGRADE)[0] in (302, 403, 404)
    assert quick.ask(f"/api/kernels/{NO_KERNEL}?token={TOKEN}")[0] == 404
    assert f"/api/kernels/{NO_KERNEL}?token=" in quick.log
    assert TOKEN not in quick.log


def test_without_the_password_there_is_only_a_login(guarded):
    for path in ("/", f"/?token={TOKEN}", "/?token="):
        status, location = guarded.ask(path)
        assert (status, urllib.parse.urlsplit(location).path) == (302, "/login")
    assert guarded.ask("/", Authorization=f"token {TOKEN}")[0] == 302
    assert guarded.ask("/login")[0] == 200
    for path in (f"/api/kernels/{NO_KERNEL}", f"/api/kernels/{NO_KERNEL}/channels", f"/voila/query/{NO_KERNEL}"):
        assert guarded.ask(path, **UPGRADE)[0] in (302, 403, 404)


def log_in(served, password):
    """Fill in the form of the login; return the page that follows."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    url = f"http://127.0.0.1:{served.port}/login"
    form = opener.open(url, timeout=LIMIT_S).read().decode()
    token = re.search(r'name="_xsrf" value="([^"]+)"', form)[1]
    fields = urllib.parse.urlencode({"password": password, "_xsrf": token}).encode()
    with opener.open(url, fields, timeout=LIMIT_S) as answer:
        return answer.read().decode()


def test_the_password_opens_the_page_and_no_other_does(guarded):
    for wrong in ("", TOKEN, PASSWORD[:-1], PASSWORD.upper()):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            log_in(guarded, wrong)
    assert "jp-OutputArea" in log_in(guarded, PASSWORD)
    assert PASSWORD not in guarded.log


def test_behind_a_proxy_the_token_is_needed_and_its_origin_let_in(proxied):
    assert urllib.parse.urlsplit(proxied.ask("/", Host="audit.example.org", Origin=PROXY)[1]).path == "/login"
    kernel = re.search(r'"kernelId": ?"([^"]+)"', proxied.visit())[1]
    channels = f"/api/kernels/{kernel}/channels"
    assert proxied.ask(channels, **UPGRADE, Origin=PROXY)[0] == 403
    cookie = cookie_of(proxied)
    assert proxied.ask(channels, **UPGRADE, Origin=PROXY, Cookie=cookie)[0] == 101
    assert proxied.ask(channels, **UPGRADE, Origin="https://evil.example.org", Cookie=cookie)[0] == 403


def cookie_of(served):
    """Return the cookie that the token gives, which is for encrypted connections alone."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=LIMIT_S)
    try:
        connection.request("GET", f"/?token={TOKEN}")
        cookies = connection.getresponse().headers.get_all("Set-Cookie")
    finally:
        connection.close()
    assert all("secure" in cookie.lower() for cookie in cookies if cookie.startswith("username-"))
    return "; ".join(cookie.split(";")[0] for cookie in cookies)


@forks
@pytest.mark.parametrize(("signum", "access"), [(signal.SIGTERM, LOCAL), (signal.SIGKILL, Access(proxy=PROXY))])
def test_no_kernel_and_no_parent_of_kernels_outlives_the_server(server, signum, access):
    served = server(access)
    count = len(served.kernels)
    served.visit()
    served.wait_for_kernels(count + 1)
    family = served.family
    served.process.send_signal(signum)
    assert served.process.wait(GONE_LIMIT_S) == (0 if signum == signal.SIGTERM else -signum), served.log
    wait_until(lambda: all(map(is_gone, family)), GONE_LIMIT_S)


@pytest.mark.thorough
@forks
@pytest.mark.parametrize("impatient", [False, True])
def test_it_ends_in_order_while_a_kernel_still_starts(server, impatient):
    served = server(refill_after_s=0)
    count, end = len(served.family), time.monotonic() + LIMIT_S
    served.visit()  # by the kernel that waited; the next one's starts
    while len(family := served.family) == count:
        assert time.monotonic() < end
    served.process.terminate()
    for _ in range(5 * impatient):
        time.sleep(0.02)
        served.process.terminate()
    assert served.process.wait(GONE_LIMIT_S) == 0, served.log
    wait_until(lambda: all(map(is_gone, family)), GONE_LIMIT_S)
