"""Charts as pictures and the page as PDF, drawn by a browser of this machine, which is asked nothing else."""

import asyncio
import base64
import html
import json
import logging
import threading
from collections.abc import Coroutine
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from clinflu.errors import DataError
from clinflu.findings.document import Chart, Document
from clinflu.progress import Progress
from clinflu.report.chromium import LEAVE_OUT, settings
from clinflu.report.html_report import notices

PICTURE_WIDTH_PX, PICTURE_SCALE = 1000, 2
PICTURES = ("png", "svg")
PRINT = {
    "landscape": True,
    "preferCSSPageSize": True,
    "printBackground": True,
    "displayHeaderFooter": True,
    "generateTaggedPDF": True,
    "generateDocumentOutline": True,
}
TIME_S = 120.0
LOOK_AGAIN_S = 0.05
READY = "document.readyState === 'complete' && (!document.getElementById('charts') || !!window.clinfluDrawn)"
FOR_PRINT = "window.clinfluForPrint && window.clinfluForPrint()"
LINE = (
    "font-size:7pt;width:100%;padding:0 12mm;color:#56626e;font-family:sans-serif;"
    "display:flex;justify-content:space-between"
)
WARNING = "font-weight:bold;color:#9a1c1c"


def draw(document: Document, page: str, pdf: Path | None, figures: Path | None, progress: Progress) -> None:
    """Write the PDF of a page and the pictures of its charts, with one browser.

    Parameters
    ----------
    document : Document
    page : str
        The HTML page.
    pdf : Path, optional
        Where the PDF goes; None for none.
    figures : Path, optional
        Folder of the pictures; None for none.
    progress : Progress

    Raises
    ------
    DataError
        The browser does not start, or does not finish.
    """
    from choreographer import errors

    broken = (errors.BrowserFailedError, errors.BrowserClosedError, errors.BrowserDepsError, errors.ChannelClosedError)
    try:
        _run(_draw(document, page, pdf, figures, progress))
    except broken:
        raise DataError(
            "Chrome or Chromium did not start, or ended before the report was drawn; see whether it starts by itself "
            f"as this user, {LEAVE_OUT}"
        ) from None
    except TimeoutError:
        raise DataError(f"the browser did not draw the report within {TIME_S:.0f} s; try again, {LEAVE_OUT}") from None


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run it in a thread of its own: the caller may be a notebook, whose loop is running."""
    failed: list[BaseException] = []
    loop = asyncio.new_event_loop()
    task = loop.create_task(work)

    def run() -> None:
        try:
            loop.run_until_complete(task)
        except BaseException as error:  # noqa: BLE001 handed to the caller
            failed.append(error)
        finally:
            loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        thread.join()
    except BaseException:  # interrupted: the browser ends first
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
        raise
    if failed:
        raise failed[0]


async def _draw(document: Document, page: str, pdf: Path | None, figures: Path | None, progress: Progress) -> None:
    import choreographer

    logging.getLogger("choreographer").setLevel(logging.ERROR)
    charts = document.charts() if figures else ()
    total = len(charts) * len(PICTURES) + bool(pdf)
    async with choreographer.Browser(**settings()) as browser:
        tab = await browser.create_tab("about:blank")
        await _load(tab, page)
        if figures:
            for done, (chart, kind) in enumerate(product(charts, PICTURES), start=1):
                (figures / f"{chart.key}.{kind}").write_bytes(await _picture(tab, chart, kind))
                progress(done, total)
        if pdf:
            await _evaluate(tab, FOR_PRINT)
            found = await _command(tab, "Page.printToPDF", {**PRINT, **_frame(document)})
            pdf.write_bytes(base64.b64decode(found["data"]))
            progress(total, total)


async def _load(tab: Any, page: str) -> None:
    """Show the page, and wait for its charts; it comes as text, for some browsers may not read the folder it is in."""
    await _command(tab, "Page.enable")
    frame = (await _command(tab, "Page.getFrameTree"))["frameTree"]["frame"]["id"]
    await _command(tab, "Page.setDocumentContent", {"frameId": frame, "html": page})
    for _ in range(int(TIME_S / LOOK_AGAIN_S)):
        if await _evaluate(tab, READY):
            await _evaluate(tab, "window.clinfluDrawn")
            return
        await asyncio.sleep(LOOK_AGAIN_S)
    raise TimeoutError


async def _picture(tab: Any, chart: Chart, kind: str) -> bytes:
    asked = {
        "format": kind,
        "width": PICTURE_WIDTH_PX,
        "height": chart.spec["layout"]["height"],
        "scale": PICTURE_SCALE if kind == "png" else 1,
    }
    address: str = await _evaluate(tab, f"window.clinfluPicture({json.dumps(chart.key)}, {json.dumps(asked)})")
    content = address.partition(",")[2]
    return base64.b64decode(content) if kind == "png" else unquote(content).encode()


async def _evaluate(tab: Any, expression: str) -> Any:
    """Return what an expression of ours is in the page."""
    params = {"expression": expression, "awaitPromise": True, "returnByValue": True}
    return (await _command(tab, "Runtime.evaluate", params))["result"].get("value")


async def _command(tab: Any, name: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = await asyncio.wait_for(tab.send_command(name, params=params or {}), TIME_S)
    if "error" in answer or "exceptionDetails" in answer["result"]:
        raise RuntimeError(f"the browser refused {name}")
    result: dict[str, Any] = answer["result"]
    return result


def _frame(document: Document) -> dict[str, str]:
    """Return the header and footer of every page; the title is our own, and escaped all the same."""
    title, said = html.escape(document.title), html.escape(" · ".join(notices(document)))
    made, page = html.escape(str(document.provenance.get("made on", ""))), '<span class="pageNumber"></span>'
    head = f'<div style="{LINE}"><span>{title}</span><span style="{WARNING}">{said}</span></div>'
    foot = f'<div style="{LINE}"><span>{made}</span><span>{page} / <span class="totalPages"></span></span></div>'
    return {"headerTemplate": head, "footerTemplate": foot}
