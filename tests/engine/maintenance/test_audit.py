"""The nightly audit opens an alert for a ledger that differs from its price list, and closes it again."""

from pathlib import Path

import pytest

from meter_bridge.engine.maintenance.audit import AuditError, Auditor, NotInstalledError
from meter_bridge.engine.metrics import render
from meter_bridge.protocol.audit import AuditReport
from meter_bridge.protocol.vocabulary import AlertKind
from meter_bridge.storage.database import DATABASE_NAME
from meter_bridge.storage.location import Location
from tests.engine.harness import BLOCKS, HOUR, House, house


def plant(made: House, change: int) -> None:
    """Change a fact as somebody who means harm."""
    made.damage(
        f"""UPDATE segment SET amount = amount + {change} WHERE entry_seq =
            (SELECT max(entry_seq) FROM segment WHERE wh > 0)"""
    )


@pytest.mark.invariant(16)
async def test_a_planted_difference_opens_an_alert_and_closes_when_it_is_gone(tmp_path: Path) -> None:
    async with house(tmp_path, BLOCKS, "100.00") as made:
        for register in range(0, 30_000, 500):
            await made.read(register, after=HOUR // 2)
            await made.tick(0)
        auditor = Auditor(made.engine.session, made.data, made.location)
        await auditor.audit()
        assert made.alert_texts(AlertKind.LEDGER_AUDIT) == []
        assert b"prepaid_audit_differences 0.0" in render(made.engine.session)
        plant(made, 10_000)
        await auditor.audit()
        await made.settle()
        (message,) = made.alert_texts(AlertKind.LEDGER_AUDIT)
        assert "Flat 1: from 2026-11-01 until 2026-12-01 the ledger charged" in message
        assert b"prepaid_audit_differences 1.0" in render(made.engine.session)
        plant(made, -10_000)
        await auditor.audit()
        await made.settle()
        assert made.alert_texts(AlertKind.LEDGER_AUDIT) == []


async def test_it_is_made_once_a_night(tmp_path: Path) -> None:
    made_at: list[int] = []

    async def run(data: Path, database: Location, shard: int | None) -> AuditReport:
        made_at.append(made.engine.session.clock.now())
        return AuditReport(upto=1, supplies=1)

    async with house(tmp_path) as made:
        made.time.synchronised = True
        auditor = Auditor(made.engine.session, made.data, made.location, run)
        for _ in range(60):
            await made.tick(HOUR)
            await auditor.tick()
        assert len(made_at) == 3
        assert [(at // HOUR + 2) % 24 for at in made_at] == [13, 1, 1], "at once, then after each midnight"


async def test_an_audit_that_cannot_be_made_is_counted_and_told_until_one_is(tmp_path: Path) -> None:
    async with house(tmp_path / "here") as made:
        elsewhere = tmp_path / "elsewhere"
        with pytest.raises(AuditError, match=r"the audit ended with status 1: .*There is no bridge"):
            await Auditor(made.engine.session, elsewhere, elsewhere / DATABASE_NAME).audit()
        assert made.alert_texts(AlertKind.LEDGER_AUDIT) == []
        assert b"prepaid_audit_failures_total 1.0" in render(made.engine.session)
        assert b"prepaid_audit_differences" not in render(made.engine.session)


async def test_an_audit_that_failed_is_tried_again_each_hour_and_told_in_between(tmp_path: Path) -> None:
    tried = 0

    async def run(_data: Path, _database: Location, _shard: int | None) -> AuditReport:
        nonlocal tried
        tried += 1
        if tried < 3:
            raise AuditError("the disk is full")
        return AuditReport(upto=1, supplies=1)

    async with house(tmp_path) as made:
        made.time.synchronised = True
        auditor = Auditor(made.engine.session, made.data, made.location, run)
        for expected in (1, 1, 2, 2):
            with pytest.raises(AuditError, match="the disk is full"):
                await auditor.tick()
            assert tried == expected
            await made.tick(HOUR // 2)
        await auditor.tick()
        await auditor.tick()
        assert tried == 3


async def test_that_the_dashboard_is_not_installed_is_no_failure(tmp_path: Path) -> None:
    async def run(_data: Path, _database: Location, _shard: int | None) -> AuditReport:
        raise NotInstalledError("the dashboard is not installed beside the bridge")

    async with house(tmp_path) as made:
        made.time.synchronised = True
        await Auditor(made.engine.session, made.data, made.location, run).tick()
