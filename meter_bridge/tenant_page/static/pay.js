// Paying: how much, where it would go, with what, and waiting until it is there; and vouchers.

import { account, ask, askOnce, forgetKey, keyFor, tell } from "/my/api.js";
import { decimals, h, kwh, language, money, number, say, show, state } from "/my/dom.js";
import { power } from "/my/home.js";

// In steps of the currency: half of the largest amount there is. A limit above is none of the landlord's.
const ENDLESS = 5e17;
const NICE = [1, 2, 5, 10, 20, 50];

export async function pay() {
  const mine = await account();
  const options = await ask("GET", `accounts/${mine.id}/payment-options`);
  if (options.largest < options.smallest) return show(head(), h("div", { class: "card" }, state("warn", say("pay.none"))));
  if (!options.providers.length) return show(head(), h("div", { class: "card" }, h("p", {}, say("pay.no.provider"))), voucherLink());
  return form(mine, options);
}

function head() {
  return h("div", { class: "head" }, h("h1", {}, say("pay.title")));
}

function voucherLink() {
  return h("p", {}, h("a", { class: "button plain wide", href: "/my/#voucher" }, say("voucher.title")));
}

function suggestions(options) {
  const one = 10 ** options.amount_digits;
  const base = options.to_restore || options.smallest;
  const unit = 10 ** Math.max(Math.floor(Math.log10(Math.max(base / one, 10))), 1) * one;
  const found = NICE.map((each) => each * unit).filter((each) => each >= base && each <= options.largest).slice(0, options.to_restore ? 5 : 6);
  if (options.to_restore && options.to_restore <= options.largest) found.unshift(options.to_restore);
  return [...new Set(found)].slice(0, 6);
}

async function form(mine, options) {
  const digits = decimals(options);
  const written = (amount) => (amount / 10 ** options.amount_digits).toFixed(digits);
  const input = h("input", { id: "amount", inputmode: digits ? "decimal" : "numeric", autocomplete: "off", required: true, "aria-describedby": "limits" });
  const chips = suggestions(options).map((each) => h("button", {
    type: "button", "aria-pressed": "false", onclick: () => { input.value = written(each); changed(); },
  }, money(each, options, true)));
  const preview = h("div", { class: "card", id: "preview", "aria-live": "polite" });
  const choices = options.providers.map((each, index) => h("label", { class: "choice" }, h("input", { type: "radio", name: "provider", value: each.id, checked: index === 0 }), each.name));
  const error = h("div", { role: "alert" });
  const button = h("button", { class: "wide", disabled: true }, say("pay.button"));
  let asked = 0;
  let confirmed = "";
  empty();

  // What an earlier amount would have done is not left beside another one.
  function empty() {
    preview.replaceChildren(h("p", { class: "soft" }, say("pay.preview.hint")));
    button.textContent = say("pay.button");
    button.disabled = true;
    confirmed = "";
    error.replaceChildren();
  }

  async function changed() {
    const value = typed(input.value, options);
    chips.forEach((each, index) => each.setAttribute("aria-pressed", String(Number(written(suggestions(options)[index])) === Number(value))));
    const turn = ++asked;
    empty();
    if (!value) {
      if (input.value.trim()) tell(error, { text: unreadable(options) });
      return;
    }
    try {
      const shown = await ask("GET", `accounts/${mine.id}/top-up-preview?amount=${value}`);
      if (turn !== asked) return;
      preview.replaceChildren(...split(shown, say("pay.preview")));
      button.textContent = say("pay.amount", { amount: money(shown.amount, shown) });
      button.disabled = false;
    } catch (problem) {
      if (turn === asked) tell(error, limited(problem, value));
    }
  }

  // What is wrong with an amount, in words of its own: too little, too much, or no amount at all.
  function limited(problem, value) {
    if (problem.code === "amount_out_of_range") return { text: outOfRange(options, value) };
    if (problem.code === "bad_request") return { text: Number(value) * 10 ** options.amount_digits > options.largest ? outOfRange(options, value) : unreadable(options) };
    return problem;
  }

  // An amount far beyond what is usual is read once more before it goes on.
  function sure(value) {
    confirmed = value;
    const amount = money(Number(value) * 10 ** options.amount_digits, options);
    tell(error, { code: "unusual", title: say("pay.unusual", { amount }), text: say("pay.unusual.text") });
    button.textContent = say("pay.sure", { amount });
  }

  let waiting;
  // At once: a button with the amount before must not pay another one.
  input.addEventListener("input", () => { asked += 1; empty(); clearTimeout(waiting); waiting = setTimeout(changed, 250); });
  show(head(), h("form", { onsubmit: (event) => submit(event) },
    h("div", { class: "card" },
      h("label", { for: "amount" }, say("pay.how.much")), h("div", { class: "chips" }, chips), input,
      h("p", { class: "small soft", id: "limits" }, limits(options))),
    preview, options.keypad ? await tokens(mine) : null,
    h("div", { class: "card", role: "radiogroup", "aria-labelledby": "with" }, h("h2", { id: "with" }, say("pay.with")), choices), error, button), voucherLink());

  async function submit(event) {
    event.preventDefault();
    if (button.disabled) return;
    button.disabled = true;
    const provider = document.querySelector("input[name=provider]:checked").value;
    const value = typed(input.value, options);
    try {
      await begin(mine, provider, value, error, confirmed === value);
    } catch (problem) {
      if (problem.code === "confirmation_needed") sure(value);
      else tell(error, limited(problem, value));
      button.disabled = false;
    }
  }
}

function limits(options) {
  const least = money(options.smallest, options, true);
  if (options.largest > ENDLESS) return say("pay.least", { least });
  return say("pay.limits", { least, most: money(options.largest, options, true) });
}

function outOfRange(options, value) {
  if (Number(value) * 10 ** options.amount_digits < options.smallest) return say("pay.too.little", { least: money(options.smallest, options, true) });
  return say("pay.too.much", { most: money(options.largest, options, true) });
}

function unreadable(options) {
  const digits = decimals(options);
  return say("pay.unreadable", { example: new Intl.NumberFormat(language, { useGrouping: false, minimumFractionDigits: digits }).format(1250) });
}

// A point or a comma ends the whole part, and at most as many digits follow as the currency has: no more are guessed at.
export function typed(text, options) {
  const plain = text.normalize("NFKC").replace(/[\s'’]/g, "").replace(",", ".");
  const part = decimals(options) ? `([.][0-9]{1,${decimals(options)}})?` : "";
  return new RegExp(`^[0-9]{1,20}${part}$`).test(plain) ? plain : "";
}

async function begin(mine, provider, amount, place, confirmed, again = true) {
  const what = `pay ${mine.id} ${provider} ${amount}`;
  const order = await askOnce(`accounts/${mine.id}/payments${confirmed ? "?confirmed=true" : ""}`, { provider, amount }, keyFor(what), place);
  if (!["open", "pending", "failed"].includes(order.state)) {
    forgetKey(what);
    if (again) await begin(mine, provider, amount, place, confirmed, false);
    return;
  }
  sessionStorage.setItem(`order ${order.id}`, what);
  if (order.url) location.assign(order.url);
  else location.hash = `paid/${order.id}`;
}

export function split(shown, title) {
  const names = ["payment_debt", "arrears", "emergency_credit", "units", "balance"];
  const rows = names.filter((each) => shown.split[each]).map((each) => [h("dt", {}, say(`split.${each}`)), h("dd", {}, money(shown.split[each], shown))]);
  for (const [name, amount] of Object.entries(shown.fees || {})) rows.push([h("dt", { class: "small" }, say("split.of.it", { name })), h("dd", { class: "small" }, money(amount, shown))]);
  if (shown.units_wh) rows.push([h("dt", {}, say("split.bought")), h("dd", {}, kwh(shown.units_wh))]);
  // Units are the credit that was bought; what is left of the money may be too little for one more.
  if (!shown.units_wh || money(shown.balance_after, shown) !== money(0, shown)) rows.push([h("dt", { class: "sum" }, say("split.after")), h("dd", { class: "sum" }, money(shown.balance_after, shown))]);
  return [h("h2", {}, title), h("dl", {}, rows), shown.restores ? state("good", say("pay.restores")) : ""];
}

const FINAL = ["paid", "review", "expired", "cancelled", "refunded", "partly_refunded", "charged_back"];

export async function paid(id, cancelled) {
  const mine = await account();
  const here = location.href;
  for (let turn = 0; location.href === here; turn += 1) {
    try {
      const order = await ask("GET", `accounts/${mine.id}/payments/${encodeURIComponent(id)}`);
      if (location.href !== here) return;
      if (await drawn(order, cancelled)) return;
    } catch (error) {
      if (!error.unanswered) throw error;
      show(h("div", { class: "card" }, state("warn", say("offline.title"), say("paid.not.lost"), true)));
    }
    await new Promise((done) => { setTimeout(done, turn < 60 ? 1000 : 5000); });
  }
}

async function drawn(order, cancelled) {
  const title = h("div", { class: "head" }, h("h1", {}, say("pay.title")));
  if (FINAL.includes(order.state)) forgetKey(sessionStorage.getItem(`order ${order.id}`) || "");
  if (order.state === "paid") return thanks(title, order);
  if (FINAL.includes(order.state)) {
    const kind = order.state === "review" ? "warn" : "bad";
    show(title, h("div", { class: "card" }, state(kind, say(`paid.${order.state}`), say(`paid.${order.state}.text`))), homeLink());
    return true;
  }
  const failed = order.state === "failed" || cancelled;
  const parts = [failed ? state("bad", say("paid.failed"), say("paid.failed.text")) : state("warn", say("paid.open"), say("paid.open.text"), true)];
  if (order.instructions && !failed) parts.unshift(h("h2", {}, say("paid.how")), h("p", {}, order.instructions), h("p", { class: "reference" }, order.reference));
  if (order.url) parts.push(h("p", {}, h("a", { class: "button plain wide", href: order.url }, say("paid.back"))));
  show(title, h("div", { class: "card", "aria-live": "polite" }, parts), homeLink());
  return false;
}

async function thanks(title, order) {
  const mine = await account();
  const parts = [state("good", say("paid.paid", { amount: money(order.amount, order) }), say("paid.paid.text"))];
  if (mine.last_top_up && mine.last_top_up.id === order.top_up) parts.push(h("p", {}), ...booked(mine));
  show(title, h("div", { class: "card", "aria-live": "polite", id: "paid" }, parts), await tokens(mine), h("div", { class: "card", id: "power", "data-proof": mine.supply.proof }, power(mine)), homeLink());
  return mine.supply.state !== "connected" || !["pending", "reported"].includes(mine.supply.proof);
}

function booked(mine) {
  const top = mine.last_top_up;
  return split({ split: top.split, units_wh: top.units_wh, balance_after: top.balance_after, currency: mine.currency, amount_digits: mine.amount_digits }, say("paid.went"));
}

// What was bought for a meter with a keypad, to be typed there; asking again gives the same tokens.
async function tokens(mine) {
  const options = await ask("GET", `accounts/${mine.id}/payment-options`);
  if (!options.keypad) return null;
  const found = await ask("POST", `accounts/${mine.id}/keypad-tokens`, {});
  const rows = found.tokens.slice(0, 5).map((each) => h("li", {}, h("b", { class: "reference" }, each.token), h("span", { class: "amount" }, each.wh ? kwh(each.wh) : each.kind)));
  return h("div", { class: "card", id: "tokens" }, h("h2", {}, say("tokens.title")), h("p", { class: "small soft" }, say("tokens.help")), h("ul", { class: "list" }, rows));
}

function homeLink() {
  return h("p", {}, h("a", { class: "button wide", href: "/my/#home" }, say("to.home")));
}

export async function voucher(digits) {
  const mine = await account();
  const input = h("input", { id: "voucher", class: "code", inputmode: "numeric", autocomplete: "off", required: true, maxlength: 40, value: grouped(digits) });
  input.addEventListener("input", () => { if (input.selectionStart === input.value.length) input.value = grouped(input.value); });
  const error = h("div", { role: "alert" });
  const button = h("button", { class: "wide" }, say("voucher.button"));
  show(h("div", { class: "head" }, h("h1", {}, say("voucher.title"))), h("form", { class: "card", onsubmit: redeem },
    h("label", { for: "voucher" }, say("voucher.number")), input, h("p", { class: "small soft" }, say("voucher.help")), error, button));
  input.focus();

  async function redeem(event) {
    event.preventDefault();
    if (button.disabled) return;
    button.disabled = true;
    error.replaceChildren();
    const what = `voucher ${input.value}`;
    try {
      const result = await askOnce(`accounts/${mine.id}/vouchers`, { code: input.value }, keyFor(what), error);
      forgetKey(what);
      await redeemed(result);
    } catch (problem) {
      if (!problem.unanswered) forgetKey(what);
      tell(error, problem);
      button.disabled = false;
      input.focus();
    }
  }
}

async function redeemed(result) {
  const place = location.href;
  for (;;) {
    const mine = await account();
    show(h("div", { class: "head" }, h("h1", {}, say("voucher.title"))),
      h("div", { class: "card", id: "paid", "aria-live": "polite" }, state("good", say("voucher.done", { amount: money(result.top_up.amount, mine) })), h("p", {}), ...booked(mine)),
      await tokens(mine), h("div", { class: "card", id: "power", "data-proof": mine.supply.proof }, power(mine)), homeLink());
    if (mine.supply.state !== "connected" || !["pending", "reported"].includes(mine.supply.proof)) return;
    await new Promise((done) => { setTimeout(done, 500); });
    if (location.href !== place) return;
  }
}

function grouped(text) {
  return text.normalize("NFKC").replace(/[\s-]/g, "").replace(/(.{4})(?=.)/g, "$1 ");
}

export { number };
