/** Usage in this period by block: a bar from the cheapest to the most expensive block, and a table. */

import { h, setAttribute, setText, setTextOrHide } from "./dom.js";
import { energy, number, price } from "./format.js";
import { localize } from "./localize.js";

const SHADES = 6;

export class Period {
  constructor(showMoreInfo) {
    this.cost = h("button", { class: "link", type: "button", onclick: () => showMoreInfo("sensor.cost_period") });
    this.ladder = h("div", { class: "ladder", role: "img" });
    this.current = h("span", { class: "soft" });
    this.next = h("span", { class: "soft" });
    this.rows = h("tbody");
    const heads = ["label.block_head", "label.range", "label.per_kwh", "label.used"];
    const head = h("tr", {}, ...heads.map((path) => h("th", { scope: "col" }, localize(path))));
    this.table = h("table", {}, h("caption", { class: "unseen" }, localize("label.ladder")), h("thead", {}, head), this.rows);
    const title = h("div", { class: "row" }, h("h3", {}, localize("label.period")), this.cost);
    this.position = h("div", { class: "row" }, this.current, this.next);
    this.box = h("section", { class: "period" }, title, this.ladder, this.position, this.table);
  }

  update(account) {
    setTextOrHide(this.cost, account.text("sensor.cost_period"));
    const block = account.number("sensor.block");
    const blocks = account.attribute("sensor.block", "blocks") ?? 1;
    const steps = account.attribute("sensor.block", "ladder") ?? [];
    const ladder = block !== null && blocks > 1;
    this.ladder.hidden = this.position.hidden = !ladder;
    const left = ladder ? remaining(steps, block) : null;
    setTextOrHide(this.next, left !== null && localize("label.to_next", { units: energy(account.hass, left) }));
    this.box.hidden = !ladder && this.cost.hidden;
    if (ladder) this._updateBar(account, block, blocks, steps);
    this._updateTable(account, block, ladder ? steps : []);
  }

  _updateBar(account, block, blocks, steps) {
    const text = localize("label.block_of", { block, blocks });
    setText(this.current, text);
    setAttribute(this.ladder, "aria-label", `${localize("label.ladder")}: ${text}`);
    if (this.ladder.children.length !== blocks) {
      const step = (n) => h("div", { class: "step", style: `--pm-block: ${shade(n, blocks)}` }, h("div", { class: "fill" }));
      this.ladder.replaceChildren(...Array.from({ length: blocks }, (_, n) => step(n)));
    }
    [...this.ladder.children].forEach((step, n) => {
      step.firstChild.style.width = `${share(steps, n + 1, block)}%`;
    });
  }

  _updateTable(account, block, steps) {
    this.table.hidden = steps.length === 0;
    const rows = steps.map((step, n) => {
      const key = h("span", { class: "key", style: `--pm-block: ${shade(n, steps.length)}` });
      const cells = [range(account.hass, steps[n - 1]?.end ?? 0, step.end), price(account.hass, step.price, account.currency), energy(account.hass, step.used)];
      const head = h("th", { scope: "row" }, key, localize("label.block", { block: step.block }));
      const current = step.block === block;
      return h("tr", { class: current ? "now" : "", "aria-current": current && "true" }, head, ...cells.map((text) => h("td", {}, text)));
    });
    this.rows.replaceChildren(...rows);
  }
}

/** Return the colour of a block; the colour scale is spread over the number of blocks. */
function shade(n, blocks) {
  const step = blocks > 1 ? Math.round((n * (SHADES - 1)) / (blocks - 1)) : 0;
  return `var(--pm-block-${step + 1})`;
}

/** Return the used share of a block in percent; the last block has no end and is full once it is entered. */
function share(steps, blockNumber, block) {
  if (blockNumber !== block) return blockNumber < block ? 100 : 0;
  const left = remaining(steps, block);
  if (left === null) return 100;
  const { used } = steps[block - 1];
  return used + left > 0 ? Math.max((100 * used) / (used + left), 4) : 4;
}

/** Return the energy until the next block, or null in the last one. */
function remaining(steps, block) {
  const step = steps[block - 1];
  return !step || step.end === null ? null : step.end - (steps[block - 2]?.end ?? 0) - step.used;
}

/** Return the energy range of a block. */
function range(hass, start, end) {
  const from = number(hass, start, 0);
  return end === null ? localize("label.above", { start: from }) : `${from}–${number(hass, end, 0)} kWh`;
}
