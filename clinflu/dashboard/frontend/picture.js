// Copies a panel as a picture: its own elements and styles, drawn by the browser; nothing leaves the page.
const SCALE = 2;
const MARGIN = 16;
const SVG = "http://www.w3.org/2000/svg"; // the name of the format; nothing is asked for there

function textOfStyles() {
  const rules = [];
  for (const sheet of document.styleSheets) {
    try { for (const rule of sheet.cssRules) if (/clinflu|plotly/.test(rule.cssText)) rules.push(rule.cssText); } catch { /* not ours */ }
  }
  return rules.join("\n");
}

function still(panel) {
  const copy = panel.cloneNode(true);
  const boxes = panel.querySelectorAll("input, select, textarea");
  copy.querySelectorAll("input, select, textarea").forEach((box, place) => {
    box.setAttribute("value", boxes[place].value);
    box.toggleAttribute("checked", Boolean(boxes[place].checked));
    box.querySelectorAll("option").forEach((option) => option.toggleAttribute("selected", option.value === boxes[place].value));
    if (box.tagName === "TEXTAREA") box.textContent = boxes[place].value;
  });
  copy.querySelectorAll(".clinflu-tools, .clinflu-identifier, button:not(.clinflu-row, .clinflu-chip)").forEach((tool) => tool.remove());
  return copy;
}

function svgOf(panel, app) {
  const { width } = panel.getBoundingClientRect();
  const frame = document.createElement("div");
  frame.className = "clinflu-app clinflu-picture";
  frame.dataset.theme = app.dataset.theme;
  const notice = document.createElement("p");
  notice.className = "clinflu-note";
  notice.textContent = [...app.querySelectorAll(".clinflu-banner")].map((one) => one.textContent).join(" ");
  const styles = document.createElement("style");
  styles.textContent = textOfStyles();
  frame.append(styles, notice, still(panel));
  frame.style.width = `${Math.ceil(width) + 2 * MARGIN}px`;
  document.body.append(frame);
  const height = Math.ceil(frame.getBoundingClientRect().height) + MARGIN;
  frame.remove();
  const inside = new XMLSerializer().serializeToString(frame);
  const size = `width="${Math.ceil(width) + 2 * MARGIN}" height="${height}"`;
  return {
    width: Math.ceil(width) + 2 * MARGIN, height,
    text: `<svg xmlns="${SVG}" ${size}><foreignObject width="100%" height="100%">${inside}</foreignObject></svg>`,
  };
}

async function pictureOf(panel) {
  const { width, height, text } = svgOf(panel, panel.closest(".clinflu-app"));
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = SCALE * width;
  canvas.height = SCALE * height;
  const context = canvas.getContext("2d");
  context.scale(SCALE, SCALE);
  context.drawImage(image, 0, 0);
  return new Promise((done, fail) => canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error("no picture"))), "image/png"));
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// Where the browser lets no page write to the clipboard, the picture becomes a file of the reader's own.
async function copyPicture(panel) {
  const blob = await pictureOf(panel);
  try {
    await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
    return "copied";
  } catch {
    save(blob, "clinflu.png");
    return "saved";
  }
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return "copied";
  } catch {
    save(new Blob([text], { type: "text/plain" }), "clinflu.py");
    return "saved";
  }
}
