"""The worked example of ``docs/models.md`` is followed to the letter."""

from pathlib import Path
import re
from typing import Final

import pytest

from meter_bridge.cli import main
from meter_bridge.config.site_file import load
from meter_bridge.devices.broker.access_list import users_of
from meter_bridge.devices.mqtt import model_reader
from meter_bridge.devices.registry import build_drivers
from meter_bridge.protocol.vocabulary import RelayPosition

DOCS: Final = Path(__file__).parents[2] / "docs"
PAGE: Final = (DOCS / "models.md").read_text(encoding="utf-8")
ADDRESS: Final = "mqtt:dm-1/porch/main"


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return the household of the examples with the model, and with the meter that the page adds."""
    path = tmp_path / "site.yaml"
    household = (DOCS / "examples" / "household.yaml").read_text(encoding="utf-8")
    assert f"`meters: [{ADDRESS}]`" in PAGE
    path.write_text(household.replace("tasmota:main-board/1", ADDRESS) + block("yaml"), encoding="utf-8")
    return path


def test_the_example_is_tried_with_the_result_that_the_page_shows(
    site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(site.parent)
    Path("payload.json").write_text(block("json"), encoding="utf-8")
    command, _, shown = block("console").partition("\n")
    assert main(command.removeprefix("$ meter-bridge ").split()) == 0
    assert capsys.readouterr().out == shown
    assert main(["check", "site.yaml"]) == 0


def test_the_example_is_switched_and_has_rights_of_its_own(site: Path) -> None:
    plan = load(site.read_text(encoding="utf-8"))
    (driver,) = build_drivers([ADDRESS], names=["mqtt"], settings=plan.families)
    (sent,) = driver.switch(ADDRESS, RelayPosition.OPEN)
    assert (sent.topic, sent.payload) == ("meters/porch/set", b'{"on":false}')
    (asked,) = driver.query(ADDRESS)
    assert asked.topic == "meters/porch/get"
    device = users_of([ADDRESS], plan.families)[1]
    assert device.writes == ("meters/porch/state", "meters/porch/status")
    assert set(device.reads) == {"meters/porch/set", "meters/porch/get"}


def test_every_key_of_a_model_is_explained() -> None:
    explained = {each.removesuffix(": yes") for each in re.findall(r"`([a-z0-9: ]+)`", PAGE)}
    keys = {*model_reader.MODEL_KEYS, *model_reader.CHANNEL_KEYS, "unit", "factor", "step", "float32", "path"}
    assert keys <= explained
    assert {"closed", "open", "ignored", "online", "offline", "payload"} <= explained
