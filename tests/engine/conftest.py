"""Fixtures of the engine's tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from meter_bridge.engine.state import supply_document
from meter_bridge.engine.state.model import Supply
from tests.engine.harness import House, house


@pytest.fixture
async def flat(tmp_path: Path) -> AsyncIterator[House]:
    """Return a house with one flat on one price and 100 rand of credit."""
    async with house(tmp_path) as opened_house:
        yield opened_house


@pytest.fixture(autouse=True)
def both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold the short way to a supply's row equal to the long one, in every row that any test here stores."""
    short = supply_document.status_row

    def checked(supply: Supply, now: int) -> tuple[object, ...]:
        row = short(supply, now)
        assert row == supply_document._row(supply, now), "the kept form of a document tells something else"
        return row

    monkeypatch.setattr(supply_document, "TEMPLATE_AFTER", 0)
    monkeypatch.setattr(supply_document, "status_row", checked)
