/** Helpers to create DOM elements without a library. */

/** Return an element with its attributes, listeners (``onclick``) and children. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else setAttribute(element, name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Set an attribute; ``false``, ``null`` and ``undefined`` remove it. */
export function setAttribute(element, name, value) {
  if (value === false || value === null || value === undefined) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value === true ? "" : value);
}

/** Set a text only if it has changed, so that screen readers announce only changes. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Set a text, and hide the element if the text is empty. */
export function setTextOrHide(element, text) {
  element.hidden = !text;
  setText(element, text || "");
}

/** Return a decorative icon, hidden from screen readers. */
export function icon(name) {
  return h("ha-icon", { icon: name, "aria-hidden": "true" });
}

/** Fire an event for Home Assistant that crosses the boundaries of shadow trees. */
export function fire(element, type, detail) {
  element.dispatchEvent(new CustomEvent(type, { bubbles: true, composed: true, detail }));
}
