/** The top-up dialog: amount, confirmation, and how the amount was allocated. */

import { AccountDialog } from "./dialog.js";
import { h, icon, setAttribute, setTextOrHide } from "./dom.js";
import { currencyDigits, decimalText, energy, money, number } from "./format.js";
import { localize } from "./localize.js";

const METHODS = ["cash", "card", "transfer", "mobile", "other"];

export class TopUpDialog extends AccountDialog {
  constructor(hass, account, config) {
    super(hass, account, config);
    this.choices = choices(config, account);
    this.amount = null;
  }

  get title() {
    return localize("top_up.title", { name: this.name });
  }

  _showForm() {
    const currency = this.account.currency;
    this.input = h("input", {
      class: "amount", type: "text", id: "amount", inputmode: "decimal", autocomplete: "off", required: true, "aria-describedby": "wrong",
    });
    this.method = this.method ?? h("select", { id: "method" }, ...METHODS.map((method) => h("option", { value: method }, localize(`method.${method}`))));
    this.reference = this.reference ?? h("input", { type: "text", id: "reference", maxlength: "100", autocomplete: "off" });
    this.error = h("p", { class: "banner red", id: "wrong", role: "alert", hidden: true });
    if (this.typed) this.input.value = this.typed;
    const optional = h("span", { class: "optional" }, ` (${localize("top_up.optional")})`);
    const fields = [
      h("label", { for: "amount" }, localize("top_up.amount", { currency }), this.input),
      this._choices(),
      this.error,
      h("label", { for: "method" }, localize("top_up.method"), this.method),
      h("label", { for: "reference" }, localize("top_up.reference"), optional, this.reference),
      this._buttons("button.cancel", () => this.dialog.close(), localize("button.continue")),
    ];
    this._show(fields, () => this._submitForm());
  }

  _choices() {
    const choose = (text) => () => {
      this.input.value = number(this.hass, text, decimals(text, this.account.currency));
      this.input.focus();
    };
    const label = (text) => {
      const amount = this._money(text);
      return this.choices.again === text ? localize("button.again", { amount }) : amount;
    };
    const buttons = this.choices.amounts.map((text) => h("button", { class: "button", type: "button", onclick: choose(text) }, label(text)));
    return buttons.length ? h("div", { class: "choices" }, ...buttons) : null;
  }

  _submitForm() {
    this.typed = this.input.value;
    this.amount = decimalText(this.hass, this.typed);
    this.confirmed = false;
    if (this.amount !== null) return this._confirm("top_up.confirm");
    setAttribute(this.input, "aria-invalid", "true");
    const example = number(this.hass, 100, currencyDigits(this.account.currency));
    setTextOrHide(this.error, localize("top_up.wrong", { example }));
    this.input.focus();
  }

  _confirm(question) {
    const amount = this._money(this.amount);
    const confirmation = h("p", { class: "large" }, localize(question, { amount, name: this.name }));
    const buttons = this._buttons("button.back", () => this._back(), localize("button.book", { amount }));
    this._show([confirmation, buttons], () => this._book(buttons)).focus();
  }

  _back() {
    this._showForm();
    this.input.focus();
  }

  _book(buttons) {
    return this._perform(buttons, localize("top_up.booking"), ...this._serviceCall());
  }

  /** Return the action to call, with its data. */
  _serviceCall() {
    const data = { amount: this.amount, method: this.method.value };
    if (this.confirmed) data.confirmed = true;
    if (this.reference.value.trim()) data.reference = this.reference.value.trim();
    return ["top_up", data];
  }

  _failed(reason, key) {
    if (key === "confirmation_needed" && !this.confirmed) {
      this.confirmed = true;
      return this._confirm("top_up.unusual");
    }
    const texts = [h("strong", {}, localize("top_up.failed", { reason })), h("p", {}, localize("top_up.look"))];
    const banner = h("div", { class: "banner red", role: "alert" }, icon("mdi:alert-circle"), h("div", {}, ...texts));
    this._showOutcome(banner);
  }

  _done(result) {
    const done = localize("top_up.done", { amount: this._money(result.amount, result.currency) });
    const banner = h("p", { class: "banner green", role: "status" }, icon("mdi:check-circle"), h("strong", {}, done));
    const row = (tag, path, amount) => h("tr", {}, h("th", { scope: "row" }, localize(path)), h(tag, {}, this._money(amount, result.currency)));
    const parts = Object.entries(result.split).filter(([, amount]) => Number(amount) !== 0);
    const rows = parts.map(([part, amount]) => row("td", `split.${part}`, amount));
    const total = h("tfoot", {}, ...this._totals(result, row));
    const caption = h("caption", { class: "unseen" }, localize("top_up.went"));
    const heading = h("h3", { class: "soft", "aria-hidden": "true" }, localize("top_up.went"));
    const table = h("table", { class: "split" }, caption, h("tbody", {}, ...rows), total);
    this._showOutcome(banner, h("div", {}, heading, table));
  }

  /** Return what the account has now: units where they were bought, and money unless there is none beside them. */
  _totals(result, row) {
    const bought = result.units_kwh
      ? [h("tr", {}, h("th", { scope: "row" }, localize("split.units")), h("td", {}, energy(this.hass, result.units_kwh)))]
      : [];
    return bought.length && Number(result.balance) === 0 ? bought : [...bought, row("td", "top_up.balance_now", result.balance)];
  }

  _money(text, currency = this.account.currency) {
    return money(this.hass, text, currency);
  }
}

/** Return the suggested amounts: those in the card's settings, or the last top-up. */
function choices(config, account) {
  const set = String(config.amounts ?? "").split(/\s+/).filter((text) => /^\d+(\.\d+)?$/.test(text) && Number(text) > 0);
  const last = account.value("sensor.last_top_up");
  return set.length || !last ? { amounts: set } : { amounts: [last], again: last };
}

function decimals(text, currency) {
  return Number.isInteger(Number(text)) ? 0 : currencyDigits(currency);
}
