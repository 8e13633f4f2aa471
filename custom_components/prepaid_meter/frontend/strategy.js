/** A ready-made dashboard for landlords: what needs attention, all units, and a view for each site. */

import { DOMAIN, accountDevices } from "./account.js";
import { loadLanguage, localize } from "./localize.js";

const CARDS_UP_TO = 12;
const COLUMNS = 3;

export class PrepaidMeterStrategy extends HTMLElement {
  /** Home Assistant regenerates the dashboard when one of these registries changes. */
  static registryDependencies = ["entities", "devices"];

  static async generate(config, hass) {
    await loadLanguage(hass.locale?.language ?? hass.language);
    const sites = await sitesOf(hass);
    const views = sites.length > 1 ? sites.map((site, index) => siteView(hass, site, index)) : [];
    return { title: config.title, views: [overview(hass, sites), ...views] };
  }
}

/** Return the sites with the devices of their accounts; devices without a site appear in the overview only. */
async function sitesOf(hass) {
  try {
    const { sites } = await hass.callWS({ type: `${DOMAIN}/sites` });
    return sites;
  } catch {
    return []; // The integration is being reloaded; the overview still shows every unit.
  }
}

function overview(hass, sites) {
  const showCards = sites.length <= 1 && accountDevices(hass).length <= CARDS_UP_TO;
  const all = showCards ? accountDevices(hass).map(accountCard) : [{ type: "custom:prepaid-meter-units-card", title: localize("units.all") }];
  // With a single account, its own card shows what needs attention.
  const attention = accountDevices(hass).length === 1 ? [] : [{ type: "custom:prepaid-meter-units-card", attention: true }];
  const first = [...bridgeProblems(hass), ...attention];
  return {
    title: localize("units.overview"),
    path: "overview",
    icon: "mdi:home-city-outline",
    type: "sections",
    max_columns: COLUMNS,
    sections: [
      ...(first.length ? [grid(first, COLUMNS)] : []),
      ...(showCards ? all.map((card) => grid([card])) : [grid(all, COLUMNS)]),
    ],
  };
}

function siteView(hass, site, index) {
  const known = new Set(accountDevices(hass));
  const devices = site.devices.filter((device) => known.has(device));
  const cards =
    devices.length <= CARDS_UP_TO
      ? devices.map((device) => grid([accountCard(device)]))
      : [grid([{ type: "custom:prepaid-meter-units-card", title: site.name, devices, page: 50 }], COLUMNS)];
  return { title: site.name, path: `site-${index + 1}`, type: "sections", max_columns: COLUMNS, sections: cards };
}

function accountCard(device) {
  return { type: "custom:prepaid-meter-card", device };
}

function grid(cards, span = 1) {
  return { type: "grid", column_span: span, cards: cards.map((card) => ({ ...card, grid_options: card.grid_options ?? { columns: "full" } })) };
}

/** Return a tile for the alerts of each bridge, visible only while there are any. */
function bridgeProblems(hass) {
  const accounts = new Set(accountDevices(hass));
  return Object.values(hass.entities)
    .filter((entry) => entry.platform === DOMAIN && entry.translation_key === "problem" && !accounts.has(entry.device_id))
    .map((entry) => ({
      type: "tile",
      entity: entry.entity_id,
      visibility: [{ condition: "state", entity: entry.entity_id, state: "on" }],
    }));
}
