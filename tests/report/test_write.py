"""A report is written as a whole, in every format, and holds the same everywhere."""

import csv
import html
import io
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import openpyxl
import pypdf
import pytest
from plotly.offline import get_plotlyjs
from report.example_document import HOSTILE, ROWS, example, hostile

from clinflu.errors import Cancelled, DataError
from clinflu.figures.forest import forest_spec
from clinflu.findings.document import Chart, Column, Document, Section, Table
from clinflu.findings.readable import readable
from clinflu.report.cells import harmless
from clinflu.report.write import FORMATS, check_target, write_report

MADE_UP_NAME = re.compile(rb"(?:defs-|clip|trace|legend)[0-9a-f]{6}")
FIGURE = {"rate": 0.5, "rate_low": 0.4, "rate_high": 0.6}
WITHOUT_BROWSER = ("html", "xlsx", "csv", "json")
needs_browser = pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium here")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The example in every format."""
    if shutil.which("chromium") is None:
        pytest.skip("no Chromium here")
    out = tmp_path_factory.mktemp("report") / "out"
    write_report(example(), out)
    return out


def test_every_format_is_there(whole):
    names = {path.relative_to(whole).as_posix() for path in whole.rglob("*") if path.is_file()}
    assert names == {
        *("report.html", "report.pdf", "report.xlsx", "report.json"),
        *("tables/rates.csv", "tables/long.csv", "tables/files.csv", "figures/forest.png", "figures/forest.svg"),
    }
    assert not [path for path in whole.parent.iterdir() if path != whole]


def test_the_pdf_has_every_text_a_title_on_each_page_and_an_outline(whole):
    reader = pypdf.PdfReader(whole / "report.pdf")
    texts = [" ".join(page.extract_text().split()) for page in reader.pages]
    assert all("Where the model fails" in text for text in texts)
    assert all(f"{place} / {len(texts)}" in text for place, text in enumerate(texts, start=1))
    together = " ".join(texts)
    for words in ("First point.", "A paragraph.", "20.0 % (15.0 to 25.0 %)", "withheld", "w59"):
        assert words in together
    assert len(reader.outline) > 0


@needs_browser
def test_internal_and_simulated_stand_on_every_page_of_the_pdf(tmp_path):
    write_report(example(internal=True, simulated=True), tmp_path / "out", ("pdf",))
    for page in pypdf.PdfReader(tmp_path / "out" / "report.pdf").pages:
        text = " ".join(page.extract_text().split())
        assert "INTERNAL" in text
        assert "SIMULATED" in text


def test_the_pictures_are_drawn(whole):
    from PIL import Image

    with Image.open(whole / "figures" / "forest.png") as picture:
        assert picture.width == 2000
        assert len(picture.convert("RGB").getcolors(1 << 20)) > 20
    svg = (whole / "figures" / "forest.svg").read_text()
    assert "20 to 39" in svg
    assert "http" not in svg.replace("http://www.w3.org/", "")


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_picture_is_the_one_that_kaleido_draws(whole, kind):
    import kaleido
    from plotly import __file__ as plotly_place

    (chart,) = example().charts()
    size = {"width": 1000, "height": chart.spec["layout"]["height"], "scale": 2 if kind == "png" else 1}
    script = Path(plotly_place).parent / "package_data" / "plotly.min.js"
    drawn = kaleido.calc_fig_sync(
        chart.spec,
        opts={"format": kind, **size},
        kopts={"plotlyjs": script, "mathjax": False, "path": shutil.which("chromium")},
    )
    ours = (whole / "figures" / f"forest.{kind}").read_bytes()
    if kind == "svg":
        ours, drawn = (MADE_UP_NAME.sub(b"", text) for text in (ours, drawn))
    assert ours == drawn


def test_the_numbers_are_the_same_in_every_format(whole):
    book = openpyxl.load_workbook(whole / "report.xlsx")
    sheet = [[cell.value for cell in row] for row in book["rates"].iter_rows(min_row=4)]
    assert [tuple(row) for row in sheet] == list(ROWS)
    values = json.loads((whole / "report.json").read_text())
    table = next(part for part in values["sections"][1]["parts"] if part["key"] == "rates")
    assert [tuple(row) for row in table["rows"]] == list(ROWS)
    with (whole / "tables" / "rates.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows[1] == ["Everyone", "all", "1234", "0.123", "0.1", "0.15", "-1.25", "4e-05"]
    assert rows[0][:3] == ["Variable", "Level", "Encounters"]
    assert {column["digits"] for column in table["columns"]} == {0, 2, 3, 4}


def test_the_workbook_has_formats_frozen_heads_and_provenance(whole):
    book = openpyxl.load_workbook(whole / "report.xlsx")
    assert book.sheetnames == ["Overview", "rates", "long", "files", "Provenance"]
    sheet = book["rates"]
    assert sheet.freeze_panes == "B4"
    assert [cell.number_format for cell in sheet[4]][2:] == ["#,##0", "0.0%", "0.0%", "0.0%", "0.00", "0.0000"]
    assert sheet["A3"].font.bold
    assert book["Provenance"]["A5"].value == "seed"
    assert book["Overview"]["B3"].hyperlink.location == "'rates'!A1"


def test_a_table_of_the_provenance_is_its_sheet(tmp_path):
    table = Table("provenance", "Data, code and options", (Column("what", "What"),), (("seed",),))
    document = Document("t", (Section("s", "S", (table,)),), internal=False, simulated=False)
    write_report(document, tmp_path / "out", ("xlsx",))
    assert openpyxl.load_workbook(tmp_path / "out" / "report.xlsx").sheetnames == ["Overview", "Provenance"]


def test_long_names_of_sheets_are_cut_and_told_apart(tmp_path):
    keys = [*("a" * 40 + str(at) for at in range(3)), "overview"]
    tables = tuple(Table(key, "T", (), ()) for key in keys)
    document = Document("t", (Section("s", "S", tables),), internal=False, simulated=False)
    write_report(document, tmp_path / "out", ("xlsx",))
    names = openpyxl.load_workbook(tmp_path / "out" / "report.xlsx").sheetnames
    assert len({name.casefold() for name in names}) == len(names) == 6
    assert max(map(len, names)) <= 31


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not here")
def test_libreoffice_opens_the_workbook(tmp_path):
    write_report(hostile(), tmp_path / "out", ("xlsx",))
    for kind in ("csv", "pdf"):
        subprocess.run(
            [
                *("soffice", f"-env:UserInstallation=file://{tmp_path}/office", "--headless", "--convert-to", kind),
                *("--outdir", str(tmp_path), str(tmp_path / "out" / "report.xlsx")),
            ],
            check=True,
            capture_output=True,
            timeout=180,
        )
    assert (tmp_path / "report.pdf").stat().st_size > 1000
    assert (tmp_path / "report.csv").read_text(encoding="utf-8", errors="replace").startswith("</script>")


def test_no_cell_of_the_workbook_is_a_formula_or_a_link(tmp_path):
    write_report(hostile(), tmp_path / "out", ("xlsx",))
    book = openpyxl.load_workbook(tmp_path / "out" / "report.xlsx")
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert len(cells) > 1000
    assert {cell.data_type for cell in cells} <= {"s", "n"}
    assert {cell.hyperlink.location for cell in cells if cell.hyperlink} == {f"'t{at}'!A1" for at in range(11)}
    for cell in cells:
        if isinstance(cell.value, str) and cell.value.startswith(("=", "+", "-", "@")):
            assert cell.quotePrefix


def test_no_cell_of_a_csv_file_begins_a_formula(tmp_path):
    write_report(hostile(), tmp_path / "out", ("csv",))
    for path in (tmp_path / "out" / "tables").iterdir():
        text = path.read_text(encoding="utf-8-sig")
        for row in csv.reader(io.StringIO(text)):
            assert len(row) == len(HOSTILE)
            assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))]


@pytest.mark.parametrize("delimiter", [";", "|"])
def test_no_cell_begins_a_formula_for_a_reader_that_cuts_elsewhere(tmp_path, delimiter):
    columns = (Column("a", "Ward; =1+1"), Column("b", 'b"|-1'))
    rows = (("a;=cmd|' /C calc'!A0", "x|+1"), ('a";@SUM(1)', "y;  -2"))
    document = Document("t", (Section("s", "S", (Table("t", "T", columns, rows),)),), internal=False, simulated=False)
    write_report(document, tmp_path / "out", ("csv",))
    text = (tmp_path / "out" / "tables" / "t.csv").read_text(encoding="utf-8-sig")
    cells = [cell for row in csv.reader(io.StringIO(text), delimiter=delimiter) for cell in row]
    assert len(cells) >= 4
    assert not [cell for cell in cells if cell.lstrip().startswith(("=", "+", "-", "@"))]


@pytest.mark.parametrize("text", ["-1", " =1", "\u200b=1", "\ufeff@a", "＝1", "\t=1", "\r\n+1", "\x00=1"])
def test_a_text_that_would_begin_a_formula_begins_with_a_quote(text):
    assert harmless(text).startswith("'")
    assert harmless(text).isprintable()


@pytest.mark.parametrize("text", ["a-1", "[0-10)", "it's", "", "−1", "a=b"])
def test_any_other_text_is_as_it_was(text):
    assert harmless(text) == text


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
    """The document whose every text is an attack, as pictures and PDF."""
    if shutil.which("chromium") is None:
        pytest.skip("no Chromium here")
    out = tmp_path_factory.mktemp("attacked") / "out"
    write_report(hostile(), out, ("pdf", "figures"))
    return out


def test_a_picture_holds_drawings_and_texts_alone(attacked):
    from PIL import Image

    drawn = ET.parse(attacked / "figures" / "chart.svg").getroot()  # noqa: S314 our own file
    elements = list(drawn.iter())
    names = {element.tag.rpartition("}")[2] for element in elements}
    assert names <= {*("svg", "g", "path", "rect", "text", "tspan", "defs", "clipPath", "style", "circle", "use")}
    assert not [name for element in elements for name in element.attrib if name.lower().startswith("on")]
    assert any("onerror=alert" in (element.text or "") for element in elements)
    with Image.open(attacked / "figures" / "chart.png") as picture:
        assert picture.width == 2000


def test_a_pdf_holds_no_script_and_no_way_out(attacked):
    reader = pypdf.PdfReader(attacked / "report.pdf")
    assert "/OpenAction" not in reader.trailer["/Root"]
    assert "/JavaScript" not in reader.trailer["/Root"].get("/Names", {})
    notes = [note.get_object() for page in reader.pages for note in page.get("/Annots", [])]
    assert notes
    assert not [note for note in notes if "/URI" in note.get("/A", {}) or note.get("/A", {}).get("/S") == "/JavaScript"]
    assert "<img src=x onerror=alert(1)>" in " ".join(page.extract_text() for page in reader.pages)


@needs_browser
def test_no_row_of_a_long_chart_is_cut_between_pages_of_the_pdf(tmp_path):
    columns = (Column("variable", "V"), Column("level", "L"), *(Column(k, k, "number") for k in FIGURE))
    levels = [f"ward{place:03d}" for place in range(70)]
    table = Table.of("t", "T", columns, [{"variable": "w", "level": one, **FIGURE} for one in levels])
    spec = forest_spec(table.records(), "rate", "Rate", title="Long", reference=None, simulated=False)
    parts = (Chart("c", "Long", spec, "says", "t"), replace(table, files_only=True))
    document = Document("t", (Section("s", "S", parts),), internal=False, simulated=False)
    write_report(document, tmp_path / "out", ("pdf",))
    texts = [page.extract_text() for page in pypdf.PdfReader(tmp_path / "out" / "report.pdf").pages]
    assert [sum(level in text for text in texts) for level in levels] == [1] * 70
    assert [sum(f"({place} of 3)" in text for text in texts) for place in (1, 2, 3)] == [1, 1, 1]


@needs_browser
def test_a_browser_that_does_not_start_is_one_line(tmp_path, monkeypatch):
    broken = tmp_path / "browser"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("BROWSER_PATH", str(broken))
    with pytest.raises(DataError, match="did not start") as caught:
        write_report(example(), tmp_path / "out", ("pdf",))
    assert "\n" not in caught.value.one_line
    assert [path.name for path in tmp_path.iterdir()] == ["browser"]


@needs_browser
def test_a_reader_may_stop_it_half_way(tmp_path):
    def stop(_done, _total):
        raise Cancelled

    with pytest.raises(Cancelled):
        write_report(example(), tmp_path / "out", ("figures",), stop)
    assert list(tmp_path.iterdir()) == []


def test_the_page_escapes_every_text(tmp_path):
    write_report(hostile(), tmp_path / "out", ("html",))
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "<img" not in page.split("<script>")[0]
    assert page.count("</script>") == 4
    assert "{{ 7 * 7 }}" in page


def test_the_page_has_plotly_once_and_names_no_other_machine(tmp_path):
    write_report(example(), tmp_path / "out", ("html",))
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.count(get_plotlyjs()) == 1
    assert len(page) < 8_000_000
    own = page.split('<script type="application/json" id="charts">')[0]
    assert "http:" not in own
    assert "https:" not in own
    assert "src=" not in own


def test_every_table_is_in_the_page_as_it_is_read(tmp_path):
    write_report(example(), tmp_path / "out", ("html",))
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8").replace("</span> <span>", " ")
    for table in example().tables():
        if not table.files_only:
            for row in readable(table).rows:
                assert all(html.escape(cell) in page for cell in row)
    assert "For files: 1 rows" in page


def test_an_internal_report_is_its_owners_alone_and_says_so(tmp_path):
    out = tmp_path / "out"
    write_report(example(internal=True), out, WITHOUT_BROWSER)
    assert stat.S_IMODE(out.stat().st_mode) == 0o700
    for path in out.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    assert "INTERNAL" in (out / "INTERNAL.txt").read_text()
    assert "INTERNAL" in (out / "report.html").read_text()
    assert json.loads((out / "report.json").read_text())["internal"] is True
    for sheet in openpyxl.load_workbook(out / "report.xlsx"):
        assert any("INTERNAL" in str(cell.value) for row in sheet.iter_rows(max_row=3) for cell in row)
        assert "INTERNAL" in sheet.oddHeader.left.text


def test_an_export_has_the_rights_of_any_new_file(tmp_path):
    write_report(example(), tmp_path / "out", WITHOUT_BROWSER)
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE((tmp_path / "out" / "report.html").stat().st_mode) == 0o666 & ~mask
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o777 & ~mask


def test_a_report_replaces_the_one_before_as_a_whole(tmp_path):
    out = tmp_path / "out"
    write_report(example(internal=True), out, WITHOUT_BROWSER)
    write_report(example(), out, ("html",))
    assert [path.name for path in out.iterdir()] == ["report.html"]


@pytest.mark.parametrize("foreign", ["notes.txt", "tables/mine.docx", "figures/forest.gif"])
def test_a_folder_that_holds_something_else_is_left_alone(tmp_path, foreign):
    out = tmp_path / "out"
    write_report(example(), out, WITHOUT_BROWSER)
    path = out / foreign
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    with pytest.raises(DataError, match="is not a report, or not only"):
        write_report(example(), out, WITHOUT_BROWSER)
    assert path.read_text() == "mine"


def test_a_file_in_the_place_of_the_folder_is_left_alone(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(DataError, match="give a new folder"):
        write_report(example(), tmp_path / "out", WITHOUT_BROWSER)


@pytest.mark.parametrize("formats", [(), ("docx",), ("html", "nosuch")])
def test_an_unknown_format_is_one_line(formats, tmp_path):
    with pytest.raises(DataError, match="a format is one of html, pdf, xlsx, csv, figures, json"):
        check_target(tmp_path / "out", formats)


def test_without_a_browser_the_line_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("BROWSER_PATH", raising=False)
    with pytest.raises(DataError, match="leave out the formats pdf and figures") as caught:
        check_target(tmp_path / "out", FORMATS)
    assert "\n" not in caught.value.one_line
    write_report(example(), tmp_path / "out", WITHOUT_BROWSER)


def test_a_failure_half_way_leaves_the_old_report(tmp_path, monkeypatch):
    out = tmp_path / "out"
    write_report(example(), out, ("html",))
    before = (out / "report.html").read_bytes()
    monkeypatch.setattr("clinflu.report.write.workbook", lambda _: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(DataError, match="was not written: No space left"):
        write_report(example(internal=True), out, WITHOUT_BROWSER)
    assert (out / "report.html").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from clinflu.report import write
from report.example_document import example
write.workbook = lambda document: (print("half", flush=True), time.sleep(60))
write.write_report(example(), Path(sys.argv[1]), ("html", "json", "xlsx"))
"""


@pytest.mark.thorough
def test_a_kill_half_way_leaves_no_half_written_report(tmp_path):
    out = tmp_path / "out"
    write_report(example(), out, ("html",))
    tests = str(Path(__file__).parents[1])
    with subprocess.Popen([sys.executable, "-c", KILLED, str(out), tests], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"half\n"
        process.send_signal(signal.SIGKILL)
    assert [path.name for path in out.iterdir()] == ["report.html"]
    left = [path for path in tmp_path.iterdir() if path != out]
    assert len(left) == 1
    assert stat.S_IMODE(left[0].stat().st_mode) == 0o700
    write_report(example(), out, ("html",))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.thorough
def test_the_workplace_of_another_who_is_writing_is_left_alone(tmp_path):
    tests = str(Path(__file__).parents[1])
    command = [sys.executable, "-c", KILLED, str(tmp_path / "other"), tests]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"half\n"
        (held,) = tmp_path.iterdir()
        write_report(example(), tmp_path / "out", ("html",))
        assert (held / "new" / "report.html").exists()
        process.kill()
    write_report(example(), tmp_path / "out", ("html",))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_was_not_left_by_a_report_is_never_cleared(tmp_path):
    (tmp_path / ".clinflu-audit" / "old").mkdir(parents=True)
    (tmp_path / ".clinflu-file").write_text("mine")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "lock").touch()
    (tmp_path / ".clinflu-link").symlink_to(tmp_path / "elsewhere")
    write_report(example(), tmp_path / "out", ("html",))
    assert {path.name for path in tmp_path.iterdir()} == {
        *(".clinflu-audit", ".clinflu-file", ".clinflu-link", "elsewhere", "out"),
    }
    assert (tmp_path / "elsewhere" / "lock").exists()


def test_a_report_that_a_kill_left_set_aside_is_put_back(tmp_path):
    write_report(example(), tmp_path / "first", ("html",))
    before = (tmp_path / "first" / "report.html").read_bytes()
    workplace = tmp_path / ".clinflu-killed"
    (workplace / "old").mkdir(parents=True)
    (workplace / "new").mkdir()
    (workplace / "lock").touch()
    (tmp_path / "first").rename(workplace / "old" / "first")
    write_report(example(), tmp_path / "second", ("json",))
    assert (tmp_path / "first" / "report.html").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"first", "second"}


def test_a_link_in_the_place_of_the_folder_is_left_alone(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="give a new folder"):
        write_report(example(), tmp_path / "out", ("html",))
    assert (tmp_path / "out").is_symlink()


def test_a_chart_without_its_table_is_a_defect(tmp_path):
    whole_one = example()
    chart = whole_one.charts()[0]
    document = Document("t", (Section("s", "S", (chart,)),), internal=False, simulated=False)
    with pytest.raises(ValueError, match="every chart names a table"):
        write_report(document, tmp_path / "out", ("html",))


def test_a_key_that_is_no_file_name_is_a_defect(tmp_path):
    document = Document("t", (Section("s", "S", (Table("../up", "T", (), ()),)),), internal=False, simulated=False)
    with pytest.raises(ValueError, match="keys of parts"):
        write_report(document, tmp_path / "out", ("csv",))
    assert not list(tmp_path.iterdir())
