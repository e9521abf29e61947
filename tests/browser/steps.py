"""What a person does on the page, and what must hold at every moment."""

import re

HARMLESS = re.compile(r"[Ss]hared module|satisf|favicon")

# Runs in the page: every frame, what is on it must be of one subject, and every chart that is seen must be drawn.
WATCH = """
() => {
  window.staleFrames = [];
  const visible = (el) => el.checkVisibility({ visibilityProperty: true });
  const name = (text) => (text.match(/E-[A-Z2-7]{10}/) ?? [""])[0];
  const look = () => {
    const blocks = [...document.querySelectorAll(".clinflu-place")].filter(visible);
    const shown = {};
    for (const block of blocks) {
      const head = block.querySelector(".clinflu-patient .clinflu-headline");
      if (head) shown.headline = name(head.textContent);
      const current = block.querySelector("[aria-current]");
      if (current) shown.list = current.textContent;
      const code = block.querySelector(".clinflu-pastpatients code, .clinflu-whatif code");
      if (code) shown[block.querySelector("section").className] = name(code.textContent.split("audit.find")[1] ?? "");
    }
    const names = new Set(Object.values(shown).filter(Boolean));
    if (names.size > 1) window.staleFrames.push(JSON.stringify(shown));
    for (const chart of document.querySelectorAll(".clinflu-chart")) {
      if (chart.data && visible(chart) && !("drawn" in chart.dataset)) window.staleFrames.push("an old chart is seen");
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}
"""


def choose_row(page, place):
    """Click a row and wait until it is explained; return its pseudonym."""
    row = page.locator("button.clinflu-row").nth(place)
    name = row.inner_text()
    row.click()
    wait_for_explanation(page, name)
    return name


def wait_for_explanation(page, name):
    page.wait_for_function(
        "name => document.querySelector('.clinflu-patient .clinflu-headline')?.textContent.startsWith(name)", arg=name
    )
    page.wait_for_selector(".clinflu-patient figure[data-key=attribution] [data-drawn] .main-svg")


def open_past_patients(page):
    """The second click; wait for the refits."""
    page.get_by_role("button", name="Which past patients taught it this?").click()
    page.wait_for_selector(".clinflu-card .clinflu-refitted")


def open_what_if(page):
    """The third click."""
    page.get_by_role("button", name="What if?").click()
    page.wait_for_selector(".clinflu-whatif")


def settle(page):
    """Wait until nothing is being worked on, nothing older waits hidden, and every chart not under a fold is drawn."""
    page.wait_for_function(
        """() => !document.querySelector('.clinflu-progress progress, .clinflu-working, .clinflu-waiting')
        && ![...document.querySelectorAll('.clinflu-chart:not([data-drawn])')].some((one) => one.checkVisibility())"""
    )


def show_in(page, scheme):
    """Let the browser prefer light or dark, and wait until everything is drawn in it."""
    page.emulate_media(color_scheme=scheme)
    page.wait_for_function("scheme => document.querySelector('.clinflu-app').dataset.theme === scheme", arg=scheme)
    settle(page)


STILL = """
(selector) => {
  const top = document.querySelector(selector)?.getBoundingClientRect().top;
  const now = `${document.documentElement.scrollHeight} ${window.scrollY} ${top}`;
  if (window.whereItWas?.now !== now) window.whereItWas = { now, since: performance.now() };
  return performance.now() - window.whereItWas.since > 500;
}
"""


def bring_up(page, selector):
    """Scroll to a place once everything above it keeps its height, and wait until it rests there."""
    for _ in range(2):
        page.locator(selector).evaluate("place => place.scrollIntoView()")
        page.wait_for_function(STILL, arg=selector)


def answered(page):
    """Wait for the answer to a what-if, and return the step of the risk."""
    page.wait_for_selector(".clinflu-answer .clinflu-risk")
    return page.locator(".clinflu-answer .clinflu-risk").inner_text()


def error(page):
    return page.locator(".clinflu-error").inner_text() if page.locator(".clinflu-error:visible").count() else ""


def assert_clean(page):
    """Nothing left the machine, nothing of the data ran, nothing broke, nothing was stale."""
    assert page.outside == []
    assert page.dialogs == []
    assert page.locator("img[src='x']").count() == 0
    assert not (broken := [text for text in page.errors if not HARMLESS.search(text)]), broken
    assert page.evaluate("window.staleFrames ?? []") == []


def screen(page):
    """What a person sees, without the line that says what was just done, and without what is only drawn."""
    return page.evaluate(
        """() => [...document.querySelectorAll('.clinflu-panel')].map((panel) => panel.innerText.replace(/\\s+/g, ' '))
        .concat([...document.querySelectorAll('.clinflu-panel :is(input, select, textarea)')].map((one) =>
        `${one.ariaLabel ?? one.id}=${one.type === 'checkbox' ? one.checked : one.value}`))"""
    )
