import argparse
import asyncio
from pathlib import Path

import pytest

from meter_bridge.devices.simulators.cli import SimulationError, add_arguments, build_meters, run_from_args
from tests.devices.support import START_MS, Mosquitto, eventually, free_port


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(words)


def test_counts_make_meters_of_each_family() -> None:
    meters = build_meters(
        parse("--tasmota", "2", "--shelly", "1", "--load", "60", "--fault", "recloses"), START_MS
    )
    assert [meter.family for meter in meters] == ["tasmota", "tasmota", "shelly"]
    assert meters[0].address == "tasmota:tasmota-0001/1"
    assert meters[0].physics.power_mw == 60_000
    assert all(meter.faults.recloses for meter in meters)


def test_a_file_describes_meters(tmp_path: Path) -> None:
    path = tmp_path / "meters.yaml"
    path.write_text(
        "meters:\n"
        "  - {family: tasmota, name: kitchen, load_w: 1500, interval_s: 5, register_wh: 120000}\n"
        "  - {family: zigbee2mqtt, name: attic, count: 2, profile_w: {0: 50, 7: 800}, faults: [leaks]}\n"
    )
    kitchen, first, second = build_meters(parse("--file", str(path)), START_MS)
    assert kitchen.physics.register_wh == 120_000
    assert (first.name, second.name) == ("attic-1", "attic-2")
    assert second.faults.leaks


@pytest.mark.parametrize(
    "content,lesson",
    [
        ("meters: [{family: gas}]", "gas"),
        ("meters: [{family: tasmota, load: 5}]", "unknown field `load`"),
        ("meters: [{family: tasmota, faults: [sleeps]}]", "unknown fault 'sleeps': known are recloses"),
        ("meters: [{family: tasmota, name: a}, {family: shelly, name: a}]", "two meters are called 'a'"),
        ("meters: []", "no meters: name some"),
        ("meters: [", "expected"),
    ],
)
def test_a_wrong_file_is_refused_with_its_remedy(tmp_path: Path, content: str, lesson: str) -> None:
    path = tmp_path / "meters.yaml"
    path.write_text(content)
    with pytest.raises(SimulationError, match=lesson):
        build_meters(parse("--file", str(path)), START_MS)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match=r"none\.yaml"):
        build_meters(parse("--file", str(tmp_path / "none.yaml")), START_MS)


async def test_it_runs_until_told_to_stop(mosquitto: Mosquitto, capsys: pytest.CaptureFixture[str]) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(run_from_args(parse("--url", mosquitto.url, "--tasmota", "1"), stop=stop))
    await eventually(lambda: "1 simulated meter at" in capsys.readouterr().out)
    stop.set()
    assert await running == 0


@pytest.mark.parametrize(
    "words,lesson",
    [(["--url", "http://b", "--tasmota", "1"], "begin with mqtt://"), ([], "no meters")],
)
async def test_a_mistake_ends_with_a_sentence(
    words: list[str], lesson: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run_from_args(parse(*words)) == 2
    assert lesson in capsys.readouterr().err


async def test_no_broker_ends_with_a_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meter_bridge.devices.simulators.cli.CONNECT_TIMEOUT_S", 0.5)
    assert await run_from_args(parse("--url", f"mqtt://127.0.0.1:{free_port()}", "--tasmota", "1")) == 2
    assert "start one, or name it with --url" in capsys.readouterr().err
