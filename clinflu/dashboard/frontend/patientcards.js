// Past patients as a list of cards with a tick box each; the rest of a long list waits behind a button.
function valueLine(value) {
  const here = value.same ? "as this patient" : `this patient: ${value.here}`;
  const kind = value.same ? "clinflu-same" : "clinflu-different";
  return node("li", {}, node("span", { class: "clinflu-label" }, `${value.label}: `), node("strong", {}, value.recorded),
    node("span", { class: kind }, ` (${here})`));
}

function card(model, one) {
  const box = node("input", {
    type: "checkbox", "aria-label": `Select ${one.name}`, "data-key": one.name,
    onchange: () => {
      const others = model.get("selected").filter((name) => name !== one.name);
      model.set("selected", box.checked ? [...others, one.name] : others);
      model.save_changes();
    },
  });
  box.checked = model.get("selected").includes(one.name);
  return node("li", { class: "clinflu-card" },
    node("label", { class: "clinflu-card-name" }, box, node("span", {}, one.name), node("span", { class: "clinflu-outcome" }, one.outcome)),
    node("ul", { class: "clinflu-values" }, ...one.values.map(valueLine)),
    node("p", { class: "clinflu-effect" }, one.effect_lead, node("strong", {}, one.effect), ` ${one.proof}`),
    node("p", { class: "clinflu-note" }, one.note));
}

export default {
  render({ model, el }) {
    const head = node("h3");
    const said = node("p");
    const list = node("ul", { class: "clinflu-cards" });
    const more = node("button", { type: "button", class: "clinflu-more", onclick: () => { open = !open; draw(); } });
    let open = false;
    el.classList.add("clinflu-column");
    el.append(head, said, list, more);
    const draw = () => {
      const { title, tone, lead, shown, empty, cards } = model.get("view");
      el.dataset.tone = tone;
      head.textContent = title;
      said.textContent = lead;
      const hidden = open ? 0 : Math.max(0, cards.length - shown);
      list.replaceChildren(...cards.slice(0, cards.length - hidden).map((one) => card(model, one)));
      if (!cards.length) list.append(node("li", { class: "clinflu-empty" }, empty));
      more.hidden = cards.length <= shown;
      more.setAttribute("aria-expanded", String(open));
      more.textContent = open ? "Show fewer" : `Show ${hidden} more`;
    };
    const tick = () => {
      for (const box of list.querySelectorAll("input")) box.checked = model.get("selected").includes(box.dataset.key);
    };
    const stop = [follow(model, ["view"], () => { open = false; draw(); }), follow(model, ["selected"], tick)];
    return () => stop.forEach((end) => end());
  },
};
