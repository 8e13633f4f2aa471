/** The dialog in which landlords and caretakers hold a supply off and lift holds, each after a confirmation. */

import { AccountDialog } from "./dialog.js";
import { h, icon, setAttribute, setTextOrHide } from "./dom.js";
import { ago } from "./format.js";
import { localize } from "./localize.js";

export class SupplyDialog extends AccountDialog {
  constructor(hass, account, config, showHistory) {
    super(hass, account, config);
    this.showHistory = showHistory;
  }

  get title() {
    return localize("supply.title", { name: this.name });
  }

  _showForm() {
    const holds = this.account.holds;
    const list = holds.length
      ? h("ul", { class: "holds" }, ...holds.map((hold) => this._hold(hold)))
      : h("p", { class: "soft" }, localize("supply.no_holds"));
    const history = () => {
      this.dialog.close();
      this.showHistory();
    };
    this.reason = this.reason ?? h("input", { type: "text", id: "reason", maxlength: "200", autocomplete: "off", "aria-describedby": "wrong" });
    this.error = h("p", { class: "banner red", id: "wrong", role: "alert", hidden: true });
    const label = h("label", { for: "reason" }, localize("supply.reason"), this.reason);
    const buttons = this._buttons("button.cancel", () => this.dialog.close(), localize("button.hold"));
    buttons.prepend(h("button", { class: "button plain", type: "button", onclick: history }, localize("button.history")));
    this._show([list, label, this.error, buttons], () => this._confirmHold());
  }

  _hold(hold) {
    const reason = localize(hold.position === "on" ? "supply.on" : "supply.off", { reason: hold.reason });
    const placed = h("span", { class: "soft" }, localize("supply.placed", { by: hold.by, ago: ago(this.hass, hold.since) }));
    const lift = h("button", { class: "button", type: "button", onclick: () => this._confirmLift(hold) }, localize("button.lift"));
    return h("li", {}, h("div", {}, h("strong", {}, reason), placed), lift);
  }

  _confirmHold() {
    const reason = this.reason.value.trim();
    if (!reason) {
      setAttribute(this.reason, "aria-invalid", "true");
      setTextOrHide(this.error, localize("supply.wrong"));
      return this.reason.focus();
    }
    const question = localize("supply.confirm_hold", { name: this.name, reason });
    this._confirm(question, "button.hold", "hold_supply", { reason });
  }

  _confirmLift(hold) {
    const question = localize("supply.confirm_lift", { reason: hold.reason, by: hold.by });
    this._confirm(question, "button.lift", "lift_hold", { hold: hold.id });
  }

  _confirm(question, path, action, data) {
    this.outcome = action === "lift_hold" ? "supply.lifted" : "supply.held";
    const buttons = this._buttons("button.back", () => this._back(), localize(path));
    const perform = () => this._perform(buttons, "…", action, data);
    this._show([h("p", { class: "large" }, question), buttons], perform).focus();
  }

  _back() {
    this._showForm();
    this.reason.focus();
  }

  _failed(reason) {
    const text = h("strong", {}, localize("supply.failed", { reason }));
    this._showOutcome(h("div", { class: "banner red", role: "alert" }, icon("mdi:alert-circle"), text));
  }

  _done() {
    const text = h("strong", {}, localize(this.outcome));
    this._showOutcome(h("p", { class: "banner green", role: "status" }, icon("mdi:check-circle"), text));
  }
}
