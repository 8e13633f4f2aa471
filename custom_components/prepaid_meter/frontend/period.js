/** This period by block: a ladder from cheap to dear, and the same as a table. */

import { h, setAttribute, setText, setTextOrHide } from "./dom.js";
import { energy, number, price } from "./format.js";
import { word } from "./words.js";

const SHADES = 6;

export class Period {
  constructor(more) {
    this.cost = h("button", { class: "link", type: "button", onclick: () => more("sensor.cost_period") });
    this.ladder = h("div", { class: "ladder", role: "img" });
    this.where = h("span", { class: "soft" });
    this.next = h("span", { class: "soft" });
    this.rows = h("tbody");
    const heads = ["label.block_head", "label.range", "label.per_kwh", "label.used"];
    const head = h("tr", {}, ...heads.map((path) => h("th", { scope: "col" }, word(path))));
    this.table = h("table", {}, h("caption", { class: "unseen" }, word("label.ladder")), h("thead", {}, head), this.rows);
    const title = h("div", { class: "row" }, h("h3", {}, word("label.period")), this.cost);
    this.place = h("div", { class: "row" }, this.where, this.next);
    this.box = h("section", { class: "period" }, title, this.ladder, this.place, this.table);
  }

  update(account) {
    setTextOrHide(this.cost, account.text("sensor.cost_period"));
    const block = account.number("sensor.block");
    const blocks = account.attribute("sensor.block", "blocks") ?? 1;
    const steps = account.attribute("sensor.block", "ladder") ?? [];
    const ladder = block !== null && blocks > 1;
    this.ladder.hidden = this.place.hidden = !ladder;
    const rest = account.text("sensor.block_remaining");
    setTextOrHide(this.next, ladder && rest && word("label.to_next", { units: rest }));
    this.box.hidden = !ladder && this.cost.hidden;
    if (ladder) this._draw(account, block, blocks, steps);
    this._fill(account, block, ladder ? steps : []);
  }

  _draw(account, block, blocks, steps) {
    const words = word("label.block_of", { block, blocks });
    setText(this.where, words);
    setAttribute(this.ladder, "aria-label", `${word("label.ladder")}: ${words}`);
    if (this.ladder.children.length !== blocks) {
      const step = (n) => h("div", { class: "step", style: `--pm-block: ${shade(n, blocks)}` }, h("div", { class: "fill" }));
      this.ladder.replaceChildren(...Array.from({ length: blocks }, (_, n) => step(n)));
    }
    [...this.ladder.children].forEach((step, n) => {
      step.firstChild.style.width = `${share(account, n + 1, block, steps[n])}%`;
    });
  }

  _fill(account, block, steps) {
    this.table.hidden = steps.length === 0;
    const rows = steps.map((step, n) => {
      const key = h("span", { class: "key", style: `--pm-block: ${shade(n, steps.length)}` });
      const cells = [range(account.hass, steps[n - 1]?.end ?? 0, step.end), price(account.hass, step.price, account.currency), energy(account.hass, step.used)];
      const head = h("th", { scope: "row" }, key, word("label.block", { block: step.block }));
      const current = step.block === block;
      return h("tr", { class: current ? "now" : "", "aria-current": current && "true" }, head, ...cells.map((text) => h("td", {}, text)));
    });
    this.rows.replaceChildren(...rows);
  }
}

/** Return the colour of a block: the scale is spread over as many blocks as there are. */
function shade(n, blocks) {
  const step = blocks > 1 ? Math.round((n * (SHADES - 1)) / (blocks - 1)) : 0;
  return `var(--pm-block-${step + 1})`;
}

/** Return how much of a block is used, in percent; the last one has no end and is full once it is begun. */
function share(account, number_, block, step) {
  if (number_ !== block) return number_ < block ? 100 : 0;
  const rest = account.number("sensor.block_remaining");
  if (rest === null) return 100;
  const used = step?.used ?? 0;
  return used + rest > 0 ? Math.max((100 * used) / (used + rest), 4) : 4;
}

/** Return from where to where a block reaches. */
function range(hass, start, end) {
  const from = number(hass, start, 0);
  return end === null ? word("label.above", { start: from }) : `${from}–${number(hass, end, 0)} kWh`;
}
