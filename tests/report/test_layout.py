"""Wide tables have the width that is there, and no page of the PDF is left nearly empty."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import pypdf
import pytest

from clinflu.findings.document import Column, Document, Section, Table, Words, with_interval
from clinflu.report.write import write_report

pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium here")
ARGUMENTS = (
    *("--no-sandbox", "--headless", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
MEASURED = """[...document.querySelectorAll('.scroll')].map((one) => {
  const { left, right } = one.getBoundingClientRect();
  return { hidden: one.scrollWidth - one.clientWidth, left, right };
})"""


def document(*sections):
    return Document("Where the model fails", sections, internal=False, simulated=True)


def wide_table():
    """A table as wide as that of the alerts: two names, three counts and six measures with their intervals."""
    counts = tuple(Column(name, name.title(), "count") for name in ("encounters", "patients", "events"))
    names = ("sensitivity", "specificity", "positive predictive value", "negative predictive value", "alert rate")
    measures = [one for at, name in enumerate(names) for one in with_interval(Column(f"m{at}", name, "share"))]
    measures += with_interval(Column("net_benefit", "Net benefit", "number"))
    columns = (Column("variable", "Variable"), Column("level", "Level"), *counts, *measures)
    record = {"variable": "Admission source", "level": "children (under 20) … 40 to 59 × Elective or Urgent"}
    record |= {"encounters": 3930, "patients": 2750, "events": 421}
    record |= {column.key: -0.111 if column.kind == "number" else 0.911 for column in measures}
    return Table.of("wide", "Wide", columns, [record] * 3)


def narrow_table():
    columns = (Column("what", "What"), Column("value", "Value", "count"))
    return Table.of("narrow", "Narrow", columns, [{"what": "training", "value": 1234}])


def seen_at(path, width):
    """Return what is hidden of each table, its place, and the width of the page, in a browser of this width."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=list(ARGUMENTS))
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.goto(path.as_uri())
        found = page.evaluate(MEASURED), page.evaluate("document.documentElement.scrollWidth")
        browser.close()
    return found


@pytest.mark.parametrize("width", [1280, 1600])
def test_no_column_is_cut_where_there_is_width(tmp_path, width):
    write_report(document(Section("s", "S", (wide_table(), narrow_table()))), tmp_path / "out", ("html",))
    with ThreadPoolExecutor(1) as apart:  # playwright leaves a loop running in its thread
        (wide, narrow), whole = apart.submit(seen_at, tmp_path / "out" / "report.html", width).result()
    assert whole <= width
    assert wide["hidden"] <= 0
    assert 0 <= wide["left"] < wide["right"] <= width
    assert wide["left"] == pytest.approx(width - wide["right"], abs=2)
    assert narrow["hidden"] <= 0
    assert narrow["right"] - narrow["left"] <= 1180


def test_short_sections_share_a_page_of_the_pdf(tmp_path):
    words = [Section(f"s{at}", f"Section {at}", (Words((f"Paragraph {at}.",)),)) for at in range(3)]
    write_report(document(*words), tmp_path / "out", ("pdf",))
    texts = [page.extract_text() for page in pypdf.PdfReader(tmp_path / "out" / "report.pdf").pages]
    assert len(texts) == 1
    assert all(f"Paragraph {at}." in texts[0] for at in range(3))


@pytest.mark.parametrize("rows", [18, 21, 24])
def test_no_page_of_the_pdf_holds_the_end_of_a_note_alone(tmp_path, rows):
    columns = (Column("what", "What"), Column("value", "Value", "count"))
    records = [{"what": f"row{at}", "value": 100 + at} for at in range(rows)]
    note = " ".join(f"word{at}" for at in range(80))
    table = Table.of("t", "T", columns, records, note)
    write_report(document(Section("s", "S", (table,))), tmp_path / "out", ("pdf",))
    for page in pypdf.PdfReader(tmp_path / "out" / "report.pdf").pages:
        text = page.extract_text()
        assert ("word79" in text) is ("word0 " in text)
