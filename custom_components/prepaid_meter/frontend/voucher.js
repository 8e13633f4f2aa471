/** The dialog in which customers redeem a voucher: its code, and how the amount was allocated. */

import { h, setAttribute, setTextOrHide } from "./dom.js";
import { TopUpDialog } from "./top-up.js";
import { localize } from "./localize.js";

export class VoucherDialog extends TopUpDialog {
  get title() {
    return localize("voucher.title", { name: this.name });
  }

  _showForm(error = null) {
    this.input = h("input", {
      class: "code", type: "text", id: "code", inputmode: "text", autocomplete: "off", autocapitalize: "characters", spellcheck: "false",
      required: true, "aria-describedby": "wrong",
    });
    this.input.value = this.typed ?? "";
    this.error = h("p", { class: "banner red", id: "wrong", role: "alert" });
    setTextOrHide(this.error, error);
    setAttribute(this.input, "aria-invalid", error && "true");
    this.buttons = this._buttons("button.cancel", () => this.dialog.close(), localize("button.redeem"));
    const label = h("label", { for: "code" }, localize("voucher.code"), this.input);
    this._show([label, this.error, this.buttons], () => this._submitForm());
  }

  _submitForm() {
    this.typed = this.input.value.trim();
    if (this.typed) return this._book(this.buttons);
    setAttribute(this.input, "aria-invalid", "true");
    setTextOrHide(this.error, localize("voucher.wrong"));
    this.input.focus();
  }

  _serviceCall() {
    return ["redeem_voucher", { code: this.typed }];
  }

  /** A code counts once however often it is sent, so it can be corrected and sent again. */
  _failed(reason) {
    this._showForm(reason);
    this.input.focus();
  }
}
