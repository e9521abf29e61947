"""How long the clinician waits after each click, in a real browser: from the click to the painted answer."""

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rows import Row, below
from visitors import serving, visitor_rows

from clinflu import Audit
from clinflu.data.split import Split
from data_loaders.simulated import load_simulated

TIMES = 12
WINDOWS = 20
MANY = 101_766  # encounters; for once all of them are audited, those that taught the model too
PATIENCE_MS = 60_000
SETTLED_MS = 1500
ROUND_TRIP = """
async ([act, done]) => {
  const start = performance.now();
  new Function(act)();
  const isDone = new Function(`return ${done}`);
  while (!isDone()) await new Promise((wake) => requestAnimationFrame(wake));
  await new Promise((wake) => requestAnimationFrame(() => setTimeout(wake, 0)));
  return performance.now() - start;
}
"""
BUTTON = "[...document.querySelectorAll('button')].find((one) => one.textContent === '{}').click()"


@dataclass
class Visit:
    """One page, and how much it has received."""

    page: "object"
    received: dict[str, float]

    def wait_for(self, act: str, done: str) -> float:
        """Return the milliseconds from an act to the frame after the one that shows its answer."""
        return float(self.page.evaluate(ROUND_TRIP, [act, done]))


def served_rows(audit: Audit) -> list[Row]:
    """Return what visitors of the page wait for and cost."""
    with saved(audit) as folder:
        return visitor_rows(folder)


def click_rows(audit: Audit) -> list[Row]:
    """Go the clinician's way with one prediction after another."""
    with saved(audit) as folder, serving(folder) as served, visiting(served.url) as visit:
        received = sum(visit.received.values()) / 1e6
        times: dict[str, list[float]] = {name: [] for name in ("patient", "cards", "refits", "what-if")}
        for turn in range(TIMES):
            once_through(visit, turn % 10, times)
        return [
            Row("page: received for everything", received, "MB", below(6.5)),
            *_rows("click: the patient", times["patient"], 150),
            *_rows("click: cards of past patients, estimates marked", times["cards"], 250),
            *_rows("click: all of them refitted", times["refits"], 1500),
            *_rows("click: what if without a group of 500 to 1,000", times["what-if"], 400),
        ]


def window_rows() -> list[Row]:
    """Turn the pages of a list of 100,000 audited encounters."""
    study = Audit.fit(load_simulated(MANY)).study
    everyone = np.arange(len(study.design.y))
    study = replace(study, split=Split(study.split.train, everyone, np.empty(0, dtype=np.intp)))
    with saved(Audit(study)) as folder, serving(folder) as served, visiting(served.url) as visit:
        count = "document.querySelector('.clinflu-count').textContent.includes('page {} of')"
        turns = range(2, WINDOWS + 2)
        times = [visit.wait_for(BUTTON.format("Next"), count.format(turn)) for turn in turns]
        what = f"a window of {len(everyone):,} audited encounters"
        return _rows(f"click: {what}", times, 120)


def once_through(visit: Visit, place: int, times: dict[str, list[float]]) -> None:
    page = visit.page
    row = f"document.querySelectorAll('button.clinflu-row')[{place}]"
    name = page.locator("button.clinflu-row").nth(place).inner_text()
    explained = f"document.querySelector('.clinflu-patient .clinflu-headline')?.textContent.startsWith('{name}')"
    drawn = "document.querySelector('.clinflu-patient figure [data-drawn]')"
    times["patient"].append(visit.wait_for(f"{row}.click()", f"{explained} && {drawn}"))
    page.wait_for_timeout(300)
    shown = "document.querySelectorAll('.clinflu-card .clinflu-effect').length"
    past = "document.querySelector('.clinflu-patient .clinflu-primary').click()"
    refitted = f"{shown} && document.querySelectorAll('.clinflu-card .clinflu-refitted').length === {shown}"
    page.evaluate("window.cards = 0")
    both = f"(window.cards ||= {shown} ? performance.now() : 0), {refitted}"
    start = page.evaluate("performance.now()")
    times["refits"].append(visit.wait_for(past, both))
    times["cards"].append(page.evaluate("window.cards") - start)
    page.wait_for_function("() => !document.querySelector('.clinflu-progress progress')")
    page.get_by_role("button", name="What if?").click()
    page.wait_for_selector(".clinflu-whatif")
    page.get_by_label("Group of past patients", exact=True).select_option(_group(page, place))
    page.wait_for_selector("[data-act=ask-group]:not([disabled])")
    page.wait_for_timeout(SETTLED_MS)
    ask = "document.querySelector('[data-act=ask-group]').click()"
    times["what-if"].append(visit.wait_for(ask, "document.querySelector('.clinflu-answer .clinflu-risk')"))
    page.wait_for_function("() => !document.querySelector('.clinflu-progress progress')")


def _group(page: "object", place: int) -> str:
    options = page.get_by_label("Group of past patients", exact=True).locator("option")
    sizes = {one.get_attribute("value"): _size(one.text_content()) for one in options.all()}
    groups = [value for value, size in sizes.items() if 500 < size <= 1000]
    return groups[place % len(groups)]


def _size(text: str) -> int:
    found = re.search(r"\(([\d,]+) in training\)", text)
    return int(found[1].replace(",", "")) if found else 0


def _rows(what: str, times: list[float], bar: float) -> list[Row]:
    return [
        Row(f"{what}, median of {len(times)}", float(np.median(times)), "ms", below(bar)),
        Row(f"{what}, 90th percentile", float(np.quantile(times, 0.9)), "ms"),
    ]


@contextmanager
def saved(audit: Audit) -> Iterator[Path]:
    """Keep an audit in a folder for as long as it is measured."""
    with tempfile.TemporaryDirectory(prefix="clinflu-") as name:
        audit.save(Path(name) / "audit")
        yield Path(name) / "audit"


@contextmanager
def visiting(url: str) -> Iterator[Visit]:
    """Open the page in a Chromium and wait until nothing more arrives."""
    import shutil

    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--headless", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        page = browser.new_context(viewport={"width": 1280, "height": 1000}).new_page()
        page.set_default_timeout(PATIENCE_MS)
        visit = Visit(page, {"http": 0.0, "websocket": 0.0})
        _count(page, visit.received)
        page.goto(url, wait_until="commit")
        page.wait_for_selector("button.clinflu-row")
        page.wait_for_timeout(4 * SETTLED_MS)
        yield visit
        browser.close()


def _count(page: "object", received: dict[str, float]) -> None:
    """Count what arrives, bytes on the wire of answers and of frames."""
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")

    def add(kind: str, size: Callable[[dict], float]) -> Callable[[dict], None]:
        def count(event: dict) -> None:
            received[kind] += size(event)

        return count

    network.on("Network.loadingFinished", add("http", lambda event: event["encodedDataLength"]))
    network.on("Network.webSocketFrameReceived", add("websocket", lambda event: len(event["response"]["payloadData"])))
