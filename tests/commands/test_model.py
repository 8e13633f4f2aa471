"""`meter-bridge model`: what models there are, and whether one fits a captured message."""

import json
from pathlib import Path

import pytest

from meter_bridge.devices.registry import families
from tests.commands.conftest import Command
from tests.config.conftest import SITE_FILE

OWN = """\
families:
  mqtt:
    models:
      porch-meter:
        title: A meter that somebody built
        channels:
          main:
            register: {topic: "{device}/state", path: energy.total, unit: kWh}
            power: {topic: "{device}/state", path: energy.power}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "house.yaml"
    path.write_text(OWN + SITE_FILE.replace("tasmota:flat-1/1", "mqtt:porch-meter/porch/main"))
    return path


def said(tmp_path: Path, payload: str) -> str:
    path = tmp_path / "payload.json"
    path.write_text(payload)
    return str(path)


def test_all_models_are_listed_with_what_they_read(run: Command, tmp_path: Path, site: Path) -> None:
    code, out, _ = run("model", "list")
    assert code == 0
    assert "shelly-gen1-3em" in out
    code, out, _ = run("model", "list", "--site", str(without_problems(site)), "--json")
    (own,) = [each for each in json.loads(out)["models"] if each["name"] == "porch-meter"]
    assert own["can"] == ["register", "power"]


def without_problems(site: Path) -> Path:
    """Return the site file with a relay elsewhere, as the model has none."""
    text = site.read_text().replace(
        "meters: [mqtt:porch-meter/porch/main]",
        "meters: [{address: mqtt:porch-meter/porch/main, relay: tasmota:flat-1/1}]",
    )
    site.write_text(text)
    return site


def test_a_model_without_a_relay_needs_one_elsewhere(run: Command, site: Path) -> None:
    code, _, err = run("check", str(site))
    assert code == 1
    assert "'mqtt:porch-meter/porch/main' only measures" in err
    assert run("check", str(without_problems(site)))[0] == 0


def test_a_mistake_in_a_model_is_named_with_its_line(run: Command, site: Path) -> None:
    site.write_text(without_problems(site).read_text().replace("unit: kWh", "unit: kW"))
    code, _, err = run("check", str(site))
    assert code == 1
    assert "line 8, column" in err
    assert "families.mqtt.models.porch-meter.channels.main.register.unit: 'kW' is no unit of energy" in err


@pytest.mark.parametrize(
    "address, told",
    [
        ("mqtt:porch-metre/porch/main", "did you mean 'porch-meter'?"),
        ("mqtt:porch-meter/porch/mian", "model porch-meter has no channel 'mian'; write one of main"),
        ("mqtt:porch-meter/main", "names no device"),
    ],
)
def test_an_address_of_no_model_or_channel_is_refused(
    run: Command, site: Path, address: str, told: str
) -> None:
    site.write_text(without_problems(site).read_text().replace("mqtt:porch-meter/porch/main", address))
    code, _, err = run("check", str(site))
    assert code == 1
    assert told in err


def test_a_model_is_shown_as_it_is_written(run: Command, site: Path) -> None:
    assert "unit: Wmin" in run("model", "show", "shelly-gen1-1pm")[1]
    out = run("model", "show", "porch-meter", "--site", str(without_problems(site)))[1]
    assert "path: energy.total" in out
    code, _, err = run("model", "show", "esphone")
    assert code == 2
    assert "did you mean 'esphome'?" in err


def test_a_captured_message_is_tried(run: Command, tmp_path: Path, site: Path) -> None:
    words = ("model", "try", "porch-meter", "--topic", "porch/state", "--site", str(without_problems(site)))
    code, out, _ = run(*words, said(tmp_path, '{"energy":{"total":12.345,"power":60}}\n'))
    assert code == 0
    assert "address: mqtt:porch-meter/porch/main" in out
    assert [line.split() for line in out.splitlines() if line.startswith("register")] == [
        ["register", "energy.total", "12.345", "12345", "Wh"]
    ]


def test_a_message_that_does_not_fit_says_what_found_nothing_and_shows_the_payload(
    run: Command, tmp_path: Path, site: Path
) -> None:
    words = ("model", "try", "porch-meter", "--topic", "porch/state", "--site", str(without_problems(site)))
    code, out, err = run(*words, said(tmp_path, '{"energy":{"sum":12.345},"password":"horse"}'))
    assert code == 1
    assert 'payload: {"energy":{"sum":12.345},"password":"…"}' in out
    assert "horse" not in out + err
    assert "error: energy.total is not in the payload, or is no register" in err


def test_a_topic_of_another_device_names_those_of_the_model(run: Command, tmp_path: Path) -> None:
    code, _, err = run("model", "try", "openbeken", "--topic", "porch", said(tmp_path, "1"))
    assert code == 1
    assert "{device}/energycounter/get" in err


def test_every_family_with_models_can_be_simulated_as_each() -> None:
    for family in families().values():
        assert bool(family.simulated_models()) == (family.models is not None)
