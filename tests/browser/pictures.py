"""Take the pictures of the README and of the app's own help, on the built-in cohort: ``make pictures``."""

import io
import os
import tempfile
from pathlib import Path

from browser.conftest import FLAGS, TOKEN, served
from browser.steps import answered, choose_row, open_past_patients, open_what_if, settle
from PIL import Image

from clinflu import Audit
from clinflu.dashboard.serving.app import serve_command
from clinflu.dashboard.serving.place import serve_environment
from clinflu.dashboard.serving.processes import listening_port
from clinflu.report import subgroup_report
from data_loaders import load

ROOT = Path(__file__).parents[2]
HELP = ROOT / "clinflu" / "dashboard" / "pictures"
README = ROOT / "notebooks" / "pictures"
WIDTH, HEIGHT = 1360, 900
HELP_WIDTH = 620
COLOURS = 64


def take(browser, url):
    """Go the clinician's way with a child whom a planted cause misjudges, and keep what is seen."""
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    page = context.new_page()
    page.goto(url, wait_until="commit")
    page.wait_for_selector("button.clinflu-row")
    page.get_by_role("button", name="Children").click()
    page.wait_for_function("() => document.querySelector('.clinflu-chip[aria-pressed=true]').textContent !== 'All'")
    keep(page.locator(".clinflu-predictions"), HELP / "list.png", height=640)
    choose_row(page, 0)
    settle(page)
    page.evaluate("document.querySelector('.clinflu-statusplace').scrollIntoView()")
    keep(page, README / "app.png")
    keep(page.locator(".clinflu-patient"), HELP / "patient.png", height=760)
    open_past_patients(page)
    settle(page)
    page.locator(".clinflu-pastpatients [data-heading]").evaluate("one => one.scrollIntoView()")
    keep(page, README / "past_patients.png")
    keep(page.locator(".clinflu-pastpatients"), HELP / "past.png", height=700)
    open_what_if(page)
    for place in range(3):
        page.locator(".clinflu-card input[type=checkbox]").nth(place).check()
    page.get_by_text("The past patients that you ticked (3)").wait_for()
    page.get_by_role("button", name="Refit", exact=True).click()
    answered(page)
    settle(page)
    keep(page.locator(".clinflu-whatif"), HELP / "what-if.png", height=760)
    context.close()


def take_report(browser, audit, folder):
    """Write the report, and keep its chart of the subgroups."""
    subgroup_report(audit, folder / "report", formats=("html",))
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, offline=True)
    page = context.new_page()
    page.goto((folder / "report" / "report.html").as_uri() + "#subgroups")
    page.evaluate("window.clinfluDrawn")
    keep(page, README / "report.png")
    context.close()


def keep(what, path, height=None):
    """Write a picture, small: its upper part, in few colours; those of the help as wide as their column."""
    image = Image.open(io.BytesIO(what.screenshot(animations="disabled"))).convert("RGB")
    if height:
        image = image.crop((0, 0, image.width, min(height, image.height)))
        image = image.resize((HELP_WIDTH, image.height * HELP_WIDTH // image.width), Image.Resampling.LANCZOS)
    path.parent.mkdir(exist_ok=True)
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def main():
    """Serve the built-in cohort, and take the pictures."""
    import shutil

    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        os.environ |= dict.fromkeys(("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"), folder)
        audit = Audit.fit(load("simulated"))
        audit.save(place / "audit")
        environment = serve_environment(place / "audit", TOKEN, place / "place")
        for server in served(serve_command(), environment, place, lambda one: listening_port(place / "place", one)):
            with sync_playwright() as driver:
                browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
                take(browser, f"{server.url}/?token={server.token}")
                take_report(browser, audit, place)
                browser.close()


if __name__ == "__main__":
    main()
