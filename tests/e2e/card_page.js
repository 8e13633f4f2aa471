/** A page of one card with as much of Home Assistant around it as the card asks for. */

const { PrepaidMeterCard } = await import("/card.js");
customElements.define("prepaid-meter-card", PrepaidMeterCard);

window.asked = [];
window.show = (kinds, services) => {
  const names = Object.keys(kinds);
  const id = (kind) => `${kind.split(".")[0]}.flat_1_${kind.split(".")[1]}`;
  const entry = (kind) => ({ entity_id: id(kind), device_id: "flat", platform: "prepaid_meter", translation_key: kind.split(".")[1] });
  const state = (kind) => ({ entity_id: id(kind), attributes: {}, ...kinds[kind] });
  const text = ({ state: value, attributes: { unit_of_measurement: unit } }) => (unit ? `${unit} ${value}` : value);
  const card = document.createElement("prepaid-meter-card");
  card.setConfig({ device: "flat" });
  card.hass = {
    language: "en",
    locale: { language: "en", number_format: "language", time_format: "24" },
    config: { time_zone: "Africa/Johannesburg" },
    devices: { flat: { name: "Flat 1" } },
    entities: Object.fromEntries(names.map((kind) => [id(kind), entry(kind)])),
    states: Object.fromEntries(names.map((kind) => [id(kind), state(kind)])),
    services: { prepaid_meter: Object.fromEntries(services.map((name) => [name, {}])) },
    formatEntityState: text,
    formatEntityAttributeValue: (of, name) => of.attributes[name],
    loadBackendTranslation: async () => (path) => path.includes("voucher_not_valid") && "This is not a valid voucher.",
    callService: async (domain, service, data) => {
      window.asked.push([`${domain}.${service}`, data]);
      if (data.code === "wrong") throw { translation_domain: "prepaid_meter", translation_key: "voucher_not_valid" };
      return { response: { amount: "50.00", currency: "ZAR", split: { balance: "50.00" }, balance: "70.00" } };
    },
  };
  document.body.replaceChildren(card);
};
