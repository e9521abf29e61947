"""What a visitor of the served page waits for and costs: ``python tests/benchmarks/visitors.py AUDIT``.

AUDIT is a folder that ``clinflu run --save`` made. With Chromium the page is opened in it; without, its HTML is asked
for. A process is charged its share of the memory that it holds together with others (PSS).
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from rounds import timed
from rows import Row, as_table, below

from clinflu.dashboard.serving.app import serve_command
from clinflu.dashboard.serving.place import READY, serve_environment
from clinflu.dashboard.serving.processes import listening_port, stop

TOKEN = "token-of-the-benchmark"  # noqa: S105
PAGE = ".clinflu-panel"  # an error would be shown without one
LIMIT_S = 120
SETTLED_S = 6.0
MIB = 2**20
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class Served:
    """A server that runs, and how long it took until its first kernel was ready."""

    process: "subprocess.Popen[bytes]"
    url: str
    ready_s: float

    @property
    def kernels(self) -> list[psutil.Process]:
        """In the order in which they were forked."""
        return sorted(self.warm_parent.children(), key=psutil.Process.create_time)

    @property
    def warm_parent(self) -> psutil.Process:
        """The child of the server that was given the module to preload."""
        children = psutil.Process(self.process.pid).children()
        return next(one for one in children if "forkserver" in " ".join(one.cmdline()))

    def pss(self) -> float:
        """Return what the server and all that it started hold, MiB."""
        server = psutil.Process(self.process.pid)
        return sum(pss(one) for one in (server, *server.children(recursive=True)))


def visitor_rows(folder: Path) -> list[Row]:
    """Serve an audit to two visitors, one after the other."""
    load = os.getloadavg()[0]
    with serving(folder) as served, visitor(served.url) as visit:
        time.sleep(SETTLED_S)
        alone = served.pss()
        first_s = timed(visit)()
        time.sleep(SETTLED_S)
        with_first = served.pss()
        second_s = timed(visit)()
        time.sleep(SETTLED_S)
        with_second = served.pss()
        first, second, *_ = served.kernels
        return [
            Row("serving: load of the machine at the start", load, "processes"),
            Row("serving: from the command to the first ready kernel", served.ready_s, "s"),
            Row("serving: page of the first visitor", first_s, "s", below(3)),
            Row("serving: page of the second visitor", second_s, "s", below(3)),
            Row("serving: all processes before the first visitor, PSS", alone, "MiB"),
            Row("serving: the first visitor adds, PSS", with_first - alone, "MiB"),
            Row("serving: the second visitor adds, PSS", with_second - with_first, "MiB", below(300)),
            Row("serving: server, PSS", pss(psutil.Process(served.process.pid)), "MiB"),
            Row("serving: warm parent, PSS", pss(served.warm_parent), "MiB"),
            Row("serving: kernel of the first visitor, PSS", pss(first), "MiB"),
            Row("serving: kernel of the second visitor, PSS", pss(second), "MiB"),
            Row("serving: kernel of the second visitor, its own alone", pss(second, "Private_Dirty"), "MiB"),
        ]


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    """Serve an audit as ``clinflu app`` does."""
    with tempfile.TemporaryDirectory(prefix="clinflu-") as name:
        place, start = Path(name), time.perf_counter()
        environment = serve_environment(folder, TOKEN, place)
        process = subprocess.Popen(serve_command(), env=environment, cwd=place)
        try:
            while not (place / READY).exists():
                if time.perf_counter() - start > LIMIT_S or process.poll() is not None:
                    raise SystemExit("the server did not become ready")
                time.sleep(0.05)
            yield Served(
                process,
                f"http://127.0.0.1:{listening_port(place, process)}/?token={TOKEN}",
                time.perf_counter() - start,
            )
        finally:
            stop(process)


@contextmanager
def visitor(url: str) -> Iterator[Callable[[], None]]:
    """Give a way to open the page; those who opened it stay until the end."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        print("no Chromium here: the times are those of the HTML alone")
        yield lambda: urllib.request.urlopen(url, timeout=LIMIT_S).close()  # noqa: S310
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--headless"])
        browser.new_page().goto("about:blank")

        def visit() -> None:
            page = browser.new_context().new_page()
            page.goto(url, wait_until="commit")
            page.wait_for_selector(PAGE)

        yield visit
        browser.close()


def pss(process: psutil.Process, kind: str = "Pss") -> float:
    """Return the memory of a process, MiB."""
    text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    found = re.search(rf"^{kind}:\s+(\d+) kB", text, re.MULTILINE)
    return 1024 * int(found[1]) / MIB if found else 0.0


if __name__ == "__main__":
    print(as_table(visitor_rows(Path(sys.argv[1]))))
