"""The documentation of the site file says what is true."""

from pathlib import Path
import re

import pytest

from meter_bridge.config import site_parts, tariff_parts
from meter_bridge.config.describe import show_limits, show_policy
from meter_bridge.config.diff import show_meter
from meter_bridge.config.parts import Part
from meter_bridge.config.plan import DEFAULT_RATING_W, MeterPlan
from meter_bridge.config.site_file import SiteFileError, load
from meter_bridge.core.supply.alerts import ElectricalLimits
from meter_bridge.core.supply.decision import Policy
from meter_bridge.devices.registry import families

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "site-file.md").read_text(encoding="utf-8")
EXAMPLE = (DOCS / "examples" / "house-with-flats.yaml").read_text(encoding="utf-8")
MISTAKES = re.findall(
    r"^\| `([^`]+)` \| `([^`]+)` \| (.+) \|$", PAGE.partition("## The most frequent")[2], re.MULTILINE
)
ROWS = re.findall(r"^\| `([^`]+)` \| .+ \| (.+) \|$", PAGE.partition("## Every key")[2], re.MULTILINE)


@pytest.mark.parametrize("path", sorted((DOCS / "examples").glob("*.yaml")), ids=lambda path: path.name)
def test_every_example_is_valid(path: Path) -> None:
    assert load(path.read_text(encoding="utf-8")).sites


def test_the_page_shows_the_example_as_it_is() -> None:
    assert f"```yaml\n{EXAMPLE}```" in PAGE


def test_there_are_mistakes_to_learn_from() -> None:
    assert len(MISTAKES) > 10


@pytest.mark.parametrize("written, instead, told", MISTAKES)
def test_the_messages_are_the_real_ones(written: str, instead: str, told: str) -> None:
    assert instead in EXAMPLE
    with pytest.raises(SiteFileError) as caught:
        load(EXAMPLE.replace(instead, written, 1))
    assert [f"{each.message}; {each.remedy}" for each in caught.value.problems] == [told]


def test_every_key_is_explained_and_no_other() -> None:
    declared = [*vars(site_parts).values(), *vars(tariff_parts).values()]
    parts = [model for model in declared if isinstance(model, type) and issubclass(model, Part)]
    known = {key for model in parts for key in model.keys}
    known |= {key for family in families().values() for key in family.settings}
    explained = {key for key, _ in ROWS}
    assert known <= explained
    assert {
        key for key in explained - known if not key.startswith(("tasmota:", "shelly:", "zigbee2mqtt:"))
    } <= {written for written, _, _ in MISTAKES}


def test_every_key_of_a_policy_and_of_a_meter_is_shown_where_it_changes() -> None:
    for_meters = set(site_parts.MeterDefaultsPart.keys)
    with_defaults = set(site_parts.DefaultsPart.keys) - for_meters
    assert set(show_policy(Policy(), "ZAR")) == with_defaults - {"tariff", "load limit"}
    assert set(show_limits(ElectricalLimits())) == set(site_parts.LimitsPart.keys)
    shown = set(show_meter(MeterPlan("unit/main", "Unit", "tasmota:a/1", None)))
    assert shown == set(site_parts.MeterPart.keys) - {"id", "limits"} | set(show_limits(ElectricalLimits()))


def test_the_defaults_are_the_real_ones() -> None:
    told = dict(ROWS)
    real = (
        show_policy(Policy(), "ZAR") | show_limits(ElectricalLimits()) | {"rating": f"{DEFAULT_RATING_W} W"}
    )
    del real["minimum top-up"]
    assert {key: told[key].partition(":")[0] for key in real} == {
        key: f"`{value}`" for key, value in real.items()
    }
