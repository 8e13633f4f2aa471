"""A job that keeps failing is an alert that says what, why and since when, until it works again."""

from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from meter_bridge.core.supply.alerts import AlertFacts, AlertKey
from meter_bridge.engine.alerts.alerting import set_alert
from meter_bridge.engine.jobs import Scheduler
from meter_bridge.engine.maintenance import job_health
from meter_bridge.engine.maintenance.backup_record import FILE_NAME, BackupWatch, record_outcome
from meter_bridge.engine.maintenance.job_health import JobHealth
from meter_bridge.engine.state.clock import wall_ms
from meter_bridge.engine.state.periodic import JobError
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.protocol.vocabulary import AlertKind
from meter_bridge.text.alerts import alert_text
from tests.devices.support import eventually
from tests.engine.harness import House, house, opened

MINUTE = 60_000
FULL = JobError("export child ended with status 1: No space left on device")


def facts(made: House) -> list[AlertFacts]:
    """Return what the open alerts of jobs are about."""
    alerts = made.engine.session.installation.alerts
    return [alert.facts for key, alert in alerts.items() if key.kind is AlertKind.MAINTENANCE_FAILING]


def told(made: House) -> list[str]:
    """Return the texts of the open alerts of jobs."""
    return [alert_text(AlertKind.MAINTENANCE_FAILING, each) for each in facts(made)]


async def fail(made: House, health: JobHealth, job: str, error: Exception, times: int) -> None:
    """Let a job fail, once a minute."""
    for _ in range(times):
        health.note(job, error)
        await made.tick(MINUTE)


async def test_what_keeps_failing_is_told_with_reason_and_time_and_closes_when_it_works(
    tmp_path: Path,
) -> None:
    async with house(tmp_path) as made:
        health, since = JobHealth(made.engine.session), made.engine.session.clock.now()
        await fail(made, health, "export", FULL, 2)
        assert told(made) == []
        await fail(made, health, "export", FULL, 5)
        (text,) = told(made)
        assert text.startswith("Nothing has been exported since 2026-")
        assert "No space left on device. It is tried again" in text
        assert facts(made)[0]["since_ms"] == since
        await fail(made, health, "audit", FULL, 3)
        assert len(told(made)) == 2
        assert made.app.status.health().status == "degraded"
        health.note("export", None)
        await made.settle()
        (text,) = told(made)
        assert text.startswith("The nightly audit of the ledger has kept failing since ")
        assert len(made.events("alert_opened")) - len(made.events("alert_closed")) >= 1


async def test_what_fails_often_within_a_minute_and_then_works_is_not_told(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        health = JobHealth(made.engine.session)
        for _ in range(600):
            health.note("flush", ValueError("odd"))
        assert told(made) == []
        await made.tick(MINUTE)
        health.note("flush", None)
        health.note("flush", ValueError("odd"))
        assert told(made) == []


async def test_an_alert_of_before_a_restart_closes_when_the_job_works(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        await fail(made, JobHealth(made.engine.session), "retention", FULL, 3)
        time = made.time
    async with opened(tmp_path, time) as again:
        assert len(told(again)) == 1
        JobHealth(again.engine.session).note("retention", None)
        assert told(again) == []


async def test_an_alert_of_a_job_that_there_is_no_longer_closes_at_the_start(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        health = JobHealth(made.engine.session)
        await fail(made, health, "weather", FULL, 3)
        await fail(made, health, "silence", FULL, 3)
        time = made.time
    async with opened(tmp_path, time) as again:
        assert len(told(again)) == 2
        daemon = Scheduler(again.engine, None, 1)
        daemon.start()
        assert [each["job"] for each in facts(again)] == ["silence"]
        await daemon.stop()


async def test_the_alerts_of_another_bridge_s_jobs_are_left_to_it(tmp_path: Path) -> None:
    """A bridge that serves other sites of the same database may have jobs that this one does not have."""
    async with house(tmp_path) as made:
        session = made.engine.session
        tx = Transaction(session.clock.now())
        key = AlertKey(AlertKind.MAINTENANCE_FAILING, detail="another/weather")
        set_alert(session.installation, None, tx, key, {"case": "job", "job": "weather", "since_ms": tx.at})
        session.submit(tx)
        JobHealth(session).keep_only(["silence"])
        assert [each["job"] for each in facts(made)] == ["weather"]


async def test_while_storage_fails_nothing_else_is_told(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        health = JobHealth(made.engine.session)
        made.engine.session.fail("the disk is full")
        await fail(made, health, "retention", OperationalError("", {}, ValueError("full")), 5)
        assert told(made) == []


async def test_a_running_bridge_tells_of_its_own_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_health, "MIN_FAILING_MS", 0)
    broken = True

    async def job() -> None:
        if broken:
            raise ZeroDivisionError("nothing to divide by")

    async def until(count: int) -> None:
        await eventually(lambda: len(told(made)) == count, f"{count} told")

    async with house(tmp_path) as made:
        daemon = Scheduler(made.engine, None, 1, ("odd", 0.01, job))
        daemon.start()
        await until(1)
        assert "The bridge's job 'odd' has kept failing since " in told(made)[0]
        assert "ZeroDivisionError: nothing to divide by" in told(made)[0]
        broken = False
        await until(0)
        await daemon.stop()


async def test_backups_that_keep_failing_are_told_from_the_first_on(tmp_path: Path) -> None:
    watch = BackupWatch(tmp_path)
    await watch.tick()
    record_outcome(tmp_path, None)
    assert not (tmp_path / FILE_NAME).exists()
    now = wall_ms()
    record_outcome(tmp_path, "/media/usb is not a folder", now - 1_000)
    await watch.tick()
    record_outcome(tmp_path, "the backup failed: disk full", now)
    with pytest.raises(JobError, match="the backup failed: disk full") as error:
        await watch.tick()
    assert error.value.since == now - 1_000
    record_outcome(tmp_path, None)
    await watch.tick()
    record_outcome(tmp_path, "/media/usb is not a folder", now - 90_000_000)
    with pytest.raises(JobError, match="is not a folder"):
        await watch.tick()
    (tmp_path / FILE_NAME).write_text("no record")
    await watch.tick()
