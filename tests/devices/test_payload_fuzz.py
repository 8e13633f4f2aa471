"""Real payloads of every registered family, mutated: refused by name or read as whole numbers.

Drivers and payloads come from the registry, the simulators and the recorded devices, so a new family is tried
without a line here.
"""

from collections.abc import Sequence
import json
import re
import tracemalloc
from typing import Any, Final

from hypothesis import given, settings, strategies as st
import pytest

from meter_bridge.devices.base.driver import Driver, Item, Rejected, Report
from meter_bridge.devices.registry import broker_families, build_drivers
from meter_bridge.devices.simulators import simulated_meter
from tests.devices.support import START_MS, requests
from tests.devices.test_conformance import FIXTURES

NAMES: Final = {family: f"meter-{family}" for family in broker_families()}
SLUG: Final = re.compile(r"[a-z][a-z0-9_]{2,40}")
LARGEST_WH: Final = 10**15


def spoken(family: str) -> list[tuple[str, bytes]]:
    """Return what a meter of a family says from its start on, answers to the driver's questions included."""
    meter = simulated_meter(NAMES[family], family, load_w=900.0, interval_s=10.0, start_ms=START_MS)
    (driver,) = build_drivers([meter.address], names=[family])
    said = [*meter.gateway_greeting([meter]), *meter.come_online(), *meter.step(30_000)]
    for each in (
        *driver.query(meter.address),
        *(q for m in said for q in requests(hear(driver, m.topic, m.payload))),
    ):
        said += meter.handle(each.topic, each.payload)
    return sorted({(each.topic, each.payload) for each in said})


def hear(driver: Driver, topic: str, payload: bytes) -> Sequence[Item]:
    return driver.decode(topic, payload, retained=False)


SPOKEN: Final = {family: spoken(family) for family in broker_families()}


def recorded(family: str) -> list[bytes]:
    """Return what real devices said, where it is at hand; the simulators say enough where it is not."""
    return [path.read_bytes() for path in sorted((FIXTURES / family).glob("*.json"))]


PAYLOADS: Final = {
    family: [*SPOKEN[family], *((topic, each) for each in recorded(family) for topic, _ in SPOKEN[family])]
    for family in broker_families()
}


def driver_of(family: str) -> Driver:
    """Return a driver that has heard its meter."""
    address = simulated_meter(NAMES[family], family, load_w=1.0, interval_s=9.0, start_ms=START_MS).address
    (driver,) = build_drivers([address], names=[family])
    for topic, payload in SPOKEN[family]:
        hear(driver, topic, payload)
    return driver


@pytest.fixture(scope="module")
def drivers() -> dict[str, Driver]:
    return {family: driver_of(family) for family in broker_families()}


def check(items: Sequence[Item]) -> None:
    """Hold what was read against what may be: whole numbers in range, refusals with a name of their own."""
    for item in items:
        if isinstance(item, Rejected):
            assert SLUG.fullmatch(item.kind)
            assert len(item.topic) <= 200
            assert len(item.detail) <= 200
        if isinstance(item, Report):
            for value in (item.register_wh, item.returned_wh):
                assert value is None or (type(value) is int and 0 <= value <= LARGEST_WH)
            for value in (
                item.power_mw,
                item.voltage_mv,
                item.current_ma,
                item.frequency_mhz,
                item.measured_at_ms,
            ):
                assert value is None or type(value) is int


VALUES: Final = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, -1, 2**31, 2**63, -(2**63), 2**64, 10**30]),
    st.text(max_size=12),
    st.sampled_from(["ON", "OFF", "nan", "Infinity", "1e999", "-0", "\u0000", "\ud7ff", "9" * 400]),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.sampled_from(["Total", "total", "energy", "x"]), st.integers(), max_size=2),
)
RAW: Final = st.sampled_from(
    [
        "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1E400", "0.1e-400", "-0", "01", "+1", "0x10",
        "1_0", "9" * 5000, "1" + "0" * 310 + ".5", "[" * 2000, '{"a":' * 2000, "[" * 500 + "]" * 500,
        '"\\ud800"', '"\\u0000"', "tru", "",
    ]
)  # fmt: skip
"""What no encoder writes in place of a value."""


def paths_of(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401 - any JSON
    """Return the way to every value of a document."""
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(each for key, value in inner for each in paths_of(value, (*path, key)))]


def replaced(node: Any, path: tuple[Any, ...], value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return a document with another value in one place."""
    if not path:
        return value
    if isinstance(node, dict):
        return {
            key: replaced(each, path[1:], value) if key == path[0] else each for key, each in node.items()
        }
    return [replaced(each, path[1:], value) if key == path[0] else each for key, each in enumerate(node)]


MARK: Final = "\u2318 here \u2318"


@st.composite
def mutated(draw: st.DrawFn, payload: bytes) -> bytes:
    """Return a real payload with one thing wrong: a value, a member twice, an order, some bytes."""
    try:
        document = json.loads(payload)
    except ValueError:
        return draw(broken(payload))
    path = draw(st.sampled_from(paths_of(document)))
    how = draw(st.sampled_from(["value", "raw", "twice", "bytes"]))
    if how == "bytes":
        return draw(broken(payload))
    if how == "value":
        return json.dumps(replaced(document, path, draw(VALUES))).encode("utf-8", "replace")
    text = json.dumps(replaced(document, path, MARK), ensure_ascii=False)
    raw = draw(RAW)
    if how == "twice" and path and isinstance(path[-1], str):
        name = json.dumps(path[-1])
        raw = f"{draw(VALUES.map(json.dumps))}, {name}: {raw}"
    return text.replace(json.dumps(MARK, ensure_ascii=False), raw).encode("utf-8", "replace")


@st.composite
def broken(draw: st.DrawFn, payload: bytes) -> bytes:
    """Return bytes with some cut out, and others put in."""
    start = draw(st.integers(0, len(payload)))
    end = draw(st.integers(start, len(payload)))
    filling = draw(
        st.binary(max_size=8)
        | st.sampled_from([b"\xff\xfe", b"\x00", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf"])
    )
    return payload[:start] + filling + payload[end:]


@pytest.mark.parametrize("family", list(broker_families()))
@settings(max_examples=250)
@given(data=st.data())
def test_a_mutated_payload_is_read_or_refused_and_nothing_else(
    drivers: dict[str, Driver], family: str, data: st.DataObject
) -> None:
    topic, payload = data.draw(st.sampled_from(SPOKEN[family]) | st.sampled_from(PAYLOADS[family]))
    wrong = data.draw(mutated(payload))
    check(drivers[family].decode(topic, wrong, retained=data.draw(st.booleans())))


@pytest.mark.parametrize("family", list(broker_families()))
@settings(max_examples=60)
@given(data=st.data())
def test_what_one_family_says_is_nothing_to_another(
    drivers: dict[str, Driver], family: str, data: st.DataObject
) -> None:
    other = data.draw(st.sampled_from([each for each in broker_families() if each != family]))
    topic, payload = data.draw(st.sampled_from(SPOKEN[other]))
    items = drivers[family].decode(topic, payload, retained=False)
    check(items)
    assert not [each for each in items if isinstance(each, Report) and each.register_wh is not None]


@pytest.mark.parametrize("family", list(broker_families()))
def test_after_any_hostility_a_driver_still_reads_its_meter(family: str) -> None:
    driver = driver_of(family)
    before = [hear(driver, topic, payload) for topic, payload in SPOKEN[family]]

    @settings(max_examples=100)
    @given(data=st.data())
    def attacked(data: st.DataObject) -> None:
        topic, payload = data.draw(st.sampled_from(SPOKEN[family]))
        hear(driver, topic, data.draw(broken(payload)))

    attacked()
    after = [hear(driver, topic, payload) for topic, payload in SPOKEN[family]]
    after = [hear(driver, topic, payload) for topic, payload in SPOKEN[family]]
    assert registers(after) == registers(before)


def registers(heard: Sequence[Sequence[Item]]) -> list[tuple[str, int | None]]:
    return [
        (each.address, each.register_wh)
        for items in heard
        for each in items
        if isinstance(each, Report) and each.register_wh is not None
    ]


@pytest.mark.parametrize("family", list(broker_families()))
def test_a_hostile_payload_takes_no_more_than_a_multiple_of_its_own_size(
    drivers: dict[str, Driver], family: str
) -> None:
    for topic, _ in SPOKEN[family]:
        for payload in (
            b"[" * 65_000,
            b'{"a":' * 13_000,
            b"[" + b"0," * 32_000 + b"0]",
            b'{"' + b"x" * 65_000 + b'":1}',
        ):
            tracemalloc.start()
            try:
                check(drivers[family].decode(topic, payload, retained=False))
                _, most = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert most < 40 * len(payload)
