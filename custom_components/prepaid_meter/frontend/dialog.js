/** A modal dialog of an account: a form under a title, and an action that is performed once. */

import { DOMAIN } from "./account.js";
import { h } from "./dom.js";
import { explain, localize } from "./localize.js";

export class AccountDialog {
  constructor(hass, account, config) {
    this.hass = hass;
    this.account = account;
    this.name = config.name || account.name;
  }

  /** Show the modal dialog; it is removed when it is closed. */
  open(parent) {
    this.dialog = h("dialog", { "aria-labelledby": "dialog-title", onclose: () => this.dialog.remove() });
    this.dialog.addEventListener("cancel", (event) => this.busy && event.preventDefault());
    parent.append(this.dialog);
    this._showForm();
    this.dialog.showModal();
    this.dialog.querySelector("input, button").focus();
  }

  _show(children, submit) {
    const onSubmit = (event) => {
      event.preventDefault();
      submit();
    };
    const title = h("h2", { id: "dialog-title", tabindex: "-1" }, this.title);
    this.dialog.replaceChildren(h("form", { novalidate: true, onsubmit: onSubmit }, title, ...children));
    return title;
  }

  /** Show the outcome of an action with a button that closes the dialog. */
  _showOutcome(...children) {
    this._show([...children, this._buttons("button.close", () => this.dialog.close())], () => this.dialog.close());
    this.dialog.querySelector("button").focus();
  }

  _buttons(path, back, forward) {
    const first = h("button", { class: "button plain", type: "button", onclick: back }, localize(path));
    return h("div", { class: "buttons" }, first, forward && h("button", { class: "button strong", type: "submit" }, forward));
  }

  /** Perform an action of the integration once, however often its button is pressed. */
  async _perform(buttons, busyText, action, data) {
    if (this.busy) return;
    this.busy = true;
    for (const button of buttons.children) button.disabled = true;
    buttons.lastChild.textContent = busyText;
    try {
      const answer = await this.hass.callService(DOMAIN, action, { device_id: this.account.id, ...data }, undefined, false, true);
      this._done(answer.response);
    } catch (error) {
      this._failed(await explain(this.hass, error), error?.translation_key);
    } finally {
      this.busy = false;
    }
  }
}
