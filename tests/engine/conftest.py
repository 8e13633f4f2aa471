"""Fixtures of the engine's tests."""

from collections.abc import AsyncIterator
from dataclasses import fields
from pathlib import Path

import pytest

from meter_bridge.core.tariff.tariff import EXACT_SCALE
from meter_bridge.engine.metering import fast_path
from meter_bridge.engine.metering.fast_path import FastPath
from meter_bridge.engine.state import supply_document
from meter_bridge.engine.state.model import UNLIMITED, Meter, Supply
from meter_bridge.engine.supply import evaluation
from tests.engine.harness import House, house

BEGUN_ANEW = {"energy_at", "flushed_wh", "unflushed", "times_stored", "template"}
"""What a new fast path begins with in another way."""


@pytest.fixture
async def flat(tmp_path: Path) -> AsyncIterator[House]:
    """Return a house with one flat on one price and 100 rand of credit."""
    async with house(tmp_path) as opened_house:
        yield opened_house


@pytest.fixture(autouse=True)
def rows_from_templates_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare every supply's row that any test here stores with the row worked out without a template."""
    short = supply_document.status_row

    def checked(supply: Supply, now: int) -> tuple[object, ...]:
        row = short(supply, now)
        assert row == supply_document.full_row(supply, now), "the document's template is out of date"
        return row

    monkeypatch.setattr(fast_path, "TEMPLATE_AFTER", 0)
    monkeypatch.setattr(supply_document, "status_row", checked)


@pytest.fixture(autouse=True)
def fast_paths_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare the fast path of every reading that any test here takes with one that would begin there.

    So a change of an account's state that does not end its fast paths fails here, whatever it changes.
    """
    take = fast_path.try_reading

    def checked(meter: Meter, register_wh: int, reset_marker: str | None, at: int) -> bool:
        path = meter.fast_path
        if isinstance(path, FastPath) and path.at <= at < path.valid_until:
            _check_up_to_date(path, at)
        return take(meter, register_wh, reset_marker, at)

    monkeypatch.setattr(fast_path, "try_reading", checked)


def _check_up_to_date(path: FastPath, at: int) -> None:
    new = fast_path._begin(path.meter, at, sole_meter=len(path.account.meters) == 1)
    assert new is not None, "the fast path of a meter that may not be on it was not ended"
    other = BEGUN_ANEW if path.sole_meter else BEGUN_ANEW | {"limit_wh"}
    for name in (field.name for field in fields(FastPath) if field.name not in other):
        assert getattr(path, name) == getattr(new, name), f"{name} of a fast path is out of date"
    tolerance = evaluation.ROUNDING_MARGIN * EXACT_SCALE
    margins = path.account.margin, evaluation._margin(path.account)
    assert min(margins) > UNLIMITED // 2 or abs(margins[0] - margins[1]) <= tolerance, "margin out of date"
