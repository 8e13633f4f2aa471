/** What Home Assistant loads on every page: the cards and the dashboard, offered in their pickers. */

import { accountDevices, deviceOf } from "./account.js";
import { PrepaidMeterCard } from "./card.js";
import { PrepaidMeterStrategy } from "./strategy.js";
import { PrepaidMeterUnitsCard } from "./units-card.js";
import { loadWords, pageLanguage, word } from "./words.js";

const DOCUMENTATION =
  "https://github.com/prepaid-meter/prepaid-meter/blob/main/docs/home-assistant/card.md";

/** Define an element once: after an update of the integration an open page meets a second version. */
function define(tag, element) {
  if (!customElements.get(tag)) customElements.define(tag, element);
}

/** Describe an entry of a picker; its texts follow the language of the page. */
function described(entry, key) {
  return Object.defineProperties(entry, {
    name: { enumerable: true, get: () => word(`${key}.name`) },
    description: { enumerable: true, get: () => word(`${key}.description`) },
  });
}

/** Offer an entry in one of Home Assistant's pickers unless it is there. */
function offer(list, key, entry) {
  window[list] = window[list] || [];
  if (!window[list].some((known) => known[key] === entry[key])) window[list].push(entry);
}

define("prepaid-meter-card", PrepaidMeterCard);
define("prepaid-meter-units-card", PrepaidMeterUnitsCard);
define("ll-strategy-dashboard-prepaid-meter", PrepaidMeterStrategy);

// A picker that is opened early shall not show the keys of texts that are still on their way.
await loadWords(pageLanguage());

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
