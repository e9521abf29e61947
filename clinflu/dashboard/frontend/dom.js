// Makes elements of a tree [tag, attributes, children]. Text reaches the page as text nodes and attributes only:
// a recorded value is never read as HTML, and no tag or attribute is made that is not listed here.
const TAGS = new Set(("div section header h1 h2 h3 h4 p span strong em ul ol li hr img table caption thead tbody tr th td " +
  "button label input select optgroup option textarea details summary fieldset legend progress code pre figure").split(" "));
const ATTRIBUTE = /^(class|id|role|type|value|checked|disabled|for|name|placeholder|scope|label|colspan|tabindex|min|max|step|open|selected|title|alt|src|hidden|accept|autocomplete|spellcheck|maxlength|rows|aria-[a-z]+|data-[a-z]+)$/;
const PICTURE = "data:image/png;base64,";
const OF_CHARTS = new Set(["figure", "description"]);

function allowed(name, value) {
  return ATTRIBUTE.test(name) && (name !== "src" || String(value).startsWith(PICTURE));
}

// Boxes that the reader has just changed: until Python has heard of it, what it sends is older than what they hold.
const unheard = new Map();

function setAttribute(element, name, value) {
  if (!allowed(name, value)) return;
  element.setAttribute(name, value === true ? "" : String(value));
}

// Lets a box hold what Python says it holds.
function fill(element) {
  if (unheard.has(element)) return;
  if (element.type === "checkbox") element.checked = element.hasAttribute("checked");
  else if (element.tagName === "SELECT") {
    for (const option of element.options) option.selected = option.hasAttribute("selected");
  } else if (element.type !== "file") element.value = element.getAttribute("value") ?? "";
}

function isBox(tag) {
  return tag === "input" || tag === "select" || tag === "textarea";
}

function make(tree, charts) {
  if (typeof tree === "string") return document.createTextNode(tree);
  const [tag, attributes, children] = tree;
  if (!TAGS.has(tag)) return document.createTextNode("");
  const element = document.createElement(tag);
  if (tag === "figure") charts.adopt(element, attributes);
  element.append(...children.map((child) => make(child, charts)));
  for (const [name, value] of Object.entries(attributes)) if (!OF_CHARTS.has(name)) setAttribute(element, name, value);
  if (isBox(tag)) fill(element);
  return element;
}

function keyOf(tree) {
  return typeof tree === "string" ? null : tree[1]["data-key"] ? `${tree[0]} ${tree[1]["data-key"]}` : null;
}

function alike(one, other) {
  if (typeof one === "string" || typeof other === "string") return typeof one === typeof other;
  return one[0] === other[0] && keyOf(one) === keyOf(other);
}

// Changes only what differs, so that the focus, the place in a text and an open fold stay where they are.
function patch(element, before, after, charts) {
  if (before === after) return;
  if (typeof after === "string") {
    if (element.data !== after) element.data = after;
    return;
  }
  const [tag, was, olds] = before;
  const [, is, news] = after;
  patchChildren(element, olds, news, charts, tag === "figure" ? charts.own(element) : 0);
  for (const name of Object.keys(was)) if (!(name in is) && !OF_CHARTS.has(name)) element.removeAttribute(name);
  for (const [name, value] of Object.entries(is)) {
    if (!OF_CHARTS.has(name) && was[name] !== value) setAttribute(element, name, value);
  }
  const typing = element === document.activeElement && was.value === is.value;
  if (isBox(tag) && !typing) fill(element);
  if (tag === "figure") charts.change(element, is);
}

function patchChildren(element, olds, news, charts, offset) {
  const held = [...element.childNodes].slice(offset);
  const free = new Map(olds.map((old, place) => [place, old]));
  const byKey = new Map(olds.map((old, place) => [keyOf(old), place]).filter(([key]) => key !== null));
  const placed = news.map((child, place) => {
    const key = keyOf(child);
    const from = key !== null ? byKey.get(key) : place;
    if (from !== undefined && free.has(from) && held[from] && alike(free.get(from), child)) {
      patch(held[from], free.get(from), child, charts);
      free.delete(from);
      return held[from];
    }
    return make(child, charts);
  });
  for (const place of free.keys()) {
    if (!held[place]) continue;
    if (held[place].querySelectorAll) charts.leave(held[place]);
    held[place].remove();
  }
  placed.forEach((child, place) => {
    const here = element.childNodes[offset + place];
    if (here !== child) element.insertBefore(child, here ?? null);
  });
}
