"""Every state of the flow, at every width, light and dark, under Voila: read and compared."""

import pytest
from browser.looks import LARGEST_SHARE, assert_as_it_was, cut_off, share_of_difference, stumbling_blocks
from browser.steps import (
    WATCH,
    answered,
    assert_clean,
    bring_up,
    choose_row,
    open_past_patients,
    open_what_if,
    settle,
    show_in,
)
from PIL import Image, ImageDraw

pytestmark = pytest.mark.browser

HEIGHT = 1000
SEEN = {800: ("light",), 1280: ("light", "dark"), 1920: ("light",)}


def look(page, width, state, place=None):
    """What must hold of every state; where a place is named, it is photographed there."""
    for scheme in SEEN[width]:
        show_in(page, scheme)
        look_once(page, f"voila-{width}-{scheme}-{state}", place)
    show_in(page, SEEN[width][0])


def look_once(page, name, place):
    settle(page)
    page.mouse.move(1, 1)
    page.evaluate("document.activeElement.blur()")
    assert_whole(page, name)

    def photograph():
        if place:
            bring_up(page, place)
        return page.screenshot(animations="disabled")

    assert_as_it_was(photograph, name)


UNSTYLED = """
() => [...document.querySelectorAll('.clinflu-app button')]
  .filter((one) => one.checkVisibility() && getComputedStyle(one).appearance !== 'none')
  .map((one) => one.textContent)
"""


def assert_whole(page, name):
    assert page.evaluate(UNSTYLED) == [], name
    assert cut_off(page) == [], name
    assert stumbling_blocks(page) == [], name


WIDTHS = [one if one == 1280 else pytest.param(one, marks=pytest.mark.thorough) for one in SEEN]


@pytest.mark.parametrize("width", WIDTHS)
def test_every_state_is_whole_and_readable(revisit, gallery, width):
    page = revisit(width=width, height=HEIGHT, scheme="light")
    page.goto(f"{gallery.url}/?token={gallery.token}", wait_until="commit")
    page.wait_for_selector("button.clinflu-row")
    page.evaluate(WATCH)
    look(page, width, "1-list")
    choose_row(page, 0)
    look(page, width, "2-patient")
    open_past_patients(page)
    look(page, width, "3-past-patients")
    open_what_if(page)
    page.locator(".clinflu-card input[type=checkbox]").first.check()
    page.get_by_text("The past patients that you ticked (1)").wait_for()
    page.get_by_role("button", name="Refit", exact=True).click()
    answered(page)
    look(page, width, "4-what-if", ".clinflu-whatif [data-heading]")
    everything_open(page)
    for scheme in SEEN[width]:
        show_in(page, scheme)
        assert_whole(page, f"everything open, {width} {scheme}")
    assert_clean(page)


def everything_open(page):
    """Unfold whatever can be unfolded, say a verdict, make an error, and open the help."""
    page.evaluate("document.querySelectorAll('.clinflu-app details').forEach((fold) => { fold.open = true; })")
    page.locator(".clinflu-card select").first.select_option("wrong_patient")
    page.get_by_role("button", name="with the right outcome?").wait_for()
    page.locator(".clinflu-card textarea").first.wait_for()
    page.get_by_label("What to do with them").select_option("edit")
    page.get_by_label("Recorded variable", exact=True).select_option("time_in_hospital")
    page.get_by_label("New value of").wait_for()
    page.get_by_label("Name of a checkpoint").fill("a point to return to")
    page.get_by_label("Name of a checkpoint").press("Enter")
    page.get_by_role("button", name="For clinicians").click()
    page.locator(".clinflu-help img").first.wait_for()
    page.get_by_role("button", name="Reveal the identifier").click()
    page.locator(".clinflu-identifier").wait_for()
    page.get_by_label("Alert from a risk of").fill("0")
    page.get_by_label("Alert from a risk of").press("Enter")
    page.locator(".clinflu-error:visible").wait_for()
    settle(page)


def test_the_measures_find_what_they_are_for(revisit, gallery):
    """Each check is shown a fault that it must find."""
    page = revisit(width=1280, height=HEIGHT, scheme="light")
    page.goto(f"{gallery.url}/?token={gallery.token}", wait_until="commit")
    page.wait_for_selector("button.clinflu-row")
    choose_row(page, 0)
    settle(page)
    page.evaluate("document.querySelector('.clinflu-patient').style.width = '1500px'")
    assert any("leaves the window" in one for one in cut_off(page))
    page.evaluate("document.querySelector('.clinflu-patient').style.width = ''")
    page.evaluate("document.querySelector('.main-svg text').setAttribute('transform', 'translate(-900, 0)')")
    assert any("is cut off" in one for one in cut_off(page))
    page.evaluate("document.querySelector('.clinflu-app').append(document.createElement('input'))")
    assert [name for name, _ in stumbling_blocks(page)] == ["label"]
    white = Image.new("RGB", (400, 400), "white")
    other = white.copy()
    ImageDraw.Draw(other).rectangle((0, 0, 100, 100), fill="black")
    assert share_of_difference(white, white) == 0
    assert share_of_difference(white, other) > LARGEST_SHARE
