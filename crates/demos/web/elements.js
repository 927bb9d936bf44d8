// Short forms for finding, making and changing elements.

/** Returns the element with this id. */
export const byId = (id) => document.getElementById(id);

/** Makes an element. `className` is its class; all other properties become attributes. */
export function make(name, { className, ...attributes } = {}, ...children) {
  const element = document.createElement(name);
  if (className) element.className = className;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Makes the mark of a transport. Its shape and colour come from an ancestor's `data-transport`. */
export const makeMark = () => make("span", { className: "mark", "aria-hidden": "true" });

/** Sets the text of an element if it changes: a screen reader may be reading the present one. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
