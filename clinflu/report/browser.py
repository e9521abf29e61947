"""Charts as pictures and the page as PDF, drawn by a browser of this machine, which is asked nothing else."""

import asyncio
import base64
import html
import logging
import os
import shutil
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from clinflu.errors import DataError
from clinflu.findings.document import Chart, Document
from clinflu.progress import Progress
from clinflu.report.html_report import notices

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER_VARIABLE = "BROWSER_PATH"
PICTURE_WIDTH_PX, PICTURE_SCALE = 1000, 2
PICTURES = ("png", "svg")
PAGE = {"landscape": True, "preferCSSPageSize": True, "printBackground": True, "displayHeaderFooter": True}
TIME_S = 120.0
LINE = (
    "font-size:7pt;width:100%;padding:0 12mm;color:#56626e;font-family:sans-serif;"
    "display:flex;justify-content:space-between"
)


def find_browser() -> str:
    """Return the path of a Chrome or Chromium.

    Raises
    ------
    DataError
        There is none.
    """
    named = os.environ.get(BROWSER_VARIABLE)
    found = named or next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found or not Path(found).exists():
        raise DataError(
            "the PDF and the figures are drawn by Chrome or Chromium, and there is none; install it (on Debian: "
            f"apt-get install chromium), name it in {BROWSER_VARIABLE}, or leave out the formats pdf and figures"
        )
    return found


def draw(document: Document, page: Path | None, pdf: Path | None, figures: Path | None, progress: Progress) -> None:
    """Write the PDF of a page and the pictures of its charts, with one browser.

    Parameters
    ----------
    document : Document
    page : Path, optional
        The HTML page as it was written.
    pdf : Path, optional
        Where the PDF goes; None for none.
    figures : Path, optional
        Folder of the pictures; None for none.
    progress : Progress
    """
    _run(_draw(document, page, pdf, figures, progress))


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run it in a thread of its own: the caller may be a notebook, whose loop is running."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(work)
        except BaseException as error:  # noqa: BLE001 handed to the caller
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]


async def _draw(
    document: Document, page: Path | None, pdf: Path | None, figures: Path | None, progress: Progress
) -> None:
    import kaleido
    from plotly import __file__ as plotly_place

    logging.getLogger("kaleido").setLevel(logging.ERROR)
    logging.getLogger("choreographer").setLevel(logging.ERROR)
    script = Path(plotly_place).parent / "package_data" / "plotly.min.js"
    charts = document.charts() if figures else ()
    total = len(charts) * len(PICTURES) + bool(pdf)
    async with kaleido.Kaleido(n=1, timeout=TIME_S, plotlyjs=script, mathjax=False, path=find_browser()) as browser:
        if figures:
            for done, wanted in enumerate(_pictures(charts, figures)):
                await browser.write_fig_from_object([wanted], cancel_on_error=True)
                progress(done + 1, total)
        if pdf and page:
            pdf.write_bytes(await _printed(browser, page, document))
            progress(total, total)


def _pictures(charts: tuple[Chart, ...], folder: Path) -> list[dict[str, Any]]:
    return [
        {
            "fig": chart.spec,
            "path": folder / f"{chart.key}.{kind}",
            "opts": {
                "format": kind,
                "width": PICTURE_WIDTH_PX,
                "height": chart.spec["layout"]["height"],
                "scale": PICTURE_SCALE if kind == "png" else 1,
            },
        }
        for chart in charts
        for kind in PICTURES
    ]


async def _printed(browser: Any, page: Path, document: Document) -> bytes:
    tab = await browser.create_tab(page.resolve().as_uri())
    try:
        await _command(tab, "Page.enable")
        await _until_drawn(tab)
        await _command(tab, "Runtime.evaluate", {"expression": OPEN})
        found = await _command(tab, "Page.printToPDF", {**PAGE, **_frame(document), "generateDocumentOutline": True})
    finally:
        await tab.close()
    return base64.b64decode(found["data"])


OPEN = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"
DRAWN = "document.readyState === 'complete' && (!document.getElementById('charts') || !!window.clinfluDrawn)"


async def _until_drawn(tab: Any) -> None:
    """Wait until the page is there and every chart is drawn."""
    for _ in range(int(TIME_S * 10)):
        found = await _command(tab, "Runtime.evaluate", {"expression": DRAWN})
        if found["result"].get("value"):
            break
        await asyncio.sleep(0.1)
    await _command(tab, "Runtime.evaluate", {"expression": "window.clinfluDrawn", "awaitPromise": True})


async def _command(tab: Any, name: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = await asyncio.wait_for(tab.send_command(name, params=params or {}), TIME_S)
    if "error" in answer:
        raise RuntimeError(f"the browser refused {name}")
    result: dict[str, Any] = answer["result"]
    return result


def _frame(document: Document) -> dict[str, str]:
    """Return the header and footer of every page; the title is our own, and escaped all the same."""
    said = html.escape(" · ".join((document.title, *notices(document))))
    made, page = html.escape(str(document.provenance.get("made on", ""))), '<span class="pageNumber"></span>'
    head = f'<div style="{LINE}"><span>{said}</span></div>'
    foot = f'<div style="{LINE}"><span>{made}</span><span>{page} / <span class="totalPages"></span></span></div>'
    return {"headerTemplate": head, "footerTemplate": foot}
