"""The chart-review queue in a real Chromium: from the first record to a mended label, its gain, and back."""

import pytest
from browser.conftest import TOKEN, served
from browser.looks import cut_off, stumbling_blocks
from browser.steps import WATCH, assert_clean, settle

from clinflu.dashboard.serving.app import serve_command
from clinflu.dashboard.serving.place import serve_environment
from clinflu.dashboard.serving.processes import listening_port
from clinflu.verdicts import VerdictStore

pytestmark = pytest.mark.browser
NOTE = "planned <img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """Where the reviewer's verdicts are kept: nobody else has said anything there."""
    return tmp_path_factory.mktemp("log") / "verdicts.sqlite"


@pytest.fixture(scope="module")
def reviewer(saved_audit, log, tmp_path_factory):
    """The server of ``clinflu app --role analyst`` on a small audit whose every text is an attack."""
    place = tmp_path_factory.mktemp("voila")
    environment = serve_environment(saved_audit, TOKEN, place / "place", role="analyst")
    environment["CLINFLU_VERDICTS"] = str(log)
    yield from served(serve_command(), environment, place, lambda process: listening_port(place / "place", process))


def test_a_reviewer_mends_a_label_sees_the_gain_and_takes_it_back(visit, reviewer, log, audit):
    page = visit(width=1280, height=1000, scheme="light")
    page.goto(f"{reviewer.url}/?token={reviewer.token}", wait_until="commit")
    page.wait_for_selector("button.clinflu-row")
    page.evaluate(WATCH)
    panel = page.locator(".clinflu-review")
    panel.get_by_role("button", name="Open the queue").click()
    heading = panel.locator("h3")
    heading.wait_for()
    settle(page)
    first = heading.inner_text().split(",")[0]
    assert "The model that did not learn from it expects" in panel.inner_text()
    assert cut_off(page) == []
    assert stumbling_blocks(page, ".clinflu-review") == []
    panel.get_by_label(f"Note on {first}").fill(NOTE)
    panel.get_by_role("button", name="wrong label: wrong patient").click()
    page.wait_for_function(
        "name => !document.querySelector('.clinflu-review h3')?.textContent.startsWith(name)", arg=first
    )
    panel.get_by_role("cell", name="AUROC").or_(panel.get_by_role("rowheader", name="AUROC")).first.wait_for()
    settle(page)
    assert "1 reviewed, 1 wrong label found" in panel.inner_text()
    assert NOTE in panel.inner_text()
    assert cut_off(page) == []
    assert stumbling_blocks(page, ".clinflu-review") == []
    store = VerdictStore(log)
    (row,) = store.current(audit.study.fingerprint).to_dict("records")
    assert (row["encounter"], row["says"], row["note"]) == (first, "wrong_patient", NOTE)
    panel.get_by_role("button", name=f"Take back the verdict on {first}").click()
    page.wait_for_function(
        "name => document.querySelector('.clinflu-review h3')?.textContent.startsWith(name)", arg=first
    )
    settle(page)
    assert store.current(audit.study.fingerprint).empty
    assert store.verify().whole
    assert_clean(page)
