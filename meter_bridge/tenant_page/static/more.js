// What was paid and used, statements and receipts; and how the customer wants to be told of things.

import { account, ask } from "/my/api.js";
import { decimals, h, money, say, show, toast, when } from "/my/dom.js";
import { languageCard, signOut } from "/my/app.js";

const SHOWN = 200;
const MONTHS = 6;

export async function history() {
  const mine = await account();
  const list = h("ul", { class: "list" });
  const more = h("button", { class: "plain wide", onclick: () => load() }, say("history.more"));
  const days = new Map();
  let before = null;
  async function load() {
    const page = await ask("GET", `accounts/${mine.id}/ledger?limit=${SHOWN}${before ? `&before=${before}` : ""}`);
    page.entries.forEach((each) => (each.kind === "charge" ? used(mine, each, days, list) : list.append(entry(mine, each))));
    before = page.next_before;
    more.hidden = before == null;
  }
  await load();
  show(
    h("div", { class: "head" }, h("h1", {}, say("tab.history"))),
    h("section", { class: "card" }, h("h2", {}, say("statement")), h("ul", { class: "list" }, months(mine))),
    h("section", { class: "card" }, h("h2", {}, say("history.title")), list, more),
  );
}

function months(mine) {
  const day = new Intl.DateTimeFormat("sv", { timeZone: mine.time_zone }).format(new Date());
  let [year, month] = day.split("-").map(Number);
  return Array.from({ length: MONTHS }, () => {
    const name = `${year}-${String(month).padStart(2, "0")}`;
    const shown = when(`${name}-15T12:00:00Z`, "UTC", { year: "numeric", month: "long" });
    month -= 1;
    if (!month) { month = 12; year -= 1; }
    const link = (format) => h("a", { href: `/api/v1/accounts/${mine.id}/statement?from=${name}&to=${name}&format=${format}&language=${document.documentElement.lang}`, download: true }, format.toUpperCase());
    return h("li", {}, shown, h("span", {}, link("pdf"), " · ", link("csv")));
  });
}

// A day's use is one line, however often it was posted.
function used(mine, one, days, list) {
  const day = when(one.at, mine.time_zone, { dateStyle: "medium" });
  const known = days.get(day) || { sum: 0, amount: h("span", { class: "amount" }) };
  if (!days.has(day)) list.append(h("li", {}, h("span", {}, say("entry.charge")), known.amount, h("span", { class: "under" }, day)));
  known.sum += one.amount;
  known.amount.textContent = money(known.sum, mine);
  days.set(day, known);
}

function entry(mine, one) {
  const name = one.kind === "top_up" ? one.description : say(`entry.${one.kind}`);
  const receipt = one.kind === "top_up"
    ? [" · ", h("a", { href: `/api/v1/accounts/${mine.id}/top-ups/${one.id}/receipt?format=pdf&language=${document.documentElement.lang}`, download: true }, say("receipt"))] : null;
  return h("li", {}, h("span", {}, name), h("span", { class: `amount ${one.amount > 0 ? "plus" : ""}` }, money(one.amount, mine)),
    h("span", { class: "under" }, when(one.at, mine.time_zone), receipt));
}

function trialButton(mine, error) {
  const button = h("button", { class: "plain wide", type: "button", onclick: async () => {
    button.disabled = true;
    error.textContent = "";
    try {
      const { channels } = await ask("POST", `accounts/${mine.id}/notifications/test`);
      if (channels.every((each) => each.sent)) toast(say("notify.tested"));
      else error.textContent = say("notify.untaken");
    } catch (problem) {
      const texts = { conflict: say("notify.unreachable"), too_many_requests: say("notify.enough") };
      error.textContent = texts[problem.code] || problem.text;
    }
    button.disabled = false;
  } }, say("notify.test"));
  return button;
}

// A new address takes messages once the code that was sent to it came back.
function askForCode(mine, form, kinds, addresses, place = "after") {
  document.getElementById("confirming")?.remove();
  const code = h("input", { id: "code", type: "text", inputmode: "numeric", autocomplete: "one-time-code", pattern: "[0-9]{6}", required: true });
  const error = h("p", { class: "error", role: "alert" });
  form[place](h("form", { class: "card", id: "confirming", onsubmit: async (event) => {
    event.preventDefault();
    error.textContent = "";
    try {
      const now = await ask("POST", `accounts/${mine.id}/notifications/confirm`, { code: code.value.trim() });
      if (now.unconfirmed.length) return askForCode(mine, form, now.unconfirmed, addresses).focus();
      await settings();
      toast(say("notify.saved"));
    } catch (problem) {
      error.textContent = problem.code === "bad_request" ? say("notify.wrong.code") : problem.text;
    }
  } }, h("label", { for: "code" }, say("notify.code", { address: addresses[kinds[0]] })), code, error, h("button", { class: "wide" }, say("notify.confirm"))));
  return code;
}

export async function settings() {
  const mine = await account();
  const now = await ask("GET", `accounts/${mine.id}/notifications`);
  const field = (id, type, value, more = {}) => [h("label", { for: id }, say(`notify.${id}`, mine)), h("input", { id, type, value: value ?? "", ...more })];
  const digits = decimals(mine);
  const least = now.low_credit == null ? null : (now.low_credit / 10 ** mine.amount_digits).toFixed(digits);
  const button = h("button", { class: "wide" }, say("notify.save"));
  const error = h("p", { class: "error", role: "alert" });
  const form = h("form", { class: "card", onsubmit: async (event) => {
    event.preventDefault();
    const read = (id) => document.getElementById(id).value.trim();
    button.disabled = true;
    error.textContent = "";
    try {
      const kept = await ask("PUT", `accounts/${mine.id}/notifications`, {
        language: document.documentElement.lang, email: read("email"), phone: read("phone").replace(/[\s-]/g, ""),
        quiet_from: read("quiet_from"), quiet_to: read("quiet_to"),
        low_credit: read("low_credit").replace(",", ".") || null, days_left: read("days_left") ? Number(read("days_left")) : null,
      });
      if (kept.unconfirmed.length) askForCode(mine, form, kept.unconfirmed, { email: read("email"), phone: read("phone") }).focus();
      else toast(say("notify.saved"));
    } catch (problem) {
      const texts = { conflict: say("notify.untaken"), too_many_requests: say("notify.enough") };
      error.textContent = texts[problem.code] || problem.text;
    }
    button.disabled = false;
  } },
  h("h2", {}, say("notify.title")), h("p", { class: "small soft" }, say("notify.help")),
  field("email", "email", now.email, { autocomplete: "email", inputmode: "email" }),
  field("phone", "tel", now.phone, { autocomplete: "tel", placeholder: "+254712345678", pattern: "\\+[0-9 \\-]{6,20}" }),
  field("low_credit", "text", least, { inputmode: digits ? "decimal" : "numeric", pattern: digits ? `[0-9]{1,15}([.,][0-9]{1,${digits}})?` : "[0-9]{1,15}", autocomplete: "off", "aria-describedby": "thresholds" }),
  field("days_left", "number", now.days_left, { min: 1, max: 60, inputmode: "numeric", "aria-describedby": "thresholds" }),
  h("p", { class: "small soft", id: "thresholds" }, say("notify.thresholds")),
  h("div", { class: "row" }, h("div", {}, field("quiet_from", "time", now.quiet_from)), h("div", {}, field("quiet_to", "time", now.quiet_to))),
  error, button, trialButton(mine, error));
  show(h("div", { class: "head" }, h("h1", {}, say("tab.settings"))), languageCard(), form,
    h("p", {}, h("button", { class: "plain wide", onclick: signOut }, say("sign.out"))));
  if (now.unconfirmed.length) askForCode(mine, form, now.unconfirmed, now.unconfirmed_addresses, "before");
}
