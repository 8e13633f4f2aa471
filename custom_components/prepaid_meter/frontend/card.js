/** The card of one account: balance, how long it lasts, supply state and its reason. */

import { Account, CONDITION_STYLES, accountDevices, deviceOf } from "./account.js";
import { fire, h, icon, setAttribute, setText, setTextOrHide } from "./dom.js";
import { cardForm } from "./editor.js";
import { ago, instant, lastsFor, money, price as formatPrice } from "./format.js";
import { styleSheets } from "./styles.js";
import { Period } from "./period.js";
import { SupplyDialog } from "./supply.js";
import { TopUpDialog } from "./top-up.js";
import { VoucherDialog } from "./voucher.js";
import { loadLanguage, localize, pageLanguage, setLanguage, supportedLanguage } from "./localize.js";

const ALL_DAY = "all";
const UNREMARKABLE_REASONS = ["in_credit"];
const POSTPAID = "credit_mode";
/** States of the emergency credit in which it is not shown. */
const NOT_NEEDED = ["unavailable", "unsupported"];

const FACTS = ["price", "today", "power"];
const DEBT_FIGURES = ["debt", "emergencyCredit"];
const NON_BREAKING_HYPHEN = "\u2011";

export class PrepaidMeterCard extends HTMLElement {
  static getStubConfig(hass) {
    return { device: accountDevices(hass)[0] ?? "" };
  }

  static async getConfigForm() {
    await loadLanguage(pageLanguage());
    return cardForm();
  }

  constructor() {
    super();
    this.attachShadow({ mode: "open" }).adoptedStyleSheets = styleSheets("card", "dialog");
  }

  setConfig(config) {
    this._config = { blocks: true, top_up: true, ...config };
    this._rendered = undefined;
    if (this._hass) this._render();
  }

  set hass(hass) {
    this._hass = hass;
    this._render();
  }

  getCardSize() {
    return this._config?.blocks ? 7 : 5;
  }

  getGridOptions() {
    return { columns: 12, min_columns: 6, rows: "auto" };
  }

  connectedCallback() {
    // Relative times become outdated without any change of state.
    this._timer = setInterval(() => this._hass && this._update(), 60_000);
  }

  disconnectedCallback() {
    clearInterval(this._timer);
  }

  _render() {
    const language = this._hass.locale?.language ?? this._hass.language;
    if (!this._config) return;
    if (!setLanguage(language)) {
      loadLanguage(language).then(() => setLanguage(language) && this._render());
      return;
    }
    setAttribute(this, "dark", Boolean(this._hass.themes?.darkMode));
    const account = new Account(this._hass, this._config.device || deviceOf(this._hass, this._config.entity));
    if (this._isUpToDate(account, supportedLanguage(language))) return;
    this._account = account;
    if (!account.exists) this._showMessage(localize(this._config.device || this._config.entity ? "missing.gone" : "missing.pick"));
    else this._showAccount();
  }

  /** Return whether the card is up to date; most changes are of other entities. */
  _isUpToDate(account, language) {
    const now = [language, this._hass.locale, this._hass.devices, ...account.states];
    const same = this._rendered?.length === now.length && now.every((value, index) => value === this._rendered[index]);
    this._rendered = now;
    return same;
  }

  _showMessage(text) {
    this._parts = undefined;
    const message = h("div", { class: "message" }, icon("mdi:meter-electric-outline"), h("span", {}, text));
    this.shadowRoot.replaceChildren(h("ha-card", {}, message));
  }

  _showAccount() {
    if (!this._parts || this._parts.language !== this._rendered[0]) this._build();
    this._update();
  }

  _build() {
    const figure = (kind, label) => {
      const parts = { value: h("span", { class: "value" }), beside: h("span", { class: "beside" }) };
      const open = () => this._showMoreInfo(kind);
      const caption = h("span", { class: "label" }, label);
      return { ...parts, box: h("button", { class: "figure link", type: "button", onclick: open }, caption, parts.value, parts.beside) };
    };
    const parts = {
      language: this._rendered[0],
      title: h("h2", { id: "title" }),
      chip: h("button", { class: "chip", type: "button", onclick: () => this._openSupply() }),
      banner: h("div", { class: "banner", role: "status" }),
      balance: figure("sensor.balance", localize("label.balance")),
      lasts: figure("sensor.run_out", localize("label.lasts")),
      period: new Period((kind) => this._showMoreInfo(kind)),
      facts: h("div", { class: "facts" }),
      owed: h("div", { class: "facts owed" }),
      topUp: h("button", { class: "button", type: "button", onclick: () => this._openTopUp() }, icon("mdi:cash-plus"), localize("button.top_up")),
      voucher: h("button", { class: "button", type: "button", onclick: () => this._openVoucher() }, icon("mdi:ticket-confirmation-outline"), localize("button.voucher")),
      reconnect: this._pressButton("button.confirm_supply", "mdi:power-plug", "button.reconnect"),
      emergency: this._pressButton("button.select_emergency_credit", "mdi:lifebuoy", "button.emergency_credit"),
      last: h("span", { class: "soft" }),
    };
    parts.price = figure("sensor.price", localize("label.price"));
    parts.today = figure("sensor.cost_today", localize("label.today"));
    parts.power = figure("sensor.power", localize("label.power"));
    parts.debt = figure("sensor.debt", localize("label.debt"));
    parts.emergencyCredit = figure("sensor.emergency_credit", localize("label.emergency_credit"));
    parts.facts.append(...FACTS.map((name) => parts[name].box));
    parts.owed.append(...DEBT_FIGURES.map((name) => parts[name].box));
    parts.lift = h("button", { class: "button", type: "button", onclick: () => this._openSupply() }, icon("mdi:power-plug"), localize("button.lift"));
    const actions = h("div", { class: "actions" }, parts.topUp, parts.voucher, parts.lift, parts.reconnect, parts.emergency);
    parts.footer = h("footer", {}, actions, parts.last);
    const figures = h("div", { class: "figures" }, parts.balance.box, parts.lasts.box);
    const body = h("div", { class: "body" }, h("header", {}, parts.title, parts.chip), parts.banner, figures, parts.period.box, parts.facts, parts.owed, parts.footer);
    this.shadowRoot.replaceChildren(h("ha-card", { role: "region", "aria-labelledby": "title" }, body));
    this._parts = parts;
  }

  /** Return a button that presses the account's button entity; it is hidden while that has no effect. */
  _pressButton(kind, iconName, text) {
    const press = () => this._hass.callService("button", "press", { entity_id: this._account.entity(kind) });
    return h("button", { class: "button", type: "button", onclick: press, hidden: true }, icon(iconName), localize(text));
  }

  _update() {
    const account = this._account;
    if (!this._parts || !account?.exists) return;
    setText(this._parts.title, this._config.name || account.name);
    this._updateSupply(account);
    this._updateFigures(account);
    this._parts.period.box.hidden = !this._config.blocks || account.away;
    if (!this._parts.period.box.hidden) this._parts.period.update(account);
    this._updateFacts(account);
    this._updateFooter(account);
  }

  _updateSupply(account) {
    const { chip, banner } = this._parts;
    const supply = account.supply;
    const tone = { connected: "green", armed: "amber", disconnected: "red" }[supply] ?? "grey";
    const iconName = { connected: "mdi:power-plug", armed: "mdi:power-plug-outline", disconnected: "mdi:power-plug-off" }[supply];
    const state = account.text("sensor.supply_state") ?? localize(account.away ? `condition.${account.condition}` : "label.unsure");
    const text = account.condition === "well" ? [state, ...this._reason(account, UNREMARKABLE_REASONS)].join(" · ") : state;
    chip.className = `chip ${tone}`;
    if (chip.textContent !== text) chip.replaceChildren(icon(iconName ?? "mdi:lan-disconnect"), h("span", {}, text));
    setAttribute(chip, "aria-label", `${localize("label.supply")}: ${text}`);
    this._updateBanner(banner, account);
  }

  _updateBanner(banner, account) {
    const condition = account.condition;
    const { tone, icon: iconName } = CONDITION_STYLES[condition];
    const lines = this._lines(account, condition);
    banner.hidden = lines.length === 0;
    banner.className = `banner ${tone}`;
    const content = JSON.stringify([condition, ...lines]);
    if (this._parts.content === content) return;
    this._parts.content = content;
    const texts = lines.map((line) => h("p", {}, line));
    banner.replaceChildren(icon(iconName), h("div", {}, h("strong", {}, localize(`condition.${condition}`)), ...texts));
  }

  /** Return the explanation of the account's condition; empty if all is well. */
  _lines(account, condition) {
    if (condition === "well") return [];
    if (account.away) return [localize(`hint.${condition}`)];
    if (condition === "low" || condition === "emergency") return [this._lowHint(account)];
    if (condition === "alert") return account.alerts.map((alert) => alert.message);
    const payable = account.attribute("sensor.supply_state", "reason") === "credit_exhausted";
    const hint = condition === "armed" ? [localize("hint.armed")] : payable ? [localize("hint.cut")] : [];
    return [...this._reason(account, []), ...hint];
  }

  _lowHint(account) {
    const until = account.value("sensor.run_out");
    return until ? localize("hint.low", { until: instant(this._hass, until) }) : localize("hint.low_unsure");
  }

  /** Return the supply's reason and the landlord's note, unless the reason is unremarkable. */
  _reason(account, unremarkable) {
    const reason = account.attribute("sensor.supply_state", "reason");
    if (!reason || unremarkable.includes(reason)) return [];
    const state = account.state("sensor.supply_state");
    const note = account.attribute("sensor.supply_state", "note");
    const text = this._hass.formatEntityAttributeValue(state, "reason");
    return [note ? `${text}: ${note}` : text];
  }

  _updateFigures(account) {
    const { balance, lasts } = this._parts;
    const postpaid = account.attribute("sensor.supply_state", "reason") === POSTPAID;
    const units = postpaid ? null : account.text("sensor.units_left");
    this._setFigure(balance, account.text("sensor.balance"), units && localize("label.units_left", { units }));
    const seconds = account.secondsLeft();
    lasts.box.hidden = postpaid && seconds === null;
    const until = account.value("sensor.run_out");
    const beside = until && seconds > 0 && localize("label.until", { until: instant(this._hass, until) });
    this._setFigure(lasts, lastsFor(this._hass, seconds), beside);
  }

  _updateFacts(account) {
    const { facts, price, today, power } = this._parts;
    const [now, band] = [account.value("sensor.price"), account.attribute("sensor.price", "band")];
    const bandText = band?.replaceAll("-", NON_BREAKING_HYPHEN);
    const per = band && band !== ALL_DAY ? localize("label.per_kwh_band", { band: bandText }) : localize("label.per_kwh_small");
    this._setFact(price, now === null ? null : formatPrice(this._hass, now, account.currency), per);
    this._setFact(today, account.text("sensor.cost_today"), account.text("sensor.energy_today"));
    this._setFact(power, account.text("sensor.power"), null);
    facts.hidden = FACTS.every((name) => this._parts[name].box.hidden);
    this._updateOwed(account);
  }

  /** Show the debt, if any, and emergency credit while it is available or in use. */
  _updateOwed(account) {
    const { owed, debt, emergencyCredit } = this._parts;
    this._setFact(debt, account.number("sensor.debt") > 0 ? account.text("sensor.debt") : null, null);
    const state = account.value("sensor.emergency_credit");
    const needed = state !== null && !NOT_NEEDED.includes(state);
    const left = account.attribute("sensor.emergency_credit", "left");
    this._setFact(emergencyCredit, needed ? money(this._hass, left, account.currency) : null, account.text("sensor.emergency_credit"));
    owed.hidden = DEBT_FIGURES.every((name) => this._parts[name].box.hidden);
  }

  _setFact(figure, text, beside) {
    figure.box.hidden = text === null;
    this._setFigure(figure, text, beside);
  }

  _setFigure(figure, text, beside) {
    setText(figure.value, text ?? localize("label.unsure"));
    figure.value.classList.toggle("unsure", text === null);
    setTextOrHide(figure.beside, beside);
  }

  _updateFooter(account) {
    const { topUp, voucher, lift, reconnect, emergency, last, footer } = this._parts;
    topUp.hidden = !this._config.top_up || !account.mayTopUp;
    voucher.hidden = !this._config.top_up || account.mayTopUp || !account.mayRedeem;
    lift.hidden = !this._mayHold || account.holds.length === 0;
    reconnect.hidden = account.supply !== "armed" || !this._canPress(account, "button.confirm_supply");
    const available = account.value("sensor.emergency_credit") === "available";
    emergency.hidden = !available || !this._canPress(account, "button.select_emergency_credit");
    const amount = account.text("sensor.last_top_up");
    const at = account.attribute("sensor.last_top_up", "at");
    setTextOrHide(last, amount && at && localize("label.last_top_up", { amount, ago: ago(this._hass, at) }));
    footer.hidden = topUp.hidden && voucher.hidden && lift.hidden && reconnect.hidden && emergency.hidden && last.hidden;
  }

  _canPress(account, kind) {
    const state = account.state(kind)?.state;
    return state !== undefined && state !== "unavailable";
  }

  get _mayHold() {
    return this._config.top_up && this._account.mayHold;
  }

  /** Show the holds to those who may change them, and the history of the supply to everybody else. */
  _openSupply() {
    const history = () => this._showMoreInfo("sensor.supply_state");
    if (!this._mayHold) return history();
    return new SupplyDialog(this._hass, this._account, this._config, history).open(this.shadowRoot);
  }

  _openTopUp() {
    new TopUpDialog(this._hass, this._account, this._config).open(this.shadowRoot);
  }

  _openVoucher() {
    new VoucherDialog(this._hass, this._account, this._config).open(this.shadowRoot);
  }

  _showMoreInfo(kind) {
    const entityId = this._account.entity(kind);
    if (entityId) fire(this, "hass-more-info", { entityId });
  }
}
