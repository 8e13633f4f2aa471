/** The dialog of a customer who redeems a voucher: its code, and where the money went. */

import { DOMAIN } from "./account.js";
import { h, setAttribute, setTextOrHide } from "./dom.js";
import { TopUpDialog } from "./top-up.js";
import { word } from "./words.js";

export class VoucherDialog extends TopUpDialog {
  get title() {
    return word("voucher.title", { name: this.name });
  }

  _ask(wrong = null) {
    this.input = h("input", {
      class: "code", type: "text", id: "code", inputmode: "text", autocomplete: "off", autocapitalize: "characters", spellcheck: "false",
      required: true, "aria-describedby": "wrong",
    });
    this.input.value = this.typed ?? "";
    this.wrong = h("p", { class: "banner red", id: "wrong", role: "alert" });
    setTextOrHide(this.wrong, wrong);
    setAttribute(this.input, "aria-invalid", wrong && "true");
    this.buttons = this._buttons("button.cancel", () => this.dialog.close(), word("button.redeem"));
    const label = h("label", { for: "code" }, word("voucher.code"), this.input);
    this._show([label, this.wrong, this.buttons], () => this._take());
  }

  _take() {
    this.typed = this.input.value.trim();
    if (this.typed) return this._book(this.buttons);
    setAttribute(this.input, "aria-invalid", "true");
    setTextOrHide(this.wrong, word("voucher.wrong"));
    this.input.focus();
  }

  _ordered() {
    return ["redeem_voucher", { device_id: this.account.id, code: this.typed }];
  }

  /** A code is counted once however often it is sent, so it can be mended and sent again. */
  _failed(error) {
    this._ask(error?.message || String(error));
    this.input.focus();
  }
}
