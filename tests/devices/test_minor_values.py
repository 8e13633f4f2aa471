"""A value that a reading can do without drops itself, and never the register beside it.

Each value of each message that tells a register is replaced by one that cannot be, for every family.
"""

from collections.abc import Iterator, Sequence
import json
from typing import Any, Final

import pytest

from meter_bridge.devices.base.driver import Item, Rejected
from meter_bridge.devices.registry import build_drivers, families
from tests.devices.support import reports
from tests.devices.test_payload_fuzz import SPOKEN, driver_of

type Document = Any
"""What a message says, as JSON has it."""
type Path = tuple[str | int, ...]

REGISTERS: Final = {"Total", "Total_in", "total", "energy"}
"""Last parts of the paths of registers, without which there is no reading."""
ENVELOPE: Final = {("method",), ("id",)}
"""What says what a frame is."""
BAD: Final[tuple[object, ...]] = (
    "maybe",
    "x" * 5000,
    1e300,
    -1e300,
    10**30,
    -1,
    True,
    None,
    [],
    [[1]],
    {},
    {"a": {"b": 1}},
)
SENSOR: Final[dict[str, object]] = {"ENERGY": {"Total": 1.5}}
COUNTED: Final = {"aenergy": {"total": 1500}}
UNREADABLE: Final = {"aenergy": {"total": "x"}}
THREE: Final = {"total_act": 1500.0, "total_act_ret": "x"}
READ: Final = {
    "tasmota": {"TotalStartTime", "Power", "Voltage", "Current", "Frequency", "Factor", "POWER"},
    "shelly": {"apower", "voltage", "current", "freq", "output", "ts", "unixtime", "uptime"},
    "zigbee2mqtt": {"power", "voltage", "current", "state", "last_seen"},
}
"""Values that are read, and so have to be told where they cannot be."""


def leaves(document: Document, path: Path = ()) -> Iterator[Path]:
    members = document.items() if isinstance(document, dict) else enumerate(document)
    for name, value in members:
        yield (*path, name)
        if isinstance(value, dict | list):
            yield from leaves(value, (*path, name))


def changed(document: Document, path: Path, value: object) -> Document:
    copy = json.loads(json.dumps(document))
    inner = copy
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    return copy


def registers(items: Sequence[Item]) -> list[int]:
    return [each.register_wh for each in reports(items) if each.register_wh is not None]


def told_by_name(items: Sequence[Item], name: str) -> bool:
    label = {"freq": "frequency", "apower": "power"}.get(name, name)
    return any(isinstance(each, Rejected) and label in each.detail for each in items)


def is_minor(path: Path, document: Document) -> bool:
    """Return whether nothing of a register stands at a place or within it."""
    if path in ENVELOPE:
        return False
    inner = document
    for part in path:
        inner = inner[part]
    within = leaves(inner) if isinstance(inner, dict | list) else ()
    return not REGISTERS & {path[-1], *(each[-1] for each in within)} and path[-1] not in ("params", "result")


def messages() -> Iterator[tuple[str, str, bytes]]:
    for family, spoken in SPOKEN.items():
        for topic, payload in spoken:
            if payload.startswith(b"{") and registers(
                driver_of(family).decode(topic, payload, retained=False)
            ):
                yield family, topic, payload


MESSAGES: Final = tuple(messages())


def test_every_family_is_tried() -> None:
    """But for those that tell each value in a message of its own: nothing stands beside their register."""
    assert set(READ) <= {family for family, *_ in MESSAGES} <= set(families())


@pytest.mark.parametrize("family,topic,payload", MESSAGES, ids=[f"{each[0]} {each[1]}" for each in MESSAGES])
def test_a_value_that_cannot_be_never_costs_the_register(family: str, topic: str, payload: bytes) -> None:
    document = json.loads(payload)
    expected = registers(driver_of(family).decode(topic, payload, retained=False))
    for path in filter(lambda each: is_minor(each, document), tuple(leaves(document))):
        for bad in BAD:
            sent = json.dumps(changed(document, path, bad)).encode()
            items = driver_of(family).decode(topic, sent, retained=False)
            assert registers(items) == expected, (path, bad, items)
            is_read = path[-1] in READ.get(family, ()) and (family != "zigbee2mqtt" or len(path) == 1)
            if is_read and isinstance(bad, str | list) and bad != []:
                assert told_by_name(items, str(path[-1])), (path, bad, items)


@pytest.mark.parametrize(
    "address,topic,document",
    [
        ("tasmota:k/1", "stat/k/STATUS0", {"StatusSNS": SENSOR, "StatusSTS": {"POWER": "maybe"}}),
        ("tasmota:k/1", "stat/k/STATUS0", {"StatusSNS": SENSOR, "StatusSTS": 7, "StatusPRM": []}),
        ("tasmota:k/1", "stat/k/STATUS0", {"StatusSNS": SENSOR, "StatusPRM": {"BootCount": "x"}}),
        ("tasmota:k/1", "tele/k/SENSOR", SENSOR | {"SML": [1], "ANALOG": 7}),
        ("tasmota:k/1", "tele/k/SENSOR", {"SML": {"Total_in": "1"}, "ANALOG": {"CTEnergy": {"Energy": 1.5}}}),
        ("tasmota:k/1", "tele/k/SENSOR", {"SML": {"Total_in": 1.5, "Power_curr": "x", "Total_out": []}}),
        (
            "shelly:k/0",
            "k/events/rpc",
            {"method": "NotifyFullStatus", "params": {"pm1:0": COUNTED, "switch:1": UNREADABLE}},
        ),
        (
            "shelly:k/0",
            "k/events/rpc",
            {"method": "NotifyFullStatus", "id": "x", "src": [], "params": {"em:0": [], "emdata:0": THREE}},
        ),
        ("zigbee2mqtt:k/state_l1", "zigbee2mqtt/k", {"energy_l1": 1.5, "state_l1": 7}),
    ],
)
def test_neither_does_what_stands_elsewhere_in_the_message(
    address: str, topic: str, document: dict[str, object]
) -> None:
    (driver,) = build_drivers([address], names=[address.partition(":")[0]])
    items = driver.decode(topic, json.dumps(document).encode(), retained=False)
    assert registers(items) == [1500]


def test_a_relay_is_read_beside_a_register_that_cannot_be() -> None:
    (driver,) = build_drivers(["tasmota:k/1"], names=["tasmota"])
    document = {"StatusSNS": {"ENERGY": {"Total": "x"}}, "StatusSTS": {"POWER": "ON"}}
    items = driver.decode("stat/k/STATUS0", json.dumps(document).encode(), retained=False)
    assert [each.relay for each in reports(items)] == ["closed"]
    assert [each.kind for each in items if isinstance(each, Rejected)] == ["register_not_a_number"]


def test_a_rule_that_cannot_be_read_costs_no_relay() -> None:
    (driver,) = build_drivers(["tasmota:k/1"], names=["tasmota"])
    payload = json.dumps({"POWER": "ON", "Rule1": {"State": 7}, "Rule2": "ON", "Once": []}).encode()
    items = driver.decode("stat/k/RESULT", payload, retained=False)
    assert [each.relay for each in reports(items)] == ["closed"]
    assert sum(isinstance(each, Rejected) for each in items) == 2
