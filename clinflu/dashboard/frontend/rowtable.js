// A table whose rows live in Python: the browser holds one page of them. Every row is reachable by keyboard.
const TYPING_PAUSE_MS = 200;

function headCell(column) {
  return node("th", { scope: "col", class: column.number ? "clinflu-number" : "clinflu-words" }, column.head);
}

function bodyRow(row, columns, choose) {
  const button = node("button", { type: "button", class: "clinflu-row", "data-key": row.key, onclick: choose }, row.cells[0]);
  const first = node("th", { scope: "row", class: "clinflu-words" }, button);
  const rest = row.cells.slice(1).map((cell, place) => {
    const column = columns[place + 1];
    return node("td", { class: column.number ? "clinflu-number" : "clinflu-words" }, cell);
  });
  return node("tr", { "data-key": row.key, onclick: choose }, first, ...rest);
}

function moveAlong(event) {
  const buttons = [...event.currentTarget.querySelectorAll("button.clinflu-row")];
  const place = buttons.indexOf(document.activeElement);
  const target = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: buttons.length - 1 }[event.key];
  if (place < 0 || target === undefined || !buttons[target]) return;
  event.preventDefault();
  buttons[target].focus();
}

export default {
  render({ model, el }) {
    const say = (type, value) => model.send({ type, value });
    const id = `clinflu-search-${Math.random().toString(36).slice(2)}`;
    let typing;
    const search = node("input", {
      id, type: "search", autocomplete: "off", spellcheck: "false", placeholder: "E-…",
      oninput: () => { clearTimeout(typing); typing = setTimeout(() => say("search", search.value), TYPING_PAUSE_MS); },
    });
    const chips = node("div", { class: "clinflu-chips", role: "group", "aria-label": "Kind of mistake" });
    const caption = node("caption");
    const head = node("thead");
    const body = node("tbody", { onkeydown: moveAlong });
    const count = node("span", { class: "clinflu-count", role: "status" });
    const previous = node("button", { type: "button", onclick: () => say("page", model.get("view").page - 1) }, "Previous");
    const next = node("button", { type: "button", onclick: () => say("page", model.get("view").page + 1) }, "Next");
    el.classList.add("clinflu-table");
    el.append(
      chips,
      node("div", { class: "clinflu-search" }, node("label", { for: id }, "Search by pseudonym"), search),
      node("div", { class: "clinflu-scroll" }, node("table", {}, caption, head, body)),
      node("div", { class: "clinflu-pager" }, previous, count, next),
    );

    const choose = (event) => {
      event.stopPropagation();
      say("choose", event.currentTarget.dataset.key);
    };
    const drawChips = () => {
      const { chip, chips: kinds } = model.get("view");
      const focused = document.activeElement?.dataset?.chip;
      chips.replaceChildren(...kinds.map((kind) => node("button", {
        type: "button", class: "clinflu-chip", "data-chip": kind.key, "aria-pressed": String(kind.key === chip),
        onclick: () => say("chip", kind.key),
      }, kind.label)));
      if (focused !== undefined) [...chips.children].find((one) => one.dataset.chip === focused)?.focus();
    };
    const drawRows = () => {
      const view = model.get("view");
      const focused = document.activeElement?.dataset?.key;
      caption.textContent = view.caption;
      head.replaceChildren(node("tr", {}, ...view.columns.map(headCell)));
      body.replaceChildren(...view.rows.map((row) => bodyRow(row, view.columns, choose)));
      if (!view.rows.length) body.append(node("tr", {}, node("td", { colspan: view.columns.length }, view.empty)));
      count.textContent = `${view.total} in all, page ${view.page + 1} of ${view.pages}`;
      previous.disabled = view.page === 0;
      next.disabled = view.page + 1 >= view.pages;
      if (focused) [...body.querySelectorAll("button")].find((one) => one.dataset.key === focused)?.focus();
    };
    const mark = () => {
      for (const row of body.rows) {
        const current = Boolean(row.dataset.key) && row.dataset.key === model.get("current");
        row.classList.toggle("clinflu-current", current);
        row.querySelector("button")?.toggleAttribute("aria-current", current);
      }
    };
    return follow(model, ["view", "current"], () => { drawChips(); drawRows(); mark(); });
  },
};
