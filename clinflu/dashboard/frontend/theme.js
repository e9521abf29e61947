// Light or dark: as JupyterLab is where it shows the page, else as the browser is, unless the reader chose.
function isLab() {
  return document.body.dataset.voila === undefined && document.body.dataset.jpThemeLight !== undefined;
}

function themeOf(app) {
  const chosen = app?.dataset.chosen;
  if (chosen) return chosen;
  const lab = isLab() && document.body.dataset.jpThemeLight;
  if (lab) return lab === "true" ? "light" : "dark";
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

function applyTheme(app) {
  if (!app) return;
  const theme = themeOf(app);
  if (app.dataset.theme === theme) return;
  app.dataset.theme = theme;
  if (!isLab()) document.documentElement.dataset.clinflu = theme;
  app.dispatchEvent(new CustomEvent("clinflu-theme"));
}

function followTheme(el, redraw) {
  let app = null;
  let gone = false;
  const apply = () => {
    if (gone) return;
    if (!app) {
      app = el.closest(".clinflu-app");
      if (!app) return requestAnimationFrame(apply);  // it is drawn before it is put into the page
      app.addEventListener("clinflu-theme", redraw);
    }
    applyTheme(app);
  };
  const media = matchMedia("(prefers-color-scheme: dark)");
  const body = new MutationObserver(apply);
  media.addEventListener("change", apply);
  body.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  apply();
  return () => {
    gone = true;
    media.removeEventListener("change", apply);
    body.disconnect();
    app?.removeEventListener("clinflu-theme", redraw);
  };
}
