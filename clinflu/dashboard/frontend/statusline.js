// The two regions stay in the page, so that a screen reader announces what changes in them.
export default {
  render({ model, el }) {
    const status = node("div", { class: "clinflu-status", role: "status", "aria-live": "polite" });
    const error = node("div", { class: "clinflu-error", role: "alert" });
    el.append(error, status);
    return follow(model, ["status", "error"], () => {
      status.textContent = model.get("status");
      error.textContent = model.get("error");
      error.hidden = !model.get("error");
    });
  },
};
