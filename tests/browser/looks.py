"""How the page looks: nothing cut off, nothing that a screen reader stumbles over, and the same as it was."""

import io
import os
import time
from pathlib import Path

import numpy as np
from axe_playwright_python.sync_playwright import Axe
from PIL import Image

REFERENCES = Path(__file__).parent / "references"
RENEW = "CLINFLU_NEW_REFERENCES"
SERIOUS = ("serious", "critical")
FINDINGS_ALONE = {"resultTypes": ["violations"]}  # what is in order need not be described, element by element
COLOURS = 48
NOTICEABLE = 48  # of 255
LARGEST_SHARE = 0.02
PATIENCE = 5  # seconds

CUT_OFF = """
() => {
  const found = [], width = document.documentElement.clientWidth;
  const scrolls = (el) => ["auto", "scroll"].includes(getComputedStyle(el).overflowX);
  for (const el of document.querySelectorAll(".clinflu-app *")) {
    if (!el.checkVisibility() || !el.getBoundingClientRect().width) continue;
    const scrolling = el.parentElement.closest(".clinflu-scroll, pre, figure");
    if (scrolling && scrolling.scrollWidth > scrolling.clientWidth + 1) continue;
    const name = `${el.tagName} ${el.className.baseVal ?? el.className}`;
    if (el.getBoundingClientRect().right > width + 1) found.push(`${name} leaves the window`);
    const box = el instanceof HTMLElement && el.clientWidth && getComputedStyle(el).display !== "inline";
    if (box && !scrolls(el) && el.scrollWidth > el.clientWidth + 1) found.push(`${name} is wider than its place`);
  }
  for (const svg of document.querySelectorAll(".main-svg")) {
    const place = svg.getBoundingClientRect();
    for (const text of svg.querySelectorAll("text")) {
      const box = text.getBoundingClientRect();
      if (!text.checkVisibility() || !box.width) continue;
      const inside = box.left > place.left - 1 && box.right < place.right + 1 && box.top > place.top - 1
        && box.bottom < place.bottom + 1;
      if (!inside) found.push(`"${text.textContent}" is cut off`);
    }
  }
  return [...new Set(found)];
}
"""


def cut_off(page):
    """Return what is not wholly seen; tables and code that scroll in their own place are."""
    return page.evaluate(CUT_OFF)


def stumbling_blocks(page, inside=None):
    """Return the serious and critical findings of axe-core."""
    found = Axe().run(page, context=inside, options=FINDINGS_ALONE).response["violations"]
    return [(one["id"], one["nodes"][0]["html"][:200]) for one in found if one["impact"] in SERIOUS]


def differs(picture, name):
    """Return the share of the picture that differs from the reference; where references are renewed, it becomes one."""
    REFERENCES.mkdir(exist_ok=True)
    path = REFERENCES / f"{name}.png"
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    if os.environ.get(RENEW):
        image.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    with Image.open(path) as reference:
        return share_of_difference(image, reference.convert("RGB"))


def assert_as_it_was(photograph, name):
    """Compare with the reference, again while a page on a busy machine may still be settling."""
    until = time.monotonic() + PATIENCE
    while (share := differs(photograph(), name)) >= LARGEST_SHARE and time.monotonic() < until:
        time.sleep(0.2)
    assert share < LARGEST_SHARE, name


def share_of_difference(one, other):
    """Return the share of pixels that differ noticeably between two pictures of the same size; else all."""
    if one.size != other.size:
        return 1.0
    quarter = (one.width // 4, one.height // 4)
    small = [np.asarray(image.resize(quarter, Image.Resampling.BOX), dtype=int) for image in (one, other)]
    return float((np.abs(small[0] - small[1]).max(axis=2) > NOTICEABLE).mean())
