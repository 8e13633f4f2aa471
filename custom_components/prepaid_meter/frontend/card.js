/** The card of one account: what is left, how long it lasts, whether the supply is on and why. */

import { Account, LOOKS, accountDevices, deviceOf } from "./account.js";
import { fire, h, icon, setAttribute, setText, setTextOrHide } from "./dom.js";
import { cardForm } from "./editor.js";
import { ago, instant, lastsFor, price as formatPrice } from "./format.js";
import { look } from "./look.js";
import { Period } from "./period.js";
import { TopUpDialog } from "./top-up.js";
import { VoucherDialog } from "./voucher.js";
import { bestLanguage, loadWords, pageLanguage, speak, word } from "./words.js";

const ALL_DAY = "all";
const ORDINARY = ["in_credit"];
const BILLED_LATER = "credit_mode";
/** States of the emergency credit in which it is of no concern. */
const NOT_NEEDED = ["unavailable", "unsupported"];

const FACTS = ["price", "today", "power"];
const OWED = ["debt", "lent"];
const HYPHEN_THAT_HOLDS = "\u2011";

export class PrepaidMeterCard extends HTMLElement {
  static getStubConfig(hass) {
    return { device: accountDevices(hass)[0] ?? "" };
  }

  static async getConfigForm() {
    await loadWords(pageLanguage());
    return cardForm();
  }

  constructor() {
    super();
    this.attachShadow({ mode: "open" }).adoptedStyleSheets = look("card", "dialog");
  }

  setConfig(config) {
    this._config = { blocks: true, top_up: true, ...config };
    this._shown = undefined;
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
    // What is told in relation to now grows old without any change of state.
    this._clock = setInterval(() => this._hass && this._update(), 60_000);
  }

  disconnectedCallback() {
    clearInterval(this._clock);
  }

  _render() {
    const language = this._hass.locale?.language ?? this._hass.language;
    if (!this._config) return;
    if (!speak(language)) {
      loadWords(language).then(() => speak(language) && this._render());
      return;
    }
    setAttribute(this, "dark", Boolean(this._hass.themes?.darkMode));
    const account = new Account(this._hass, this._config.device || deviceOf(this._hass, this._config.entity));
    if (this._isShown(account, bestLanguage(language))) return;
    this._account = account;
    if (!account.exists) this._showMessage(word(this._config.device || this._config.entity ? "missing.gone" : "missing.pick"));
    else this._showAccount();
  }

  /** Return whether all that the card consists of is shown; most changes are of other entities. */
  _isShown(account, language) {
    const now = [language, this._hass.locale, this._hass.devices, ...account.states];
    const same = this._shown?.length === now.length && now.every((each, n) => each === this._shown[n]);
    this._shown = now;
    return same;
  }

  _showMessage(text) {
    this._parts = undefined;
    const message = h("div", { class: "message" }, icon("mdi:meter-electric-outline"), h("span", {}, text));
    this.shadowRoot.replaceChildren(h("ha-card", {}, message));
  }

  _showAccount() {
    if (!this._parts || this._parts.language !== this._shown[0]) this._build();
    this._update();
  }

  _build() {
    const figure = (kind, label) => {
      const parts = { value: h("span", { class: "value" }), beside: h("span", { class: "beside" }) };
      const open = () => this._more(kind);
      const caption = h("span", { class: "label" }, label);
      return { ...parts, box: h("button", { class: "figure link", type: "button", onclick: open }, caption, parts.value, parts.beside) };
    };
    const parts = {
      language: this._shown[0],
      title: h("h2", { id: "title" }),
      chip: h("button", { class: "chip", type: "button", onclick: () => this._more("sensor.supply_state") }),
      banner: h("div", { class: "banner", role: "status" }),
      balance: figure("sensor.balance", word("label.balance")),
      lasts: figure("sensor.time_left", word("label.lasts")),
      period: new Period((kind) => this._more(kind)),
      facts: h("div", { class: "facts" }),
      owed: h("div", { class: "facts owed" }),
      topUp: h("button", { class: "button", type: "button", onclick: () => this._openTopUp() }, icon("mdi:cash-plus"), word("button.top_up")),
      voucher: h("button", { class: "button", type: "button", onclick: () => this._openVoucher() }, icon("mdi:ticket-confirmation-outline"), word("button.voucher")),
      reconnect: this._press("button.confirm_supply", "mdi:power-plug", "button.reconnect"),
      emergency: this._press("button.select_emergency_credit", "mdi:lifebuoy", "button.emergency_credit"),
      last: h("span", { class: "soft" }),
    };
    parts.price = figure("sensor.price", word("label.price"));
    parts.today = figure("sensor.cost_today", word("label.today"));
    parts.power = figure("sensor.power", word("label.power"));
    parts.debt = figure("sensor.debt", word("label.debt"));
    parts.lent = figure("sensor.emergency_credit", word("label.emergency_credit"));
    parts.facts.append(...FACTS.map((name) => parts[name].box));
    parts.owed.append(...OWED.map((name) => parts[name].box));
    const actions = h("div", { class: "actions" }, parts.topUp, parts.voucher, parts.reconnect, parts.emergency);
    parts.footer = h("footer", {}, actions, parts.last);
    const figures = h("div", { class: "figures" }, parts.balance.box, parts.lasts.box);
    const body = h("div", { class: "body" }, h("header", {}, parts.title, parts.chip), parts.banner, figures, parts.period.box, parts.facts, parts.owed, parts.footer);
    this.shadowRoot.replaceChildren(h("ha-card", { role: "region", "aria-labelledby": "title" }, body));
    this._parts = parts;
  }

  /** Return a button that presses the account's button entity; it shows only while that can be pressed. */
  _press(kind, symbol, words) {
    const press = () => this._hass.callService("button", "press", { entity_id: this._account.entity(kind) });
    return h("button", { class: "button", type: "button", onclick: press, hidden: true }, icon(symbol), word(words));
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
    const symbol = { connected: "mdi:power-plug", armed: "mdi:power-plug-outline", disconnected: "mdi:power-plug-off" }[supply];
    const state = account.text("sensor.supply_state") ?? word("condition.away");
    const words = account.condition === "well" ? [state, ...this._reason(account, ORDINARY)].join(" · ") : state;
    chip.className = `chip ${tone}`;
    if (chip.textContent !== words) chip.replaceChildren(icon(symbol ?? "mdi:lan-disconnect"), h("span", {}, words));
    setAttribute(chip, "aria-label", `${word("label.supply")}: ${words}`);
    this._updateBanner(banner, account);
  }

  _updateBanner(banner, account) {
    const condition = account.condition;
    const { tone, icon: symbol } = LOOKS[condition];
    const lines = this._lines(account, condition);
    banner.hidden = lines.length === 0;
    banner.className = `banner ${tone}`;
    const said = JSON.stringify([condition, ...lines]);
    if (this._parts.said === said) return;
    this._parts.said = said;
    const texts = lines.map((line) => h("p", {}, line));
    banner.replaceChildren(icon(symbol), h("div", {}, h("strong", {}, word(`condition.${condition}`)), ...texts));
  }

  /** Return what there is to say about the account's condition; nothing while all is well. */
  _lines(account, condition) {
    if (condition === "well") return [];
    if (condition === "away") return [word("hint.away")];
    if (condition === "low") return [this._lowHint(account)];
    if (condition === "alert") return account.alerts.map((alert) => alert.message);
    const payable = account.attribute("sensor.supply_state", "reason") === "credit_exhausted";
    const hint = condition === "armed" ? [word("hint.armed")] : payable ? [word("hint.cut")] : [];
    return [...this._reason(account, []), ...hint];
  }

  _lowHint(account) {
    const until = account.value("sensor.run_out");
    return until ? word("hint.low", { until: instant(this._hass, until) }) : word("hint.low_unsure");
  }

  /** Return the supply's reason, and the landlord's note, unless the reason is too ordinary to be told. */
  _reason(account, ordinary) {
    const reason = account.attribute("sensor.supply_state", "reason");
    if (!reason || ordinary.includes(reason)) return [];
    const state = account.state("sensor.supply_state");
    const note = account.attribute("sensor.supply_state", "note");
    const words = this._hass.formatEntityAttributeValue(state, "reason");
    return [note ? `${words}: ${note}` : words];
  }

  _updateFigures(account) {
    const { balance, lasts } = this._parts;
    const billedLater = account.attribute("sensor.supply_state", "reason") === BILLED_LATER;
    const units = billedLater ? null : account.text("sensor.units_left");
    this._setFigure(balance, account.text("sensor.balance"), units && word("label.units_left", { units }));
    const seconds = account.secondsLeft;
    lasts.box.hidden = billedLater && seconds === null;
    const until = account.value("sensor.run_out");
    const beside = until && seconds > 0 && word("label.until", { until: instant(this._hass, until) });
    this._setFigure(lasts, lastsFor(this._hass, seconds), beside);
  }

  _updateFacts(account) {
    const { facts, price, today, power } = this._parts;
    const [now, band] = [account.value("sensor.price"), account.text("sensor.band")];
    const whole = band?.replaceAll("-", HYPHEN_THAT_HOLDS);
    const per = band && band !== ALL_DAY ? word("label.per_kwh_band", { band: whole }) : word("label.per_kwh_small");
    this._setFact(price, now === null ? null : formatPrice(this._hass, now, account.currency), per);
    this._setFact(today, account.text("sensor.cost_today"), account.text("sensor.energy_today"));
    this._setFact(power, account.text("sensor.power"), null);
    facts.hidden = FACTS.every((name) => this._parts[name].box.hidden);
    this._updateOwed(account);
  }

  /** Show a debt, and emergency credit while there is cause for it. */
  _updateOwed(account) {
    const { owed, debt, lent } = this._parts;
    this._setFact(debt, account.number("sensor.debt") > 0 ? account.text("sensor.debt") : null, null);
    const of = account.value("sensor.emergency_credit");
    const needed = of !== null && !NOT_NEEDED.includes(of);
    this._setFact(lent, needed ? account.text("sensor.emergency_credit_left") : null, account.text("sensor.emergency_credit"));
    owed.hidden = OWED.every((name) => this._parts[name].box.hidden);
  }

  _setFact(figure, text, beside) {
    figure.box.hidden = text === null;
    this._setFigure(figure, text, beside);
  }

  _setFigure(figure, text, beside) {
    setText(figure.value, text ?? word("label.unsure"));
    figure.value.classList.toggle("unsure", text === null);
    setTextOrHide(figure.beside, beside);
  }

  _updateFooter(account) {
    const { topUp, voucher, reconnect, emergency, last, footer } = this._parts;
    topUp.hidden = !this._config.top_up || !account.mayTopUp;
    voucher.hidden = !this._config.top_up || account.mayTopUp || !account.mayRedeem;
    topUp.disabled = voucher.disabled = account.away;
    reconnect.hidden = account.supply !== "armed" || !this._canPress(account, "button.confirm_supply");
    const lendable = account.value("sensor.emergency_credit") === "available";
    emergency.hidden = !lendable || !this._canPress(account, "button.select_emergency_credit");
    const amount = account.text("sensor.last_top_up");
    const at = account.value("sensor.last_top_up_at");
    setTextOrHide(last, amount && at && word("label.last_top_up", { amount, ago: ago(this._hass, at) }));
    footer.hidden = topUp.hidden && voucher.hidden && reconnect.hidden && emergency.hidden && last.hidden;
  }

  _canPress(account, kind) {
    const state = account.state(kind)?.state;
    return state !== undefined && state !== "unavailable";
  }

  _openTopUp() {
    new TopUpDialog(this._hass, this._account, this._config).open(this.shadowRoot);
  }

  _openVoucher() {
    new VoucherDialog(this._hass, this._account, this._config).open(this.shadowRoot);
  }

  _more(kind) {
    const entityId = this._account.entity(kind);
    if (entityId) fire(this, "hass-more-info", { entityId });
  }
}
