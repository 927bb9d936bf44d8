// Elements of the page. Text goes in as text: nothing from the data is markup.

function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, given] of Object.entries(attributes)) {
    if (given === false || given === null || given === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), given);
    else element.setAttribute(name, given === true ? "" : given);
  }
  element.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return element;
}

/** A table that scrolls if it is wider than the page, and can then be focused. */
function scrolling(label, table) {
  const region = h("div", { class: "scroll", role: "region", "aria-label": label }, table);
  new ResizeObserver(() => {
    if (region.scrollWidth > region.clientWidth + 1) region.tabIndex = 0;
    else region.removeAttribute("tabindex");
  }).observe(region);
  return region;
}

/** A plain table: the first column names the row. */
function plainTable({ caption, head, rows }) {
  return scrolling(caption, h("table", { class: "plain" },
    h("caption", { class: "hidden" }, caption),
    h("thead", {}, h("tr", {}, head.map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, rows.map(([first, ...rest]) => h("tr", {},
      h("th", { scope: "row" }, first), rest.map((text) => h("td", {}, text)))))));
}

/** A disclosure that is closed at first, and is filled when it is opened. */
function disclosure(summary, fill) {
  const details = h("details", {}, h("summary", {}, summary));
  const open = () => {
    if (details.open && details.children.length === 1) details.append(fill());
  };
  details.addEventListener("toggle", open);
  return details;
}
