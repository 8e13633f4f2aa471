/** Entry point, loaded on every page: defines the cards and the dashboard strategy and adds them to the pickers. */

import { accountDevices, deviceOf } from "./account.js";
import { PrepaidMeterCard } from "./card.js";
import { PrepaidMeterStrategy } from "./strategy.js";
import { PrepaidMeterUnitsCard } from "./units-card.js";
import { loadLanguage, localize, pageLanguage } from "./localize.js";

const DOCUMENTATION =
  "https://github.com/prepaid-meter/prepaid-meter/blob/main/docs/home-assistant/card.md";

/** Define an element once: after an update of the integration, an open page loads a second version. */
function define(tag, element) {
  if (!customElements.get(tag)) customElements.define(tag, element);
}

/** Describe a picker entry; its texts follow the language of the page. */
function described(entry, key) {
  return Object.defineProperties(entry, {
    name: { enumerable: true, get: () => localize(`${key}.name`) },
    description: { enumerable: true, get: () => localize(`${key}.description`) },
  });
}

/** Add an entry to one of Home Assistant's pickers unless it is already there. */
function offer(list, key, entry) {
  window[list] = window[list] || [];
  if (!window[list].some((known) => known[key] === entry[key])) window[list].push(entry);
}

define("prepaid-meter-card", PrepaidMeterCard);
define("prepaid-meter-units-card", PrepaidMeterUnitsCard);
define("ll-strategy-dashboard-prepaid-meter", PrepaidMeterStrategy);

// Load the texts first, so that a picker that is opened early does not show their keys.
await loadLanguage(pageLanguage());

offer(
  "customCards",
  "type",
  described(
    {
      type: "prepaid-meter-card",
      preview: true,
      documentationURL: DOCUMENTATION,
      getEntitySuggestion: (hass, entityId) => {
        const device = deviceOf(hass, entityId);
        return device && { config: { type: "custom:prepaid-meter-card", device } };
      },
    },
    "card",
  ),
);
offer(
  "customCards",
  "type",
  described(
    {
      type: "prepaid-meter-units-card",
      preview: true,
      documentationURL: DOCUMENTATION,
      getEntitySuggestion: (hass, entityId) =>
        deviceOf(hass, entityId) && accountDevices(hass).length > 1
          ? { config: { type: "custom:prepaid-meter-units-card" } }
          : null,
    },
    "units_card",
  ),
);
offer(
  "customStrategies",
  "type",
  described(
    { type: "prepaid-meter", strategyType: "dashboard", documentationURL: DOCUMENTATION },
    "strategy",
  ),
);
