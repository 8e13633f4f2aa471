/** Build pages without a library. */

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

/** Set an attribute; ``false``, ``null`` and ``undefined`` take it away. */
export function setAttribute(element, name, value) {
  if (value === false || value === null || value === undefined) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value === true ? "" : value);
}

/** Set a text; what is the same stays untouched, so that a screen reader says only what is new. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Show a text where there is one. */
export function setTextOrHide(element, text) {
  element.hidden = !text;
  setText(element, text || "");
}

/** Return an icon that only decorates the words beside it. */
export function icon(name) {
  return h("ha-icon", { icon: name, "aria-hidden": "true" });
}

/** Tell Home Assistant of something, through the borders of shadow trees. */
export function fire(element, type, detail) {
  element.dispatchEvent(new CustomEvent(type, { bubbles: true, composed: true, detail }));
}
