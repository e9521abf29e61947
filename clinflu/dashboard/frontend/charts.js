// Draws figures with the one plotly.js of the page. An old picture is hidden at once, and shown again only as the new one.
const WAIT_MS = 60000;
const LOOK_AGAIN_MS = 25;
const LABEL_GAP_PX = 10;

// Under Voila the page brings plotly.js itself; elsewhere it comes with the widgets.
function plotlyHere() {
  return globalThis.__clinfluPlotly ?? (globalThis.__clinfluPlotlyInPage ? globalThis.Plotly : undefined);
}

async function plotly() {
  const start = Date.now();
  while (!plotlyHere()) {
    if (Date.now() - start > WAIT_MS) throw new Error("plotly.js did not arrive");
    await new Promise((wake) => setTimeout(wake, LOOK_AGAIN_MS));
  }
  return plotlyHere();
}

// Leaves the labels their room at once: plotly would draw everything again for each margin that it finds too small.
function withRoom({ data, layout }) {
  const { ticktext } = layout.yaxis ?? {};
  if (!ticktext) return { data, layout };
  const pen = document.createElement("canvas").getContext("2d");
  const width = (label) => Math.max(...label.split("<br>").map((line) => {
    pen.font = `${line.includes("<b>") ? "bold " : ""}${line.includes("<i>") ? "italic " : ""}${layout.font.size}px ${layout.font.family}`;
    return pen.measureText(plainText(line)).width;
  }));
  layout.margin = { ...layout.margin, l: Math.ceil(Math.max(0, ...ticktext.map(width))) + LABEL_GAP_PX };
  layout.yaxis.automargin = false;
  layout.xaxis = { ...layout.xaxis, automargin: false };
  return { data, layout };
}

function plainText(line) {
  return line.replace(/<[^>]*>/g, "").replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");
}

// The first figure costs a second; one that nobody sees takes that on itself while the reader looks at the list.
async function rehearse(config) {
  if (globalThis.__clinfluRehearsed) return;
  globalThis.__clinfluRehearsed = true;
  const Plotly = await plotly();
  const place = document.createElement("div");
  place.style.cssText = "position:absolute;left:-10000px;width:600px;height:400px;visibility:hidden";
  place.setAttribute("aria-hidden", "true");
  document.body.append(place);
  const bars = { orientation: "h", x: [1, 2], y: [0, 1], text: ["a", "b"] };
  await Plotly.newPlot(place, [{ type: "waterfall", ...bars }, { type: "bar", ...bars }, { type: "scatter", mode: "markers", ...bars }], {}, config);
  Plotly.purge(place);
  place.remove();
}

class Charts {
  constructor(config, darkForLight, isDark) {
    Object.assign(this, { config, darkForLight, isDark });
    this.figures = new Map();
    rehearse(config).catch(() => {});
    this.watch = new ResizeObserver((entries) => entries.forEach((entry) => this.resize(entry.target)));
  }

  own() { return 2; }

  adopt(element, attributes) {
    const chart = document.createElement("div");
    chart.className = "clinflu-chart";
    chart.setAttribute("role", "img");
    const failed = document.createElement("p");
    failed.className = "clinflu-note";
    failed.textContent = "The chart could not be drawn; the table holds its numbers.";
    failed.hidden = true;
    element.append(chart, failed);
    this.figures.set(element, { chart, failed, figure: "" });
    this.watch.observe(element);
    this.change(element, attributes);
  }

  change(element, { figure, description }) {
    const held = this.figures.get(element);
    held.chart.setAttribute("aria-label", description ?? "");
    if (held.figure === figure) return;
    held.figure = figure;
    held.chart.style.height = `${JSON.parse(figure).layout.height}px`;  // at once: whoever is led here would be pushed on
    this.draw(held);
  }

  async draw(held) {
    const wanted = held.figure;
    held.chart.style.visibility = "hidden";
    delete held.chart.dataset.drawn;
    held.waiting = !held.chart.offsetWidth;
    if (held.waiting) return this.lookAgain(held);  // not in the page yet, or under a closed fold
    try {
      const Plotly = await plotly();
      if (held.figure !== wanted) return;
      const { data, layout } = withRoom(JSON.parse(this.inTheme(wanted)));
      await Plotly.react(held.chart, data, layout, this.config);
      if (held.figure !== wanted) return;
      held.failed.hidden = true;
      held.chart.style.visibility = "";
      held.chart.dataset.drawn = "";
    } catch {
      held.failed.hidden = held.figure !== wanted;
    }
  }

  // Told of its size anew, even where it comes back within one frame as large as it was.
  lookAgain({ chart }) {
    this.watch.unobserve(chart.parentElement);
    this.watch.observe(chart.parentElement);
  }

  inTheme(figure) {
    if (!this.isDark()) return figure;
    const colours = new RegExp(Object.keys(this.darkForLight).join("|"), "g");
    return figure.replace(colours, (colour) => this.darkForLight[colour]);
  }

  redraw() { for (const held of this.figures.values()) this.draw(held); }

  resize(element) {
    const held = this.figures.get(element);
    if (!held?.chart.offsetWidth) return;
    if (held.waiting) this.draw(held);
    else if (held.chart.data) plotlyHere()?.Plots.resize(held.chart);
  }

  leave(root) {
    for (const element of [root, ...root.querySelectorAll("figure")]) {
      const held = this.figures.get(element);
      if (!held) continue;
      held.figure = null;
      this.watch.unobserve(element);
      plotlyHere()?.purge(held.chart);
      this.figures.delete(element);
    }
  }

  end() {
    for (const element of [...this.figures.keys()]) this.leave(element);
    this.watch.disconnect();
  }
}
