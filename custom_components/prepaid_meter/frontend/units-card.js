/** All units in one list, most urgent first, or only those that need attention; a row opens the card of its unit. */

import { Account, CONDITIONS, CONDITION_STYLES, accountDevices } from "./account.js";
import { h, icon, setAttribute } from "./dom.js";
import { unitsForm } from "./editor.js";
import { lastsFor } from "./format.js";
import { styleSheets } from "./styles.js";
import { loadLanguage, localize, pageLanguage, setLanguage, supportedLanguage } from "./localize.js";

const PAGE_SIZE = 25;
const NO_FORECAST = Number.MAX_SAFE_INTEGER;
const MIN_UNITS_FOR_SEARCH = 8;
const WATCHED_STATES = ["sensor.balance", "sensor.run_out", "sensor.supply_state", "binary_sensor.low_credit", "binary_sensor.problem"];
const REDRAW_INTERVAL_MS = 1000;

export class PrepaidMeterUnitsCard extends HTMLElement {
  static getStubConfig() {
    return {};
  }

  static async getConfigForm() {
    await loadLanguage(pageLanguage());
    return unitsForm();
  }

  constructor() {
    super();
    this.attachShadow({ mode: "open" }).adoptedStyleSheets = styleSheets("units", "dialog");
    this._query = "";
  }

  setConfig(config) {
    this._config = config;
    this._limit = config.page ?? PAGE_SIZE;
    this._rendered = undefined;
    if (this._hass) this._render();
  }

  set hass(hass) {
    this._hass = hass;
    if (this._opened) this._opened.hass = hass;
    this._render();
  }

  getCardSize() {
    return 8;
  }

  getGridOptions() {
    return { columns: 12, min_columns: 6, rows: "auto" };
  }

  disconnectedCallback() {
    clearTimeout(this._redrawTimer);
    this._redrawTimer = undefined;
  }

  _render() {
    if (!this._config) return;
    const language = this._hass.locale?.language ?? this._hass.language;
    if (!setLanguage(language)) {
      loadLanguage(language).then(() => setLanguage(language) && this._render());
      return;
    }
    setAttribute(this, "dark", Boolean(this._hass.themes?.darkMode));
    if (!this._parts || this._parts.language !== supportedLanguage(language)) this._build(supportedLanguage(language));
    if (this._hasChanged()) this._scheduleDraw();
  }

  /** Draw at once, then at most once a second: a thousand meters report all the time. */
  _scheduleDraw() {
    if (this._redrawTimer) {
      this._redrawPending = true;
      return;
    }
    this._draw();
    this._redrawTimer = setTimeout(() => {
      this._redrawTimer = undefined;
      if (this._redrawPending) this._scheduleDraw();
      this._redrawPending = false;
    }, REDRAW_INTERVAL_MS);
  }

  _hasChanged() {
    const devices = this._config.devices ?? accountDevices(this._hass);
    this._accounts = devices.map((id) => new Account(this._hass, id)).filter((account) => account.exists);
    const watched = (account) => [account.connection, ...WATCHED_STATES.map((kind) => account.state(kind))];
    const now = [this._hass.locale, ...this._accounts.flatMap(watched)];
    const same = this._rendered?.length === now.length && now.every((value, index) => value === this._rendered[index]);
    this._rendered = now;
    return !same;
  }

  _build(language) {
    const search = (event) => {
      this._query = event.target.value.trim().toLowerCase();
      this._draw();
    };
    const parts = {
      language,
      counts: h("div", { class: "counts", role: "status" }),
      search: h("input", { type: "search", placeholder: localize("units.search"), "aria-label": localize("units.search"), oninput: search }),
      rows: h("tbody"),
      note: h("p", { class: "calm" }),
      more: h("button", { class: "button", type: "button", onclick: () => this._showMore() }),
    };
    const head = (path, names) => h("th", { scope: "col", class: names }, localize(path));
    const heads = h("tr", {}, head("units.unit"), head("units.state"), head("label.balance", "end"), head("label.lasts", "end wide"));
    parts.table = h("table", {}, h("thead", {}, heads), parts.rows);
    const title = this._config.title ?? localize(this._config.attention ? "units.attention" : "units.title");
    const top = h("div", { class: "row" }, h("h2", { id: "title" }, title), parts.counts);
    const body = h("div", { class: "body" }, top, parts.search, parts.note, parts.table, parts.more);
    this.shadowRoot.replaceChildren(h("ha-card", { role: "region", "aria-labelledby": "title" }, body));
    this._parts = parts;
  }

  _draw() {
    const now = Date.now();
    const sorted = this._accounts.map((account) => describe(account, now)).sort(byUrgency);
    const listed = this._config.attention ? sorted.filter((unit) => unit.condition !== "well") : sorted;
    const matching = listed.filter((unit) => unit.name.toLowerCase().includes(this._query));
    const { counts, search, rows, table, more } = this._parts;
    counts.replaceChildren(...(this._config.attention ? [] : this._counts(sorted)));
    search.hidden = listed.length < MIN_UNITS_FOR_SEARCH && !this._query;
    table.hidden = matching.length === 0;
    this._note(matching.length, listed.length, sorted.length);
    const focused = this.shadowRoot.activeElement?.dataset.device;
    rows.replaceChildren(...matching.slice(0, this._limit).map((unit) => this._row(unit)));
    if (focused) rows.querySelector(`[data-device="${focused}"]`)?.focus();
    more.hidden = matching.length <= this._limit;
    more.textContent = localize("units.more", { count: Math.min(matching.length - this._limit, this._limit) });
  }

  _note(matching, listed, all) {
    const { note } = this._parts;
    note.hidden = matching > 0;
    if (matching > 0) return;
    const [iconName, path] = all === 0 ? ["mdi:meter-electric-outline", "units.no_accounts"] : listed === 0 ? ["mdi:check-circle", "units.calm"] : ["mdi:magnify", "units.none"];
    note.className = `calm ${listed === 0 && all > 0 ? "green" : "grey"}`;
    note.replaceChildren(icon(iconName), h("span", {}, localize(path)));
  }

  /** Return the number of units in each condition, most urgent first. */
  _counts(units) {
    return CONDITIONS.map((condition) => [condition, units.filter((unit) => unit.condition === condition).length])
      .filter(([, count]) => count > 0)
      .map(([condition, count]) => {
        const { tone, icon: iconName } = CONDITION_STYLES[condition];
        return h("span", { class: `chip ${tone}` }, icon(iconName), h("span", {}, `${count} · ${localize(`condition.${condition}`)}`));
      });
  }

  _row(unit) {
    const { tone, icon: iconName } = CONDITION_STYLES[unit.condition];
    const open = () => this._open(unit.account);
    const name = h("button", { class: "link", type: "button", "data-device": unit.account.id, onclick: open }, unit.name);
    const chip = h("span", { class: `chip ${tone}` }, icon(iconName), h("span", {}, localize(`condition.${unit.condition}`)));
    const lasts = lastsFor(this._hass, unit.seconds) ?? "–";
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, name),
      h("td", {}, chip),
      h("td", { class: "end" }, unit.account.text("sensor.balance") ?? "–"),
      h("td", { class: "end wide soft" }, lasts),
    );
  }

  _showMore() {
    this._limit += this._config.page ?? PAGE_SIZE;
    this._draw();
  }

  /** Show the card of a unit in a dialog. */
  _open(account) {
    const card = document.createElement("prepaid-meter-card");
    card.setConfig({ type: "custom:prepaid-meter-card", device: account.id });
    card.hass = this._hass;
    const dialog = h("dialog", { class: "unit", "aria-label": account.name });
    const close = h("button", { class: "button plain", type: "button", onclick: () => dialog.close() }, localize("button.close"));
    const closed = (event) => {
      if (event.target !== dialog) return;
      dialog.remove();
      this._opened = undefined;
    };
    dialog.addEventListener("close", closed);
    card.addEventListener("hass-more-info", () => dialog.close());
    dialog.append(card, h("div", { class: "buttons" }, close));
    this.shadowRoot.append(dialog);
    this._opened = card;
    dialog.showModal();
  }
}

function describe(account, now) {
  return { account, name: account.name, condition: account.condition, seconds: account.secondsLeft(now) };
}

/** Sort those without supply first, then by condition, then by how long the credit lasts, then by name. */
function byUrgency(one, other) {
  return (
    CONDITIONS.indexOf(one.condition) - CONDITIONS.indexOf(other.condition) ||
    (one.seconds ?? NO_FORECAST) - (other.seconds ?? NO_FORECAST) ||
    byName(one, other)
  );
}

function byName(one, other) {
  return one.name.localeCompare(other.name, undefined, { numeric: true });
}
