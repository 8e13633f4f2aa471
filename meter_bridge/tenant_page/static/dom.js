// Elements, words, and how money and time are written. Nothing here knows what the page is about.

export const words = {};
export let language = "en";
export const LANGUAGES = {
  en: "English", af: "Afrikaans", de: "Deutsch", es: "Español", fr: "Français", id: "Bahasa Indonesia", pt: "Português", sw: "Kiswahili", zh: "中文",
};

export async function speak(wanted) {
  const found = [wanted, ...navigator.languages].map((each) => (each || "").slice(0, 2)).find((each) => LANGUAGES[each]);
  language = found || "en";
  const load = async (name) => (await fetch(`/my/words.${name}.json`)).json();
  Object.assign(words, await load(language).catch(() => load(language = "en")));
  document.documentElement.lang = language;
  document.title = words.title;
  document.querySelector(".skip").textContent = words.skip;
}

// A text that counts is a pair of singular and plural; `count` chooses.
export function say(key, values = {}) {
  const text = words[key] || key;
  const told = typeof text === "string" ? text : text[new Intl.PluralRules(language).select(values.count) === "one" ? 0 : 1];
  return told.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

export function knows(key) {
  return key in words;
}

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((each) => each != null && each !== false));
  return element;
}

const PATHS = {
  home: "M10 20v-6h4v6h5v-8h3L12 3 2 12h3v8z",
  pay: "M7 2v11h3v9l7-12h-4l4-8z",
  history: "M18 17H6v-2h12v2zm0-4H6v-2h12v2zm0-4H6V7h12v2zM3 22l1.5-1.5L6 22l1.5-1.5L9 22l1.5-1.5L12 22l1.5-1.5L15 22l1.5-1.5L18 22l1.5-1.5L21 22V2l-1.5 1.5L18 2l-1.5 1.5L15 2l-1.5 1.5L12 2l-1.5 1.5L9 2 7.5 3.5 6 2 4.5 3.5 3 2z",
  settings: "M3 17v2h6v-2H3zM3 5v2h10V5H3zm10 16v-2h8v-2h-8v-2h-2v6h2zM7 9v2H3v2h4v2h2V9H7zm14 4v-2H11v2h10zm-6-4h2V7h4V5h-4V3h-2v6z",
  good: "M9 16.17 4.83 12l-1.42 1.41L9 19 21 7l-1.41-1.41z",
  warn: "M1 21h22L12 2 1 21zm12-3h-2v-2h2v2zm0-4h-2v-4h2v4z",
  bad: "M13 3h-2v10h2V3zm4.83 2.17-1.42 1.42C17.99 7.86 19 9.81 19 12c0 3.87-3.13 7-7 7s-7-3.13-7-7c0-2.19 1.01-4.14 2.58-5.42L6.17 5.17C4.23 6.82 3 9.26 3 12c0 4.97 4.03 9 9 9s9-4.03 9-9c0-2.74-1.23-5.18-3.17-6.83z",
};

export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(space, "svg");
  picture.setAttribute("viewBox", "0 0 24 24");
  picture.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", PATHS[name]);
  picture.append(path);
  return picture;
}

export function state(kind, title, text, spinning = false) {
  const sign = spinning ? h("div", { class: "spin" }) : icon(kind);
  return h("div", { class: `state ${kind}` }, sign, h("div", {}, h("b", {}, title), text ? h("span", {}, text) : null));
}

export function money(amount, of, short = false) {
  const exact = amount / 10 ** of.amount_digits;
  const value = Number(exact.toFixed(decimals(of))) || 0;
  const style = { style: "currency", currency: of.currency, currencyDisplay: "narrowSymbol" };
  const usual = new Intl.NumberFormat(language, style).resolvedOptions().minimumFractionDigits;
  const least = short && Number.isInteger(value) ? 0 : Math.min(usual, decimals(of));
  // A language may write a currency without the decimals that it has: what is there is never left out.
  return new Intl.NumberFormat(language, { ...style, minimumFractionDigits: least, maximumFractionDigits: decimals(of) }).format(value);
}

export function decimals(of) {
  return of.minor_digits ?? of.amount_digits - 4;
}

export function number(value, places = 1) {
  return new Intl.NumberFormat(language, { maximumFractionDigits: places }).format(value);
}

export function kwh(wh) {
  return `${number(wh / 1000)} kWh`;
}

export function when(instant, zone, style = { dateStyle: "medium", timeStyle: "short" }) {
  return new Intl.DateTimeFormat(language, { ...style, timeZone: zone }).format(new Date(instant));
}

export function lasts(seconds) {
  if (seconds == null) return "";
  const hours = Math.floor(seconds / 3600);
  if (hours < 1) return say("lasts.less");
  const [key, count] = hours < 48 ? ["lasts.hours", hours] : ["lasts.days", Math.floor(hours / 24)];
  return say(key, { n: number(count, 0), count });
}

export function show(...elements) {
  const main = document.getElementById("main");
  main.replaceChildren(...elements.flat().filter(Boolean));
  return main;
}

let fading;
export function toast(text) {
  clearTimeout(fading);
  const place = document.getElementById("toast");
  place.textContent = text;
  fading = setTimeout(() => { place.textContent = ""; }, 6000);
}
