// One place of the page: draws the tree that Python sent, and tells Python what the reader does.
const TYPING_PAUSE_MS = 180;
const LARGEST_FILE = 2000000;

// The blocks of one application: those that still show the last subject are blanked until they have the new one.
function pageOf(name) {
  globalThis.__clinfluPages ??= new Map();
  if (!globalThis.__clinfluPages.has(name)) globalThis.__clinfluPages.set(name, new Map());
  return globalThis.__clinfluPages.get(name);
}

function blankOld(blocks) {
  const newest = Math.max(...blocks.values());
  for (const [el, stamp] of blocks) el.classList.toggle("clinflu-waiting", stamp < newest);
}

function moveAlong(event) {
  const rows = [...event.target.closest("[data-arrows]").querySelectorAll("[data-row]")];
  const place = rows.indexOf(document.activeElement);
  const target = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: rows.length - 1 }[event.key];
  if (place < 0 || target === undefined || !rows[target]) return;
  event.preventDefault();
  rows[target].focus();
}

function focusAgain(el, focused) {
  if (!focused || document.activeElement !== document.body) return;
  const again = [...el.querySelectorAll("[data-act]")].find((one) => one.dataset.act === focused.act && one.dataset.key === focused.key);
  (again && !again.disabled ? again : el.querySelector("[data-heading]"))?.focus({ preventScroll: true });
}

export default {
  render({ model, el }) {
    el.classList.add("clinflu-block");
    const isDark = () => el.closest(".clinflu-app")?.dataset.theme === "dark";
    const charts = new Charts(model.get("config"), model.get("dark"), isDark);
    const blocks = pageOf(model.get("page"));
    let shown = JSON.parse(model.get("content"));
    let root = make(shown, charts);
    el.append(root);

    const draw = () => {
      const next = JSON.parse(model.get("content"));
      const active = el.contains(document.activeElement) ? { ...document.activeElement.dataset } : null;
      if (alike(shown, next)) patch(root, shown, next, charts);
      else {
        const fresh = make(next, charts);
        charts.leave(root);
        root.replaceWith(fresh);
        root = fresh;
      }
      shown = next;
      focusAgain(el, active);
      stamped();
    };
    const stamped = () => {
      blocks.set(el, model.get("stamp"));
      blankOld(blocks);
    };
    let said = model.get("heard");
    const say = (act, key, value, box) => {
      said += 1;
      if (box) unheard.set(box, said);
      model.send({ act, key: key ?? "", value: value ?? "", number: said });
    };
    const heard = () => {
      for (const [box, number] of unheard) {
        if (!box.isConnected) unheard.delete(box);
        if (!el.contains(box) || number > model.get("heard")) continue;
        unheard.delete(box);
        if (box !== document.activeElement || box.dataset.live === undefined) fill(box);
      }
    };

    const tell = (promise, what) => promise.then((how) => say("told", what, how), () => say("told", what, "failed"));
    const clicked = (event) => {
      const button = event.target.closest("button, [data-row], tr[data-act]");
      if (!button || !el.contains(button) || button.disabled) return;
      const { act, key, send, picture, copy, theme } = button.dataset;
      if (theme !== undefined) {
        const app = el.closest(".clinflu-app");
        app.dataset.chosen = isDark() ? "light" : "dark";
        applyTheme(app);
      } else if (picture !== undefined) tell(copyPicture(button.closest(".clinflu-panel")), "picture");
      else if (copy !== undefined) tell(copyText(button.parentElement.querySelector("code").textContent), "python");
      else if (act !== undefined) say(act, key, send);
    };
    const valueOf = (box) => (box.type === "checkbox" ? box.checked : box.value);
    const changed = async (event) => {
      const box = event.target;
      if (box.dataset.act === undefined || box.dataset.live !== undefined) return;
      if (box.type !== "file") return say(box.dataset.act, box.dataset.key, valueOf(box), box);
      const [file] = box.files;
      if (!file) return;
      say(box.dataset.act, box.dataset.key, file.size > LARGEST_FILE ? "" : await file.text());
      box.value = "";
    };
    let typing;
    const typed = (event) => {
      const box = event.target;
      if (box.dataset.live === undefined) return;
      clearTimeout(typing);
      typing = setTimeout(() => say(box.dataset.act, box.dataset.key, box.value, box), TYPING_PAUSE_MS);
    };
    const pressed = (event) => { if (event.target.closest("[data-arrows]")) moveAlong(event); };
    const told = (content) => {
      if (content.type === "download") save(new Blob([content.text], { type: "application/json" }), content.name);
    };
    const arrive = () => {
      const part = model.get("part") && el.querySelector(model.get("part"));
      if (part) return part.scrollIntoView({ block: part.offsetHeight > innerHeight ? "start" : "nearest", behavior: "instant" });
      const heading = el.closest(".clinflu-panel")?.querySelector("[data-heading]") ?? el.querySelector("[data-heading]");
      heading?.focus({ preventScroll: true });
      heading?.scrollIntoView({ block: "start", behavior: "instant" });
    };

    el.addEventListener("click", clicked);
    el.addEventListener("change", changed);
    el.addEventListener("input", typed);
    el.addEventListener("keydown", pressed);
    model.on("change:content", draw);
    model.on("change:stamp", stamped);
    model.on("change:heard", heard);
    model.on("change:arrivals", arrive);
    model.on("msg:custom", told);
    const unfollow = followTheme(el, () => charts.redraw());
    stamped();
    return () => {
      model.off("change:content", draw);
      model.off("change:stamp", stamped);
      model.off("change:heard", heard);
      model.off("change:arrivals", arrive);
      model.off("msg:custom", told);
      clearTimeout(typing);
      unfollow();
      charts.end();
      blocks.delete(el);
      for (const box of [...unheard.keys()]) if (el.contains(box)) unheard.delete(box);
    };
  },
};
