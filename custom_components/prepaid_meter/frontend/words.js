/** The cards' own words; what entities and their states are called comes from Home Assistant. */

const FALLBACK = "en";
const AVAILABLE = ["en", "af", "es", "fr", "id", "pt"];
const loaded = new Map();
const loading = new Map();
let current = FALLBACK;

/** Return the language of the page before a card has been given one. */
export function pageLanguage() {
  const chosen = document.querySelector("home-assistant")?.hass?.language;
  return chosen || document.documentElement.lang || navigator.language || FALLBACK;
}

/** Return the file for a language: itself, its base language, or English. */
export function bestLanguage(language) {
  const wanted = language || FALLBACK;
  const base = wanted.split("-")[0];
  const near = AVAILABLE.find((each) => each === base || each.split("-")[0] === base);
  return AVAILABLE.includes(wanted) ? wanted : (near ?? FALLBACK);
}

/** Load a language, and English for what it does not say. */
export async function loadWords(language) {
  const best = bestLanguage(language);
  await Promise.all([fetchWords(FALLBACK), fetchWords(best)]);
  current = best;
}

function fetchWords(language) {
  if (!loading.has(language)) loading.set(language, readWords(language));
  return loading.get(language);
}

async function readWords(language) {
  try {
    const answer = await fetch(new URL(`./words/${language}.json`, import.meta.url));
    if (answer.ok) loaded.set(language, await answer.json());
    else loading.delete(language);
  } catch {
    loading.delete(language); // The connection is gone; the next card tries again.
  }
}

/** Speak a language from now on if its words are there; say whether they are. */
export function speak(language) {
  const best = bestLanguage(language);
  if (!loaded.has(best)) return false;
  current = best;
  return true;
}

/** Return a text by its path, such as ``condition.low``, with its placeholders filled in. */
export function word(path, values = {}) {
  const text = look(loaded.get(current), path) ?? look(loaded.get(FALLBACK), path) ?? path;
  return text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
}

function look(words, path) {
  return path.split(".").reduce((tree, key) => tree?.[key], words);
}
