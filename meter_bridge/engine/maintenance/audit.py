"""The nightly audit: the ledger is priced again by set-based SQL in a child process; it must differ by zero.

The SQL is the dashboard's, so it runs where the dashboard is installed beside the bridge. Where it is not,
the audit is counted as not made and raises no alert.
"""

from collections.abc import Awaitable, Callable
from datetime import date
from importlib.util import find_spec
import logging
from math import inf
import os
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from meter_bridge.child_process import ChildError, run_module
from meter_bridge.core.calendar import day_start, local_day
from meter_bridge.core.supply.alerts import AlertFacts, AlertKey
from meter_bridge.core.tariff.periods import period_bounds
from meter_bridge.engine.alerts.alerting import set_alert
from meter_bridge.engine.state.periodic import JobError
from meter_bridge.engine.state.session import AuditResult, Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.protocol.audit import AuditReport, Difference
from meter_bridge.protocol.vocabulary import AlertKind
from meter_bridge.storage.location import Location, written

AUDIT_MODULE: Final = "dashboard.audit"
REQUIREMENT: Final = "numpy"
"""What the dashboard's SQL needs beyond what the bridge does."""
DATABASE_VARIABLE: Final = "PREPAID_METER_DATABASE"
CHECK_S: Final = 60.0
AFTER_MIDNIGHT_MS: Final = 1_800_000
"""Half an hour after midnight of the first site everything of the closed day is usually read and posted."""
RETRY_MS: Final = 3_600_000
"""After an audit that could not be made."""
_LOGGER: Final = logging.getLogger(__name__)


class AuditError(JobError):
    """An audit that could not be made."""


class NotInstalledError(AuditError):
    """What the audit needs is not installed, which is a choice and no fault."""


type RunAudit = Callable[[Path, Location, int], Awaitable[AuditReport]]


async def run_child(data: Path, database: Location, shard: int) -> AuditReport:
    """Audit a shard in a child process; raises ``AuditError``."""
    if find_spec(REQUIREMENT) is None:
        raise NotInstalledError("the dashboard is not installed beside the bridge")
    named = {} if isinstance(database, Path) else {DATABASE_VARIABLE: written(database)}
    # In the environment, because others on the machine can read a command line.
    env = {name: value for name, value in os.environ.items() if name != DATABASE_VARIABLE} | named
    try:
        printed = await run_module(AUDIT_MODULE, str(data), str(shard), env=env)
    except ChildError as error:
        raise AuditError(f"the audit {error}") from error
    try:
        return msgspec.json.decode(printed, type=AuditReport)
    except msgspec.DecodeError as error:
        raise AuditError(f"the audit's answer cannot be read: {error}") from error


class Auditor:
    """Audits the ledger once each night."""

    def __init__(self, session: Session, data: Path, database: Location, run: RunAudit = run_child) -> None:
        self._session = session
        self._database = database
        self._data = data
        self._run = run
        self._audited_day: date | None = None
        self._failure: str | None = None
        """Why the last audit was not made."""
        self._again_at = -inf
        """When it is tried again, by the steady clock."""

    async def tick(self) -> None:
        """Audit, if the day that closed last was not audited yet; raises ``AuditError`` until it is."""
        today = self._due_day()
        if today is not None and self._session.clock.steady_ms() >= self._again_at:
            await self._try(today)
        if self._failure is not None:
            raise AuditError(self._failure)

    def _due_day(self) -> date | None:
        """Return today where the audit of the day before is due and can be made."""
        session = self._session
        site = next(iter(session.installation.sites.values()), None)
        if site is None or not session.can_change or not session.clock.sure:
            return None
        now, zone = session.clock.now(), ZoneInfo(site.time_zone)
        today = local_day(now, zone)
        due = self._audited_day != today and now >= day_start(today, zone) + AFTER_MIDNIGHT_MS
        return today if due else None

    async def _try(self, today: date) -> None:
        try:
            await self.audit()
        except NotInstalledError as error:
            _LOGGER.warning("The ledger is not audited: %s", error)
        except AuditError as error:
            self._again_at, self._failure = self._session.clock.steady_ms() + RETRY_MS, str(error)
            return
        self._audited_day, self._again_at, self._failure = today, -inf, None

    async def audit(self) -> None:
        """Audit now, and keep the alerts; raises ``AuditError``."""
        session = self._session
        session.flush(everything=True)
        await session.drain()
        try:
            report = await self._run(self._data, self._database, session.shard.n)
        except AuditError:
            session.last_audit.failures += 1
            raise
        reasons = sorted({skipped.reason for skipped in report.skipped})
        _LOGGER.info(
            "Audited the ledger: %d supplies, %d differences, %d not priced in sets%s",
            report.supplies,
            len(report.differences),
            len(report.skipped),
            f" ({'; '.join(reasons)})" if reasons else "",
        )
        skipped, differing = len(report.skipped), len(report.differences)
        failures = session.last_audit.failures
        session.last_audit = AuditResult(report.upto, report.supplies, skipped, differing, failures)
        self._update_alerts(report)

    def _update_alerts(self, report: AuditReport) -> None:
        tx = Transaction(self._session.clock.now())
        installation = self._session.installation
        wanted = {
            AlertKey(
                AlertKind.LEDGER_AUDIT,
                difference.account_id,
                None,
                f"{difference.supply_id} {difference.period}",
            ): _facts(difference)
            for difference in report.differences
        }
        for account in installation.accounts.values():
            known = [key for key in account.alerts if key.kind is AlertKind.LEDGER_AUDIT]
            due = [key for key in wanted if key.account_id == account.id]
            for key in dict.fromkeys(due + known):
                set_alert(installation, account, tx, key, wanted.get(key))
        self._session.submit(tx)


def _facts(difference: Difference) -> AlertFacts:
    first, end = period_bounds(difference.period)
    return {
        "first_day": first.isoformat(),
        "end_day": end.isoformat(),
        "charged_amount": difference.charged,
        "priced_amount": difference.priced,
        "currency": difference.currency,
    }
