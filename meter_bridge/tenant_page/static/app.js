// Starts the page: language, who is here, and which view an address leads to.

import { Refusal, account, ask, lastKnown } from "/my/api.js";
import { LANGUAGES, h, icon, language, say, show, speak, state, toast } from "/my/dom.js";
import { home, leaveHome } from "/my/home.js";
import { pay, paid, voucher } from "/my/pay.js";
import { history, settings } from "/my/more.js";

const TABS = { home, pay, history, settings };
let current = 0;

async function start() {
  await speak(localStorage.getItem("language"));
  if ("serviceWorker" in navigator) navigator.serviceWorker.register("/my/sw.js", { scope: "/my/" }).catch(() => {});
  addEventListener("hashchange", route);
  addEventListener("pageshow", (event) => { if (event.persisted) route(); });
  await route();
}

export async function route() {
  const turn = ++current;
  leaveHome();
  const rest = location.hash.slice(1);
  try {
    if (rest.startsWith("in=")) return await byLink(rest.slice(3));
    const place = location.pathname.replace(/^\/my\/?/, "");
    if (place === "paid" || place === "cancelled") return await within(() => paid(rest, place === "cancelled"));
    if (place === "voucher") return await within(() => voucher(rest));
    const [tab, more] = rest.split("/");
    if (tab === "paid") return await within(() => paid(more, false));
    if (tab === "voucher") return await within(() => voucher(""));
    return await within(() => (TABS[tab] || home)(), TABS[tab] ? tab : "home");
  } catch (error) {
    if (turn === current) failed(error);
  }
  return undefined;
}

async function within(view, tab = "pay") {
  navigation(tab);
  await view();
  document.getElementById("main").focus({ preventScroll: true });
  scrollTo(0, 0);
}

function navigation(tab) {
  const nav = document.getElementById("nav");
  nav.hidden = false;
  nav.setAttribute("aria-label", say("title"));
  nav.replaceChildren(...Object.keys(TABS).map((each) => h(
    "a", { href: `/my/#${each}`, "aria-current": each === tab ? "page" : null }, icon(each), say(`tab.${each}`),
  )));
}

function failed(error) {
  if (error instanceof Refusal && error.status === 401) return signIn();
  if (!(error instanceof Refusal)) throw error;
  const known = lastKnown();
  if (error.code === "offline" && known) return home(known);
  show(h("div", { class: "card" }, state("warn", error.text), h("p", {}, h("button", { class: "wide", onclick: route }, say("again")))));
}

async function byLink(secret) {
  window.history.replaceState(null, "", "/my/");
  try {
    await ask("POST", "page/sign-in", { link: secret });
  } catch (error) {
    return signIn(error.text);
  }
  return route();
}

export function signIn(message) {
  document.getElementById("nav").hidden = true;
  localStorage.removeItem("last");
  const room = new URLSearchParams(location.hash.slice(1)).get("room") || localStorage.getItem("number") || "";
  const number = h("input", { id: "number", name: "username", autocomplete: "username", autocapitalize: "off", required: true, value: room });
  const code = h("input", { id: "code", class: "code", name: "code", autocomplete: "one-time-code", autocapitalize: "characters", spellcheck: "false", required: true });
  const error = h("p", { class: "error", role: "alert" }, message || "");
  const button = h("button", { class: "wide" }, say("sign.in"));
  const form = h(
    "form", { class: "card", onsubmit: async (event) => {
      event.preventDefault();
      button.disabled = true;
      error.textContent = "";
      try {
        await ask("POST", "page/sign-in", { number: number.value, code: code.value });
        localStorage.setItem("number", number.value);
        if (location.hash.startsWith("#room")) location.hash = "";
        await route();
      } catch (problem) {
        error.textContent = problem.code === "not_authenticated" ? say("sign.wrong") : problem.text;
        code.focus();
      }
      button.disabled = false;
    } },
    h("label", { for: "number" }, say("sign.number")), number,
    h("label", { for: "code" }, say("sign.code")), code, error, button,
  );
  show(
    h("div", { class: "head" }, h("h1", {}, say("title"))),
    h("p", {}, say("sign.help")), form, languageCard(),
    h("p", { class: "small soft" }, say("sign.card")),
  );
  (room ? code : number).focus();
}

export function languageCard() {
  const options = Object.entries(LANGUAGES).map(([each, name]) => h("option", { value: each, selected: each === language, lang: each }, name));
  const select = h("select", { id: "language", onchange: async () => {
    localStorage.setItem("language", select.value);
    await speak(select.value);
    await route();
  } }, options);
  return h("div", { class: "card" }, h("label", { for: "language" }, say("language")), select);
}

export async function signOut() {
  await ask("POST", "page/sign-out");
  localStorage.removeItem("last");
  sessionStorage.clear();
  toast(say("signed.out"));
  location.hash = "";
  signIn();
}

export { account };
start();
