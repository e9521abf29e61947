"""The analyst's page in a real Chromium: the sections of the report, with charts, tables and Python."""

import pytest
from browser.looks import cut_off, stumbling_blocks
from browser.steps import WATCH, assert_clean, settle

from clinflu.findings.sections import TITLES

pytestmark = pytest.mark.browser

LOOKED_AT = ("performance", "calibration", "subgroups")
PATIENCE_MS = 120_000


@pytest.fixture(scope="module")
def opened(visit_once, analyst):
    """A page whose sections are computed once; each time that one is chosen it is drawn anew."""
    page = visit_once(1280, 1000, "light")
    page.goto(f"{analyst.url}/?token={analyst.token}", wait_until="commit")
    page.wait_for_selector("button.clinflu-row")
    page.evaluate(WATCH)
    return page


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), pytest.param(800, "dark", marks=pytest.mark.thorough)])
def test_the_analyst_reads_every_figure_in_words_charts_and_tables(opened, width, scheme):
    page = opened
    page.set_viewport_size({"width": width, "height": 1000})
    page.emulate_media(color_scheme=scheme)
    panel = page.locator(".clinflu-whole-model")
    assert "INTERNAL" in panel.inner_text()
    for key in LOOKED_AT:
        panel.get_by_label("Section").select_option(key)
        panel.get_by_role("heading", name=TITLES[key], exact=True).wait_for(timeout=PATIENCE_MS)
        settle(page)
        assert panel.locator("table").count() > 0
        assert f"SECTIONS['{key}']" in panel.locator("pre").inner_text()
        assert cut_off(page) == []
        assert stumbling_blocks(page, ".clinflu-whole-model") == []
    assert panel.locator(".main-svg").count() > 0
    assert_clean(page)
