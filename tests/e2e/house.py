"""The house of the end-to-end tests: one unit for each family, and one that no test touches."""

from dataclasses import dataclass

from scripts.lib.demo.street import Fitting

SHELLY_PASSWORD_VARIABLE = "SHELLY_WIFI_PASSWORD"
SHELLY_PASSWORD = "horse battery"
CALM_WATTS = 150.0
REGISTER_WH = 1_234_560


@dataclass(frozen=True)
class Home:
    """A unit with its simulated meter."""

    account: str
    name: str
    fitting: Fitting
    address: str
    entities: str
    credit: str = "0.16"


def home(
    account: str, family: str, meter: str, address: str, *, own_server: bool = False, credit: str = "0.16"
) -> Home:
    """Return a unit whose meter has already counted a little."""
    fitting = Fitting(meter, family, REGISTER_WH, CALM_WATTS, interval_s=1.0, own_server=own_server)
    name = account.replace("-", " ").capitalize()
    return Home(account, name, fitting, address, account.replace("-", "_"), credit)


HOMES = {
    each.account: each
    for each in (
        home("tasmota", "tasmota", "kitchen", "tasmota:kitchen/1"),
        home("shelly-broker", "shelly", "shellyplugsg3-e2e001", "shelly:shellyplugsg3-e2e001/0"),
        home(
            "shelly-wifi",
            "shelly",
            "shellyplugsg3-e2e002",
            "shelly:shellyplugsg3-e2e002/0",
            own_server=True,
        ),
        home("zigbee", "zigbee2mqtt", "Plug one", "zigbee2mqtt:Plug one/state"),
        home("calm", "tasmota", "calm", "tasmota:calm/1", credit="500.00"),
    )
}
STORIES = ("tasmota", "shelly-broker", "shelly-wifi", "zigbee")
HEAD = """\
name: Test house
sites:
  house:
    name: Test house
    time zone: Africa/Johannesburg
    currency: ZAR
    defaults: {tariff: flat, low credit: [0.08], rating: 60 A}
    tariffs:
      flat: {versions: [{from: 2026-01-01, prices: 3.00}]}
    units:
"""
UNIT = """\
      {account}:
        name: {name}
        opening credit: {credit}
        meters:
          - address: "{address}"
"""
WIFI = """\
            host: {host}
            password variable: {variable}
"""


def site_file(shelly_host: str) -> str:
    """Return the site file for a Shelly server at ``host:port``."""
    wifi = WIFI.format(host=shelly_host, variable=SHELLY_PASSWORD_VARIABLE)
    units = [
        UNIT.format(account=each.account, name=each.name, credit=each.credit, address=each.address)
        + (wifi if each.fitting.own_server else "")
        for each in HOMES.values()
    ]
    return HEAD + "".join(units)
