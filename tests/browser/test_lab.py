"""The dashboard in a notebook of JupyterLab: with an audit whose every text is an attack, and at every width."""

import pytest
from browser.looks import assert_as_it_was, cut_off, stumbling_blocks
from browser.steps import WATCH, answered, choose_row, open_past_patients, open_what_if, settle

from clinflu.dashboard.wording import step

pytestmark = pytest.mark.browser

HEIGHT = 1000
WIDTHS = (800, 1280, 1920)


def open_notebook(page, lab, name):
    page.goto(f"{lab.url}/lab/tree/{name}?token={lab.token}&reset", wait_until="domcontentloaded")
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    page.wait_for_selector("text=Python 3 (ipykernel) | Idle")


def run_all(page):
    """Run every cell; wait for the dashboard that this makes, not for one that stood there before."""
    page.evaluate("document.querySelectorAll('.clinflu-app').forEach((one) => { one.dataset.before = ''; })")
    page.click("text=Run >> nth=0")
    page.click("li[data-command='runmenu:run-all']")
    page.wait_for_selector(".clinflu-app:not([data-before]) button.clinflu-row")
    page.wait_for_selector(".clinflu-app[data-before]", state="detached")


def test_the_same_dashboard_runs_in_a_notebook(revisit, lab, audit):
    page = revisit(width=1400, height=HEIGHT, scheme="light")
    open_notebook(page, lab, "hostile.ipynb")
    run_all(page)
    page.evaluate(WATCH)
    name = choose_row(page, 0)
    worst = audit.mistakes().index[0]
    assert name in page.locator(".clinflu-patient .clinflu-headline").inner_text()
    open_past_patients(page)
    trace = audit.trace(worst)
    change = trace.pushed_toward_error["risk_change_refit_pp"].iloc[0]
    assert step(trace.risk, change) in page.locator(".clinflu-card .clinflu-effect").first.inner_text()
    open_what_if(page)
    page.locator(".clinflu-card input[type=checkbox]").first.check()
    page.get_by_text("The past patients that you ticked (1)").wait_for()
    page.get_by_role("button", name="Refit", exact=True).click()
    assert answered(page) == step(trace.risk, change)
    settle(page)
    assert "Would you like to" not in page.locator("body").inner_text()
    assert page.locator(".modebar-btn").count() == 0
    assert page.outside == []
    assert page.dialogs == []
    assert page.locator("img[src='x']").count() == 0
    assert page.evaluate("window.staleFrames") == []


@pytest.fixture(scope="module")
def story(browser_context, visit_once, lab):
    """The notebook of the built-in cohort; every run of its cells makes a dashboard anew."""
    page = visit_once(WIDTHS[0], HEIGHT, "light", browser_context)
    open_notebook(page, lab, "story.ipynb")
    return page


@pytest.mark.parametrize("width", [WIDTHS[0], *(pytest.param(one, marks=pytest.mark.thorough) for one in WIDTHS[1:])])
def test_the_same_in_jupyterlab(story, width):
    story.set_viewport_size({"width": width, "height": HEIGHT})
    run_all(story)
    choose_row(story, 0)
    open_past_patients(story)
    open_what_if(story)
    settle(story)
    story.wait_for_timeout(300)
    settle(story)
    assert cut_off(story) == []
    assert stumbling_blocks(story, ".clinflu-app") == []
    patient = story.locator(".clinflu-patient")
    assert_as_it_was(lambda: patient.screenshot(animations="disabled"), f"lab-{width}-patient")
