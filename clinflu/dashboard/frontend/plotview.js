// Draws a figure with the one plotly.js of the page; its numbers stand in a table beside it in any case.
const WAIT_MS = 60000;
const LOOK_AGAIN_MS = 25;

async function plotly() {
  const start = Date.now();
  while (!globalThis.__clinfluPlotly) {
    if (Date.now() - start > WAIT_MS) throw new Error("plotly.js did not arrive");
    await new Promise((wake) => setTimeout(wake, LOOK_AGAIN_MS));
  }
  return globalThis.__clinfluPlotly;
}

export default {
  render({ model, el }) {
    const chart = node("div", { class: "clinflu-chart", role: "img" });
    const failed = node("p", { class: "clinflu-note", hidden: true }, "The chart could not be drawn; the table holds its numbers.");
    const fold = node("button", { type: "button", class: "clinflu-more", onclick: () => { open = !open; draw(); } });
    let open = !model.get("fold");
    let gone = false;
    el.append(fold, chart, failed);
    const draw = async () => {
      chart.setAttribute("aria-label", model.get("description"));
      fold.textContent = open ? "Hide the chart" : model.get("fold");
      fold.setAttribute("aria-expanded", String(open));
      fold.hidden = !model.get("fold") || !model.get("figure");
      chart.hidden = !open || !model.get("figure");
      if (chart.hidden) return;
      try {
        const Plotly = await plotly();
        if (gone) return;
        const { data, layout } = JSON.parse(model.get("figure"));
        await Plotly.react(chart, data, layout, model.get("config"));
        failed.hidden = true;
      } catch {
        failed.hidden = false;
      }
    };
    const stop = follow(model, ["figure"], draw);
    const watch = new ResizeObserver(() => {
      if (chart.data && chart.offsetWidth) globalThis.__clinfluPlotly.Plots.resize(chart);
    });
    watch.observe(el);
    return () => {
      gone = true;
      stop();
      watch.disconnect();
      globalThis.__clinfluPlotly?.purge(chart);
    };
  },
};
