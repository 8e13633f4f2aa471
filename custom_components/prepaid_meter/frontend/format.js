/** Formats numbers, money and times according to the user's profile. */

import { localize } from "./localize.js";

const NUMBER_LOCALES = {
  comma_decimal: ["en-US", "en"],
  decimal_comma: ["de", "es", "it"],
  space_comma: ["fr", "sv", "cs"],
  quote_decimal: ["de-CH", "de"],
  system: undefined,
};
const DAY = 86400;
const HOUR = 3600;
const HOURS_BELOW = 2 * DAY;

function numberLocale(hass) {
  const format = hass.locale?.number_format;
  return format in NUMBER_LOCALES ? NUMBER_LOCALES[format] : hass.locale?.language;
}

/** Return a number with a fixed number of decimals. */
export function number(hass, value, decimals) {
  const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  return new Intl.NumberFormat(numberLocale(hass), digits).format(value);
}

/** Return an amount with its currency; decimal strings are formatted without conversion to binary floats. */
export function money(hass, amount, currency) {
  try {
    return new Intl.NumberFormat(numberLocale(hass), { style: "currency", currency }).format(amount);
  } catch {
    return `${amount} ${currency}`;
  }
}

/** Return a price with all its decimals, up to four. */
export function price(hass, amount, currency) {
  try {
    const style = { style: "currency", currency, maximumFractionDigits: 4 };
    return new Intl.NumberFormat(numberLocale(hass), style).format(amount);
  } catch {
    return `${amount} ${currency}`;
  }
}

/** Return an energy in kWh. */
export function energy(hass, kilowattHours) {
  return `${number(hass, kilowattHours, 1)} kWh`;
}

/** Return how many decimals a currency has in everyday use. */
export function currencyDigits(currency) {
  try {
    return new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits;
  } catch {
    return 2;
  }
}

/** Return an amount that was typed by a person as a decimal string, or null: ``1 000,50`` becomes ``1000.50``. */
export function decimalText(hass, typed) {
  const parts = new Intl.NumberFormat(numberLocale(hass)).formatToParts(1234567.5);
  const sign = (type) => parts.find((part) => part.type === type)?.value;
  let text = typed.trim().replace(/[\s\u00a0\u202f’']/g, "");
  const decimal = sign("decimal");
  // The other separator, typed once before at most two digits, means a decimal separator.
  if (decimal === "," && !/^\d+\.\d{1,2}$/.test(text)) text = text.replaceAll(".", "").replace(",", ".");
  else if (/^\d+,\d{1,2}$/.test(text)) text = text.replace(",", ".");
  else text = text.replaceAll(",", "");
  return /^\d+(\.\d+)?$/.test(text) && Number(text) > 0 ? text : null;
}

/** Return a duration in its most useful unit: days, or hours or minutes below two days. */
export function duration(hass, seconds) {
  const [value, unit] =
    seconds >= HOURS_BELOW
      ? [Math.floor(seconds / DAY), "day"]
      : seconds >= HOUR
        ? [Math.floor(seconds / HOUR), "hour"]
        : [Math.max(Math.floor(seconds / 60), 0), "minute"];
  const style = { style: "unit", unit, unitDisplay: "long" };
  return new Intl.NumberFormat(hass.locale?.language, style).format(value);
}

/** Return how long the credit lasts, or null if that is not known. */
export function lastsFor(hass, seconds) {
  if (seconds === null) return null;
  return seconds > 0 ? duration(hass, seconds) : localize("label.used_up");
}

/** Return a time as day and time of day, in the time zone of the user's profile. */
export function instant(hass, text) {
  const at = new Date(text);
  const far = at - Date.now() > 6 * DAY * 1000 || at < Date.now() - 6 * DAY * 1000;
  return new Intl.DateTimeFormat(hass.locale?.language, {
    ...(far ? { day: "numeric", month: "long" } : { weekday: "long" }),
    hour: "numeric",
    minute: "2-digit",
    ...clock(hass),
  }).format(at);
}

function clock(hass) {
  const format = hass.locale?.time_format;
  return {
    timeZone: hass.locale?.time_zone === "server" ? hass.config?.time_zone : undefined,
    ...(format === "12" || format === "24" ? { hourCycle: format === "12" ? "h12" : "h23" } : {}),
  };
}

/** Return a relative time, such as ``2 hours ago``. */
export function ago(hass, text) {
  const seconds = (new Date(text) - Date.now()) / 1000;
  const [value, unit] =
    Math.abs(seconds) >= DAY
      ? [seconds / DAY, "day"]
      : Math.abs(seconds) >= HOUR
        ? [seconds / HOUR, "hour"]
        : Math.abs(seconds) >= 60
          ? [seconds / 60, "minute"]
          : [0, "second"];
  return new Intl.RelativeTimeFormat(hass.locale?.language, { numeric: "auto" }).format(Math.trunc(value), unit);
}
