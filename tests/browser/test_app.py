"""A clinician's way through the page, in a real browser, and what the server refuses."""

import http.client
import re
from urllib.parse import urlsplit

import numpy as np
import pytest

from clinflu import Remove
from clinflu.dashboard.wording import percent, points, step

pytestmark = pytest.mark.browser

HARMLESS = re.compile(r"[Ss]hared module|satisf|favicon")


def choose_row(page, place):
    """Click a row and wait until it is explained; return its pseudonym."""
    row = page.locator("button.clinflu-row").nth(place)
    name = row.inner_text()
    row.click()
    wait_for_explanation(page, name)
    return name


def wait_for_explanation(page, name):
    page.wait_for_function(
        "name => document.querySelector('.clinflu-headline')?.textContent.startsWith(name)", arg=name
    )
    page.wait_for_selector(".js-plotly-plot .main-svg")


def assert_clean(page):
    """Nothing left the machine, nothing of the data ran, nothing broke."""
    assert page.outside == []
    assert page.dialogs == []
    assert page.locator("img[src='x']").count() == 0
    assert [text for text in page.errors if not HARMLESS.search(text)] == []


def test_nothing_is_explained_until_a_prediction_is_chosen(clinician, hostile):
    assert clinician.get_by_text("INTERNAL working paper").is_visible()
    assert clinician.get_by_text("SIMULATED patients: nobody real").is_visible()
    assert clinician.get_by_text("Choose a wrong prediction from the list.").is_visible()
    assert hostile in clinician.locator(".clinflu-about").inner_text()
    assert clinician.locator(".clinflu-card").count() == 0


def test_a_clinician_finds_out_why_and_removes_who_taught_it(clinician, audit, hostile):
    choose_row(clinician, 0)
    worst = audit.mistakes().index[0]
    trace = audit.trace(worst)
    sentence = clinician.locator(".clinflu-headline").inner_text()
    assert percent(trace.risk) in sentence
    assert hostile in sentence
    assert clinician.locator(".waterfalllayer .point").count() == len(trace.attribution) + 2
    rows = clinician.locator(".clinflu-attribution tbody tr")
    assert rows.last.inner_text().split("\t")[-1].strip() == percent(trace.risk)

    toward = clinician.locator(".clinflu-column[data-tone=toward]")
    assert toward.locator(".clinflu-card").count() == 5
    toward.get_by_text("Show 5 more").click()
    assert toward.locator(".clinflu-card").count() == 10
    chosen = list(trace.pushed_toward_error.index[[0, 9]])
    for place in (0, 9):
        toward.locator("input[type=checkbox]").nth(place).check()
    clinician.get_by_text("Without the selected patients (2)").click()
    clinician.wait_for_selector(".clinflu-risk")
    refit = audit.what_if(Remove(chosen))
    assert clinician.locator(".clinflu-risk").inner_text() == step(trace.risk, refit.risk_change_pp(worst))

    clinician.get_by_text("Without all 10 that pushed toward the error").click()
    everyone = step(trace.risk, trace.together.risk_change_refit_pp)
    clinician.wait_for_function("text => document.querySelector('.clinflu-risk')?.textContent === text", arg=everyone)
    assert_clean(clinician)


def test_the_chart_of_past_patients_shows_the_refits(clinician, audit):
    choose_row(clinician, 1)
    clinician.get_by_text("Show all of them in a chart").click()
    clinician.wait_for_selector(".clinflu-pastpatients .barlayer .point")
    trace = audit.trace(audit.mistakes().index[1])
    shown = clinician.evaluate(
        "[...document.querySelectorAll('.clinflu-pastpatients .js-plotly-plot')]"
        ".flatMap(one => one.data.filter(part => part.type === 'bar').flatMap(part => [...part.x]))"
    )
    refits = [*trace.pushed_toward_error["risk_change_refit_pp"], *trace.pushed_against["risk_change_refit_pp"]]
    np.testing.assert_allclose(shown, refits, atol=1e-8)
    assert_clean(clinician)


def test_no_chart_offers_to_be_shared(clinician):
    choose_row(clinician, 0)
    clinician.locator(".js-plotly-plot").first.hover()
    clinician.wait_for_timeout(300)
    assert clinician.locator(".modebar-btn").count() == 0
    assert clinician.locator("[data-title*=hare], [aria-label*=hare]").count() == 0
    assert "Share chart" not in clinician.locator("body").inner_text()


def test_the_list_can_be_used_with_the_keyboard_alone(clinician):
    buttons = clinician.locator("button.clinflu-row")
    third = buttons.nth(2).inner_text()
    buttons.nth(1).focus()
    clinician.keyboard.press("ArrowDown")
    clinician.keyboard.press("Enter")
    wait_for_explanation(clinician, third)
    clinician.wait_for_function("name => document.querySelector('[aria-current]')?.textContent === name", arg=third)
    assert clinician.evaluate("document.activeElement.textContent") == third
    clinician.keyboard.press("End")
    assert clinician.evaluate("document.activeElement.textContent") == buttons.last.inner_text()


def test_search_chips_and_pages_narrow_the_list(clinician, audit):
    mistakes = audit.mistakes()
    alarms = int((mistakes["kind"] == "false alarm").sum())
    starts = "text => document.querySelector('.clinflu-count').textContent.startsWith(text)"
    clinician.get_by_text(f"False alarms ({alarms})").click()
    clinician.wait_for_function(starts, arg=f"{alarms} in all")
    assert clinician.locator(".clinflu-chip[aria-pressed=true]").inner_text() == f"False alarms ({alarms})"
    clinician.get_by_text(f"All ({len(mistakes)})").click()
    clinician.wait_for_function(starts, arg=f"{len(mistakes)} in all")
    clinician.get_by_text("Next", exact=True).click()
    clinician.wait_for_function("document.querySelector('.clinflu-count').textContent.includes('page 2')")
    name = clinician.locator("button.clinflu-row").first.inner_text()
    search = clinician.get_by_label("Search by pseudonym")
    search.fill(name.lower())
    clinician.wait_for_function("document.querySelectorAll('button.clinflu-row').length === 1")
    assert clinician.locator("button.clinflu-row").inner_text() == name
    search.fill("")
    clinician.wait_for_function(starts, arg=f"{len(mistakes)} in all")
    assert_clean(clinician)


def test_the_page_fits_a_narrow_window(clinician):
    choose_row(clinician, 0)
    for width in (800, 1300):
        clinician.set_viewport_size({"width": width, "height": 1000})
        clinician.wait_for_timeout(800)
        assert clinician.evaluate("document.documentElement.scrollWidth") <= width
        chart = clinician.locator(".js-plotly-plot .main-svg").first.bounding_box()
        place = clinician.locator(".js-plotly-plot").first.bounding_box()
        assert chart["x"] + chart["width"] <= width
        assert abs(chart["width"] - place["width"]) < 2


def test_plotly_is_sent_once_and_no_source_is_in_the_page(clinician):
    choose_row(clinician, 1)
    assert clinician.locator(".js-plotly-plot").count() >= 1
    assert sum(size > 4_000_000 for size in clinician.frames_received) == 1
    assert "saved()" not in clinician.content()


@pytest.mark.parametrize("path", ["/", "/voila/render/app.ipynb", "/?token=wrong"])
def test_without_the_token_there_is_only_a_login(voila, path):
    status, location, body = ask(voila, path)
    assert status in (302, 403)
    assert status == 403 or urlsplit(location).path == "/login"
    assert b"clinflu" not in body


def test_kernels_are_closed_to_strangers(voila):
    assert ask(voila, "/api/kernels")[0] in (302, 403, 404)
    known = "/api/kernels/00000000-0000-0000-0000-000000000000"
    assert ask(voila, known)[0] in (302, 403, 404)
    upgrade = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "x" * 24,
    }
    assert ask(voila, f"{known}/channels", upgrade)[0] in (302, 403, 404)


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/etc/passwd",
        "/voila/static/../app.py",
        "/voila/static/../../../../../../../../etc/passwd",
        "/voila/static//etc/passwd",
        "/voila/static/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/voila/static/..%2f..%2f..%2f..%2f..%2f..%2f..%2fetc/passwd",
        "/voila/static/%2Fetc%2Fpasswd",
        "/voila/files/app.py",
        "/voila/files/app.ipynb",
        "/voila/files/panels/mistakes.py",
        "/voila/files/cohort.parquet",
        "/voila/files/../../pyproject.toml",
        "/voila/files/%2e%2e/%2e%2e/pyproject.toml",
        "/voila/templates/clinflu/static/../../../../kernels/python3/kernel.json",
        "/voila/templates/clinflu/static/%2e%2e/index.html.j2",
        "/cohort.parquet",
        "/app.py",
    ],
)
def test_no_file_of_the_machine_is_served(voila, path):
    headers = {"Authorization": f"token {voila.token}"}
    status, location, body = ask(voila, path, headers)
    for _ in range(3):
        if status in (301, 302):
            status, location, body = ask(voila, location, headers)
    assert status in (403, 404, 500), path  # 500: an assertion in Voila refuses paths that do not start in a template
    assert not re.search(rb"root:|import |argv|extends|requires", body)


def test_the_log_of_the_server_holds_nothing_of_the_data(voila, audit, hostile):
    text = voila.log.read_text()
    assert hostile not in text
    assert voila.token not in text
    assert not {*audit.cohort.frame.index, *audit.cohort.patients} & set(re.findall(r"\w+", text))


def ask(server, path, headers=None):
    """Ask for a path as it stands; return the status, where it leads to, and the body."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.getheader("Location", ""), answer.read()
    finally:
        connection.close()


def test_the_same_dashboard_runs_in_a_notebook(page, lab, audit):
    page.goto(f"{lab.url}/lab/tree/story.ipynb?token={lab.token}&reset", wait_until="domcontentloaded")
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    page.wait_for_selector("text=Python 3 (ipykernel) | Idle")
    page.click("text=Run >> nth=0")
    page.click("li[data-command='runmenu:run-all']")
    page.wait_for_selector("button.clinflu-row")
    name = choose_row(page, 0)
    worst = audit.mistakes().index[0]
    assert name in page.locator(".clinflu-headline").inner_text()
    card = page.locator(".clinflu-card .clinflu-effect").first.inner_text()
    change = audit.what_if(Remove(audit.trace(worst).pushed_toward_error.index[:1])).risk_change_pp(worst)
    assert points(change, 2) in card
    page.get_by_text("Without all 10 that pushed toward the error").click()
    page.wait_for_selector(".clinflu-risk")
    assert "Would you like to" not in page.locator("body").inner_text()
    assert page.locator(".modebar-btn").count() == 0
    assert page.outside == []
    assert page.dialogs == []
    assert page.locator("img[src='x']").count() == 0
