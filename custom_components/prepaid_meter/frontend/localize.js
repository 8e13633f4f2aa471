/** The cards' own texts; the names of entities and their states come from Home Assistant. */

const FALLBACK = "en";
const AVAILABLE = ["en", "af", "de", "es", "fr", "id", "pt"];
const loaded = new Map();
const loading = new Map();
let current = FALLBACK;

/** Return the language of the page, for use before a card has received a `hass` object. */
export function pageLanguage() {
  const language = document.querySelector("home-assistant")?.hass?.language;
  return language || document.documentElement.lang || navigator.language || FALLBACK;
}

/** Return the available language for a requested one: itself, its base language, or English. */
export function supportedLanguage(language) {
  const requested = language || FALLBACK;
  const base = requested.split("-")[0];
  const related = AVAILABLE.find((available) => available === base || available.split("-")[0] === base);
  return AVAILABLE.includes(requested) ? requested : (related ?? FALLBACK);
}

/** Load a language, and English as the fallback for missing texts. */
export async function loadLanguage(language) {
  const supported = supportedLanguage(language);
  await Promise.all([fetchLanguage(FALLBACK), fetchLanguage(supported)]);
  current = supported;
}

function fetchLanguage(language) {
  if (!loading.has(language)) loading.set(language, readLanguage(language));
  return loading.get(language);
}

async function readLanguage(language) {
  try {
    const response = await fetch(new URL(`./locales/${language}.json`, import.meta.url));
    if (response.ok) loaded.set(language, await response.json());
    else loading.delete(language);
  } catch {
    loading.delete(language); // The connection is lost; the next card tries again.
  }
}

/** Use a language from now on if it has been loaded; return whether it has. */
export function setLanguage(language) {
  const supported = supportedLanguage(language);
  if (!loaded.has(supported)) return false;
  current = supported;
  return true;
}

/** Return a text by its path, such as ``condition.low``, with its placeholders filled in. */
export function localize(path, values = {}) {
  const text = lookUp(loaded.get(current), path) ?? lookUp(loaded.get(FALLBACK), path) ?? path;
  return text.replace(/\{(\w+)\}/g, (placeholder, name) => values[name] ?? placeholder);
}

function lookUp(texts, path) {
  return path.split(".").reduce((tree, key) => tree?.[key], texts);
}

/** Home Assistant's own codes of failures (websocket_api/const.py, home-assistant-js-websocket's errors.ts). */
const FAILURES = { 3: "failure.lost", connection_lost: "failure.lost", unauthorized: "failure.not_allowed" };

/** Return the explanation of a failed action in the user's language; an error's own message is English. */
export async function explain(hass, error) {
  const { translation_domain: domain, translation_key: key, translation_placeholders: placeholders } = error ?? {};
  const texts = key && (await hass.loadBackendTranslation?.("exceptions", domain).catch(() => null));
  const text = texts?.(`component.${domain}.exceptions.${key}.message`, placeholders ?? {});
  if (!text) console.error("prepaid_meter:", error);
  return text || localize(FAILURES[error?.code] ?? (error === 3 ? "failure.lost" : "failure.unknown"));
}
