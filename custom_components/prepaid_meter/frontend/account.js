/** The data of an account: its device and entities, identified by translation key. */

export const DOMAIN = "prepaid_meter";
/** Why the bridge is not connected, if it refuses Home Assistant's token. */
const TOKEN_REFUSED = ["invalid_auth", "not_allowed"];
const UNKNOWN_STATES = new Set(["unknown", "unavailable"]);
const DAY_SECONDS = 86_400;
/** Alerts of every account, unlike the state of the emergency credit, which large installations have disabled. */
const EMERGENCY_ALERTS = ["emergency_credit_in_use", "emergency_credit_exhausted"];

/** Indexes by entity registry: Home Assistant replaces the registry object whenever it changes. */
const indexes = new WeakMap();

/** Return the entities of every account and bridge: device ID → ``sensor.balance`` → entity ID. */
function index(hass) {
  if (!indexes.has(hass.entities)) indexes.set(hass.entities, buildIndex(hass.entities));
  return indexes.get(hass.entities);
}

function buildIndex(registry) {
  const devices = new Map();
  for (const entry of Object.values(registry)) {
    if (entry.platform !== DOMAIN || !entry.device_id || !entry.translation_key) continue;
    if (!devices.has(entry.device_id)) devices.set(entry.device_id, new Map());
    const [domain] = entry.entity_id.split(".");
    devices.get(entry.device_id).set(`${domain}.${entry.translation_key}`, entry.entity_id);
  }
  return devices;
}

function isAccount(hass, deviceId) {
  return Boolean(index(hass).get(deviceId)?.has("sensor.balance"));
}

/** Return the device IDs of all accounts. */
export function accountDevices(hass) {
  return [...index(hass).keys()].filter((device) => isAccount(hass, device));
}

/** Return the account device of an entity, or null. */
export function deviceOf(hass, entityId) {
  const device = hass.entities[entityId]?.device_id;
  return isAccount(hass, device) ? device : null;
}

/** The current states of one account. */
export class Account {
  constructor(hass, deviceId) {
    this.hass = hass;
    this.id = deviceId;
    this.entities = isAccount(hass, deviceId) ? index(hass).get(deviceId) : new Map();
  }

  get exists() {
    return this.entities.size > 0;
  }

  get name() {
    const device = this.hass.devices[this.id];
    return device?.name_by_user || device?.name || "";
  }

  entity(kind) {
    return this.entities.get(kind);
  }

  state(kind) {
    return this.hass.states[this.entity(kind)];
  }

  /** Return the value of a state, or null if it is not known. */
  value(kind) {
    const state = this.state(kind)?.state;
    return state === undefined || UNKNOWN_STATES.has(state) ? null : state;
  }

  number(kind) {
    const value = this.value(kind);
    return value === null || Number.isNaN(Number(value)) ? null : Number(value);
  }

  /** Return a state as formatted by Home Assistant, or null if it is not known. */
  text(kind) {
    return this.value(kind) === null ? null : this.hass.formatEntityState(this.state(kind));
  }

  attribute(kind, name) {
    return this.value(kind) === null ? undefined : this.state(kind).attributes[name];
  }

  /** Return whether no data is available: the bridge is disconnected, or Home Assistant is starting. */
  get away() {
    const state = this.state("sensor.balance")?.state;
    return state === undefined || state === "unavailable";
  }

  /** Return the state of the connection to the account's bridge. */
  get connection() {
    const bridge = this.hass.devices[this.id]?.via_device_id;
    return this.hass.states[index(this.hass).get(bridge)?.get("binary_sensor.bridge_connectivity")];
  }

  get currency() {
    return this.attribute("sensor.balance", "unit_of_measurement") ?? "";
  }

  /** Return the forecast of how long the credit lasts; zero if the credit is used up and the supply is off. */
  secondsLeft(now = Date.now()) {
    const until = this.value("sensor.run_out");
    if (until !== null) return Math.max(0, (new Date(until) - now) / 1000);
    const off = this.supply !== null && this.supply !== "connected";
    return off && this.number("sensor.balance") <= 0 ? 0 : null;
  }

  get supply() {
    return this.value("sensor.supply_state");
  }

  get alerts() {
    return this.attribute("binary_sensor.problem", "alerts") ?? [];
  }

  /** Return whether the credit is forecast to last for less than a day, whatever the warning thresholds are. */
  get _isNearlyOut() {
    const seconds = this.secondsLeft();
    return seconds !== null && seconds < DAY_SECONDS;
  }

  get _usesEmergencyCredit() {
    return this.alerts.some((alert) => EMERGENCY_ALERTS.includes(alert.kind));
  }

  /** Return the condition of the account; the most urgent one wins. */
  get condition() {
    if (this.away) return TOKEN_REFUSED.includes(this.connection?.attributes.reason) ? "denied" : "away";
    if (this.supply === "disconnected") return "cut";
    if (this.supply === "armed") return "armed";
    if (this._usesEmergencyCredit) return "emergency";
    if (this.value("binary_sensor.low_credit") === "on" || this._isNearlyOut) return "low";
    if (this.value("binary_sensor.problem") === "on") return "alert";
    return "well";
  }

  /** Return the holds on the supply, oldest first. */
  get holds() {
    return this.attribute("sensor.supply_state", "holds") ?? [];
  }

  /** Return whether a token of one of the roles may perform an action of the integration. */
  _may(action, ...roles) {
    const role = this.attribute("sensor.balance", "role");
    return roles.includes(role) && Boolean(this.hass.services?.[DOMAIN]?.[action]);
  }

  get mayTopUp() {
    return this._may("top_up", "landlord");
  }

  get mayRedeem() {
    return this._may("redeem_voucher", "landlord", "tenant");
  }

  get mayHold() {
    return this._may("hold_supply", "landlord", "caretaker");
  }

  /** Return the states of all entities of the account, to detect changes. */
  get states() {
    return [this.connection, ...[...this.entities.values()].map((entity) => this.hass.states[entity])];
  }
}

export const CONDITIONS = ["cut", "armed", "emergency", "low", "alert", "denied", "away", "well"];

/** The tone and icon of each condition. */
export const CONDITION_STYLES = {
  cut: { tone: "red", icon: "mdi:power-plug-off" },
  armed: { tone: "amber", icon: "mdi:power-plug-outline" },
  emergency: { tone: "amber", icon: "mdi:lifebuoy" },
  low: { tone: "amber", icon: "mdi:wallet" },
  alert: { tone: "amber", icon: "mdi:alert-circle" },
  denied: { tone: "amber", icon: "mdi:key-alert" },
  away: { tone: "grey", icon: "mdi:lan-disconnect" },
  well: { tone: "green", icon: "mdi:check-circle" },
};
