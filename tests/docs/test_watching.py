"""The board and the alert rules ask for what the bridge serves, and send people to pages that are there."""

from collections.abc import Iterator
import json
from pathlib import Path
import re
from typing import Any, Final

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
import pytest
import yaml

from meter_bridge.engine.alerts.alerting import set_installation_alert
from meter_bridge.engine.state.session import AuditResult
from meter_bridge.protocol.members import known_members
from meter_bridge.protocol.vocabulary import AlertKind
from tests.engine.harness import House, house

ROOT: Final = Path(__file__).parents[2]
WATCHING: Final = ROOT / "docs" / "watching"
OPERATIONS: Final = ROOT / "docs" / "operations.md"
NAME: Final = re.compile(r"\bprepaid_\w+")
BY: Final = re.compile(r"by \(([^)]*)\)")
KIND: Final = re.compile(r'kind=~?"([^"]+)"')
OF_PROMETHEUS: Final = {"job", "instance"}


def rules() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((WATCHING / "prometheus-rules.yml").read_text())["groups"][
        0
    ]["rules"]
    return found


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((WATCHING / "grafana-board.json").read_text())["panels"]
    return found


def asked() -> Iterator[tuple[str, str]]:
    """Return every query, with where it stands."""
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in panels():
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


@pytest.fixture
async def served(tmp_path: Path) -> dict[str, Metric]:
    """Return by name what a bridge serves that was audited and got a payload that it cannot read."""
    async with house(tmp_path) as flat:
        flat.engine.session.counts.rejected["json"] = 1
        flat.engine.session.last_audit = AuditResult(audited_upto=1, supplies=1)
        return samples(flat)


def samples(flat: House) -> dict[str, Metric]:
    families = list(text_string_to_metric_families(flat.app.status.metrics().decode()))
    return {sample.name: family for family in families for sample in family.samples}


@pytest.mark.parametrize("query", [pytest.param(query, id=place) for place, query in asked()])
async def test_every_query_asks_for_what_is_served(query: str, served: dict[str, Metric]) -> None:
    named = set(NAME.findall(query))
    assert named <= served.keys()
    labels = {label for name in named for sample in served[name].samples for label in sample.labels}
    assert {
        each.strip() for found in BY.findall(query) for each in found.split(",")
    } <= labels | OF_PROMETHEUS
    kinds = {kind for found in KIND.findall(query) for kind in found.split("|")}
    assert kinds <= {kind.value for kind in known_members(AlertKind)}


async def test_everything_that_is_served_is_on_the_board_and_explained(served: dict[str, Metric]) -> None:
    on_board = {
        name for panel in panels() for each in panel.get("targets", ()) for name in NAME.findall(each["expr"])
    }
    assert served.keys() <= on_board
    assert served.keys() <= set(NAME.findall(OPERATIONS.read_text()))


async def test_open_alerts_are_counted_by_kind_until_they_close(tmp_path: Path) -> None:
    def lost(flat: House) -> float:
        found = samples(flat)["prepaid_alerts"].samples
        return next(each.value for each in found if each.labels == {"kind": "broker_lost"})

    async with house(tmp_path) as flat:
        assert lost(flat) == 0
        set_installation_alert(flat.engine.session, AlertKind.BROKER_LOST, {})
        assert lost(flat) == 1
        assert flat.app.status.health().status == "degraded"
        set_installation_alert(flat.engine.session, AlertKind.BROKER_LOST, None)
        assert lost(flat) == 0


def test_every_rule_says_what_happened_what_to_do_and_how_urgent_it_is() -> None:
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", OPERATIONS.read_text(), re.MULTILINE)
    }
    assert len({rule["alert"] for rule in rules()}) == len(rules()) == 12
    for rule in rules():
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]
        page, _, anchor = rule["annotations"]["page"].partition("#")
        assert (page, anchor in anchors) == ("docs/operations.md", True)


def test_tiles_have_a_description_and_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        assert panel["type"] == "row" or panel["description"]
        taken |= cells
    assert len({panel["id"] for panel in panels()}) == len(panels())
