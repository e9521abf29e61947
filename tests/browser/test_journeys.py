"""Random journeys through the page: nothing breaks, no number is stale, and undo leads all the way back."""

import os
import random

import pytest
from browser.conftest import PATIENCE_MS
from browser.steps import WATCH, assert_clean, error, screen, settle

from clinflu.dashboard.answers import UNEXPECTED
from clinflu.dashboard.wording import percent, step

pytestmark = pytest.mark.browser

JOURNEYS = int(os.environ.get("CLINFLU_BROWSER_JOURNEYS", "4"))
STEPS = 7
MOST_UNDONE = 100
IN_A_FILE = ("save", "open", "keep", "return", "help", "reveal", "undo", "redo", "stop")  # they have tests of their own
CONTROLS = f"""
() => [...document.querySelectorAll('.clinflu-panel [data-act]')]
  .filter((one) => one.checkVisibility() && !one.disabled && !{list(IN_A_FILE)}.includes(one.dataset.act))
  .map((one) => `[data-act="${{one.dataset.act}}"]` + (one.dataset.key ? `[data-key="${{one.dataset.key}}"]` : ""))
"""

# The line may still say so of the step before: what counts is that it says so anew.
UNDO = f"""
(button) => new Promise((answer) => {{
  const place = document.querySelector(".clinflu-statusplace");
  const says = () => place.querySelector(".clinflu-status").textContent;
  const watch = new MutationObserver(() => says().startsWith("Undone: ") && answer(says()));
  watch.observe(place, {{ childList: true, subtree: true, characterData: true }});
  setTimeout(() => answer(`nothing new in the line, which says: ${{says()}}`), {PATIENCE_MS});
  button.click();
}})
"""


@pytest.fixture(scope="module")
def traveller(visit_once, voila):
    page = visit_once(1280, 1000, "light")
    page.goto(f"{voila.url}/?token={voila.token}", wait_until="commit")
    page.wait_for_selector("button.clinflu-row")
    page.evaluate(WATCH)
    return page


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(JOURNEYS))
def test_a_journey_breaks_nothing_and_can_be_undone(traveller, audit, seed):
    chance = random.Random(seed)  # noqa: S311 no secret
    start = screen(traveller)
    for _ in range(STEPS):
        take_a_step(traveller, chance)
        settle(traveller)
        assert UNEXPECTED not in error(traveller)
        assert_numbers_are_true(traveller, audit)
    undo_everything(traveller)
    settle(traveller)
    assert screen(traveller) == start
    assert_clean(traveller)


def undo_everything(page):
    """Press Undo until there is nothing left to undo."""
    undo = page.get_by_role("button", name="Undo")
    for _ in range(MOST_UNDONE):
        if undo.is_disabled():
            return
        assert undo.evaluate(UNDO).startswith("Undone: ")
    raise AssertionError("undo does not come to an end")


def take_a_step(page, chance):
    """Use any control of the page, at random; those that lead on are chosen more often."""
    controls = page.evaluate(CONTROLS)
    onward = [one for one in controls if any(name in one for name in ("choose", "past", "what-if", "ask", "tick"))]
    control = page.locator(chance.choice(onward if onward and chance.random() < 0.6 else controls)).first
    kind = control.evaluate("one => one.tagName + ' ' + (one.type ?? '')")
    if kind.startswith("SELECT"):
        values = control.evaluate("one => [...one.options].map((option) => option.value)")
        control.select_option(chance.choice(values))
    elif "checkbox" in kind or kind.startswith("BUTTON"):
        control.click()
    else:
        control.fill(chance.choice(["7", "12.5", "0"] if "number" in kind else ["E-", "medical", "x", "7"]))
        control.press("Tab")
    page.wait_for_timeout(250)


def assert_numbers_are_true(page, audit):
    """What the page says of the chosen patient and of its first past patient is what the audit says."""
    headline = page.locator(".clinflu-patient .clinflu-headline")
    if not headline.count():
        return
    name = headline.locator("strong").inner_text()
    encounter = audit.find(name)
    trace = audit.trace(encounter)
    assert percent(trace.risk) in headline.inner_text()
    effect = page.locator(".clinflu-column[data-tone=toward] .clinflu-effect")
    if effect.count():
        change = trace.pushed_toward_error["risk_change_refit_pp"].iloc[0]
        assert step(trace.risk, change) in effect.first.inner_text()
