/** The configuration forms of the cards. */

import { DOMAIN } from "./account.js";
import { localize } from "./localize.js";

const ACCOUNT = { entity: { integration: DOMAIN, domain: "sensor", device_class: "monetary" } };

function form(schema) {
  return {
    schema,
    computeLabel: (field) => localize(`editor.${field.name}`),
    computeHelper: (field) => (field.name === "amounts" ? localize("editor.amounts_helper") : undefined),
  };
}

/** Return the form of the account card. */
export function cardForm() {
  return form([
    { name: "device", required: true, selector: { device: { integration: DOMAIN, ...ACCOUNT } } },
    { name: "name", selector: { text: {} } },
    { name: "blocks", default: true, selector: { boolean: {} } },
    { name: "top_up", default: true, selector: { boolean: {} } },
    { name: "amounts", selector: { text: {} } },
  ]);
}

/** Return the form of the units card. */
export function unitsForm() {
  return form([
    { name: "title", selector: { text: {} } },
    { name: "attention", selector: { boolean: {} } },
    { name: "page", selector: { number: { min: 5, max: 200, mode: "box" } } },
  ]);
}
