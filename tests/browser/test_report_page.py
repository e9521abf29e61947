"""The page of a report in a real browser: whole, readable, safe, and without a word to any other machine."""

import time
from dataclasses import replace

import pypdf
import pytest
from browser.looks import CUT_OFF, stumbling_blocks
from report.example_document import HOSTILE, example, hostile

from clinflu.report.write import write_report

pytestmark = pytest.mark.browser

HEIGHT, PATIENCE_S = 900, 30
SEEN = [(800, "light"), (1280, "light"), (1280, "dark"), (1920, "light")]
CUT_OFF_HERE = CUT_OFF.replace(".clinflu-app *", "body *").replace(".clinflu-scroll", ".scroll")
UNFOLD = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"


def opened(page, document, folder):
    """Open the page of a document with the network off; return its address."""
    write_report(document, folder / "out", ("html",))
    address = (folder / "out" / "report.html").as_uri()
    page.context.set_offline(True)
    page.goto(address)
    page.evaluate("window.clinfluDrawn")
    return address


def asked_of_others(page, address):
    return [one for one in page.asked if one.partition("#")[0] != address and not one.startswith(("data:", "blob:"))]


@pytest.mark.parametrize(("width", "scheme"), SEEN)
@pytest.mark.parametrize("internal", [False, pytest.param(True, marks=pytest.mark.thorough)])
def test_the_page_is_whole_and_readable(visit, tmp_path, width, scheme, internal):
    page = visit(width=width, height=HEIGHT, scheme=scheme)
    address = opened(page, example(internal=internal, simulated=internal), tmp_path)
    page.evaluate(UNFOLD)
    assert page.evaluate(CUT_OFF_HERE) == []
    assert stumbling_blocks(page) == []
    assert page.locator(".main-svg").count() > 0
    assert page.errors == []
    assert asked_of_others(page, address) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_text_of_the_data_becomes_anything_else(visit, tmp_path, scheme):
    page = visit(width=1280, height=HEIGHT, scheme=scheme)
    address = opened(page, hostile(), tmp_path)
    page.evaluate(UNFOLD)
    page.locator(".plot").first.hover()
    for event in ("beforeprint", "afterprint"):
        page.evaluate(f"dispatchEvent(new Event('{event}'))")
    page.wait_for_timeout(300)
    assert page.dialogs == []
    assert page.errors == []
    assert asked_of_others(page, address) == []
    assert page.locator("main :is(img, script, iframe, object, embed, form, base, link, meta)").count() == 0
    assert page.locator("script").count() == 4
    assert page.evaluate("[...document.links].every((one) => one.getAttribute('href').startsWith('#'))")
    seen = page.locator("tbody").first.inner_text()
    assert all(" ".join(text.split()) in " ".join(seen.split()) for text in HOSTILE)
    drawn = page.locator(".plot").first.evaluate("place => place.textContent")
    assert "<img src=x onerror=alert" in drawn


def test_a_link_to_a_folded_table_opens_it(page, tmp_path):
    document = example()
    chart = replace(document.charts()[0], table="long")
    section = replace(document.sections[1], parts=(chart, *document.sections[1].parts[1:]))
    opened(page, replace(document, sections=(section,)), tmp_path)
    assert page.locator("details[open]").count() == 0
    page.get_by_role("link", name="A long table").click()
    page.locator("details[open] tbody tr").nth(59).wait_for()


def test_the_contents_lead_to_the_sections(page, tmp_path):
    opened(page, example(internal=True), tmp_path)
    page.get_by_role("navigation", name="Contents").get_by_role("link", name="Rates").click()
    notice = page.locator("aside").bounding_box()
    heading = page.get_by_role("heading", name="Rates", exact=True).first.bounding_box()
    assert notice["y"] == pytest.approx(0, abs=1)
    assert notice["y"] + notice["height"] <= heading["y"] < HEIGHT


def test_printing_unfolds_everything_and_the_screen_comes_back(page, tmp_path):
    opened(page, example(), tmp_path)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details[open]").count() == 1
    assert page.locator(".modebar-btn").count() == 0
    assert page.locator(".main-svg").count() > 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.locator(".modebar-btn").first.wait_for(state="attached")
    assert page.locator("details[open]").count() == 0


def test_the_charts_follow_the_scheme(page, tmp_path):
    opened(page, example(), tmp_path)
    paper = "getComputedStyle(document.querySelector('.main-svg')).background"
    assert "rgb(255, 255, 255)" in page.evaluate(paper)
    page.emulate_media(color_scheme="dark")
    until = time.monotonic() + PATIENCE_S
    while "rgb(21, 27, 35)" not in page.evaluate(paper):  # the page allows no waiting inside: that would need eval
        assert time.monotonic() < until
        time.sleep(0.05)


def test_the_measure_of_what_is_cut_off_finds_a_fault(page, tmp_path):
    opened(page, example(), tmp_path)
    page.evaluate("document.querySelector('main p').style.width = '3000px'")
    assert any("leaves the window" in one for one in page.evaluate(CUT_OFF_HERE))


def test_a_page_that_a_reader_prints_says_internal_on_every_sheet(page, tmp_path):
    opened(page, example(internal=True, simulated=True), tmp_path)
    page.pdf(path=tmp_path / "printed.pdf", prefer_css_page_size=True)
    texts = [sheet.extract_text() for sheet in pypdf.PdfReader(tmp_path / "printed.pdf").pages]
    assert len(texts) > 1
    assert all("INTERNAL" in text and "SIMULATED" in text for text in texts)
    assert "w59" in " ".join(texts)
