// The first view: what is left, whether the power is on, and what can be done about it.

import { account, ask, askOnce, keyFor, forgetKey } from "/my/api.js";
import { h, kwh, lasts, money, say, show, state, toast, when } from "/my/dom.js";

const PAUSE_MS = 5000;
const PAUSE_WHILE_SWITCHING_MS = 1000;
let timer;
let pause = PAUSE_MS;

export function leaveHome() {
  clearTimeout(timer);
}

export async function home(known) {
  const at = known ? known.at : Date.now();
  draw(known ? known.account : await account(), known ? at : null);
  refresh();
}

function refresh() {
  timer = setTimeout(async () => {
    if (!document.hidden) {
      try {
        draw(await account(), null);
      } catch (error) {
        if (error.status === 401) return location.reload();
      }
    }
    return refresh();
  }, pause);
}

function draw(mine, since) {
  const focused = document.activeElement?.id;
  const switching = mine.supply.state === "connected" && ["pending", "reported"].includes(mine.supply.proof);
  pause = switching ? PAUSE_WHILE_SWITCHING_MS : PAUSE_MS;
  const left = mine.headroom ?? mine.available;
  const credit = money(mine.available, mine);
  // Where units are sold, they are the credit, and what is left of the money may be nothing.
  const sold = mine.last_top_up?.units_wh > 0 && mine.units_left_wh != null;
  const units = mine.units_left_wh == null ? "" : kwh(mine.units_left_wh);
  const beside = sold ? (credit === money(0, mine) ? "" : credit) : units;
  const pace = [lasts(mine.seconds_left), beside].filter(Boolean);
  show(
    h("div", { class: "head" }, h("h1", {}, mine.name), h("span", { class: "soft small" }, mine.site_name)),
    since ? state("warn", say("offline.title"), say("offline.since", { when: when(since, mine.time_zone) })) : null,
    h(
      "section", { class: "card", "aria-label": say("credit") },
      h("div", { class: "soft" }, say("credit")),
      h("div", { class: `big ${left <= 0 ? "bad" : ""}`, id: "credit" }, sold ? units : credit),
      pace.length && left > 0 ? h("div", {}, pace.join(" · ")) : null,
      power(mine),
    ),
    armed(mine),
    h("p", { class: "row" }, h("a", { class: "button", href: "/my/#pay" }, say("pay.title")), h("a", { class: "button plain", href: "/my/#voucher" }, say("voucher.title"))),
    emergency(mine), owed(mine), price(mine), lastTopUp(mine),
  );
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

export function power(mine) {
  const supply = mine.supply;
  if (supply.state === "armed") return state("warn", say("power.armed"));
  if (supply.state === "connected") {
    if (supply.proof === "no_answer" || mine.meters.some((each) => each.online === false)) return state("warn", say("power.unheard"));
    if (supply.cut_at) return state("warn", say("power.cut.at", { when: when(supply.cut_at, mine.time_zone, { timeStyle: "short", dateStyle: "short" }) }), say("power.pay"));
    if (supply.proof === "pending" || supply.proof === "reported") return state("good", say("power.closing"), "", true);
    return mine.low_credit ? state("warn", say("power.on"), say("power.low")) : state("good", say("power.on"));
  }
  if (supply.reason === "landlord_off") return state("bad", say("power.off"), say("power.held", { note: supply.note || "" }));
  if (supply.reason === "protection") return state("bad", say("power.off"), say("power.protection"));
  const least = mine.amount_to_restore;
  return state("bad", say("power.off"), least ? say("power.restore", { amount: money(least, mine) }) : say("power.used"));
}

function armed(mine) {
  if (mine.supply.state !== "armed") return null;
  const button = h("button", { class: "wide", id: "switch-on", onclick: async () => {
    button.disabled = true;
    try {
      await ask("POST", `accounts/${mine.id}/supply`, { action: "confirm" });
      draw(await account(), null);
    } catch (error) {
      toast(error.text);
      button.disabled = false;
    }
  } }, say("armed.button"));
  return h("section", { class: "card" }, h("h2", {}, say("armed.title")), h("p", {}, say("armed.text")), button);
}

function emergency(mine) {
  const lent = mine.emergency_credit;
  if (!lent || lent.state === "unavailable" || lent.state === "unsupported") return null;
  if (lent.state !== "available") {
    return h("section", { class: "card" }, h("h2", {}, say("emergency.title")), h("p", {}, say(`emergency.${lent.state}`, { left: money(lent.left, mine) })));
  }
  const name = `emergency ${mine.id}`;
  const button = h("button", { class: "plain wide", id: "emergency", onclick: async () => {
    button.disabled = true;
    try {
      await askOnce(`accounts/${mine.id}/emergency-credit`, {}, keyFor(name));
      forgetKey(name);
      draw(await account(), null);
    } catch (error) {
      if (!error.unanswered) forgetKey(name);
      toast(error.text);
      button.disabled = false;
    }
  } }, say("emergency.button", { limit: money(lent.left, mine) }));
  return h("section", { class: "card" }, h("h2", {}, say("emergency.title")), h("p", {}, say("emergency.text")), button);
}

function owed(mine) {
  const rows = mine.debts.filter((each) => each.owed).map((each) => [each.description, each.owed]);
  if (mine.arrears) rows.push([say("split.arrears"), mine.arrears]);
  if (!rows.length) return null;
  return h("section", { class: "card" }, h("h2", {}, say("owed")), h("dl", {}, rows.map(([name, amount]) => [h("dt", {}, name), h("dd", {}, money(amount, mine))])));
}

function price(mine) {
  const now = mine.tariff;
  if (!now) return null;
  const change = now.next_change ? say("price.until", { when: when(now.next_change, mine.time_zone, { dateStyle: "short", timeStyle: "short" }) }) : "";
  return h("section", { class: "card" }, h("dl", {},
    h("dt", {}, say("price"), change ? h("span", { class: "small" }, ` ${change}`) : null), h("dd", {}, `${money(now.price_per_kwh, mine)}/kWh`),
    mine.cost_today == null ? null : [h("dt", {}, say("today")), h("dd", {}, `${money(mine.cost_today, mine)} · ${kwh(mine.energy_today_wh || 0)}`)],
  ));
}

function lastTopUp(mine) {
  const last = mine.last_top_up;
  if (!last) return null;
  return h("section", { class: "card" }, h("dl", {}, h("dt", {}, say("last", { when: when(last.at, mine.time_zone, { dateStyle: "medium" }) })), h("dd", {}, money(last.amount, mine))));
}
