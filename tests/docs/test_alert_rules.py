"""Every alert rule fires on a bridge in the state that it speaks of, and none on one that is well.

A house lives for a while, then a fault begins; what its bridge serves is kept look by look and given to
the tool of Prometheus, which evaluates the rules over it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import pytest

from meter_bridge.devices.base.driver import Rejected, Report
from meter_bridge.engine.alerts.alerting import set_installation_alert
from meter_bridge.engine.state.session import AuditResult
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.vocabulary import AlertKind, HoldPosition, RelayPosition
from meter_bridge.storage.changeset import Changeset
from tests.docs.promtool import RULES, UP, Scrape, promtool, question, scraped
from tests.docs.test_watching import rules
from tests.engine.harness import HOUR, House, house, read_only

MINUTE: Final = 60_000
WELL: Final = 20
"""Looks at a quiet life before the fault: more than the quarter of an hour that rules look back."""


@dataclass
class Watched:
    """A house whose bridge is looked at."""

    flat: House
    faults: AsyncExitStack
    scrapes: list[Scrape] = field(default_factory=list)
    wh: int = 0

    async def heard(self, after: int, *, relay: RelayPosition | None = None, power_w: int = 60) -> None:
        """Let time pass, and hear a reading."""
        self.wh += 1
        address = self.flat.meter.plan.energy_address
        report = Report(address, register_wh=self.wh, power_mw=power_w * 1000, relay=relay)
        await self.flat.report(report, after=after)

    def look(self, began_s: float) -> None:
        """Look at the bridge once."""
        self.scrapes.append(scraped(self.flat.app.status.metrics().decode(), began_s))


type Step = Callable[[Watched, int], Awaitable[None]]
"""What happens until the next look, which is so many milliseconds later."""


async def all_is_well(watched: Watched, after: int) -> None:
    await watched.heard(after)
    await watched.flat.tick(0)


async def nothing_answers(watched: Watched, after: int) -> None:
    watched.flat.time.forward(after)


async def storage_fails(watched: Watched, after: int) -> None:
    if watched.flat.engine.session.storage_error is None:
        watched.faults.enter_context(read_only(watched.flat))
        with pytest.raises(RequestRefused):
            await watched.flat.top_up("1.00")
    await watched.heard(after)


async def the_broker_is_lost(watched: Watched, after: int) -> None:
    set_installation_alert(watched.flat.engine.session, AlertKind.BROKER_LOST, {})
    await watched.flat.tick(after)


async def a_ledger_differs(watched: Watched, after: int) -> None:
    watched.flat.engine.session.last_audit = replace(watched.flat.engine.session.last_audit, differing=1)
    await all_is_well(watched, after)


async def a_relay_disobeys(watched: Watched, after: int) -> None:
    if watched.flat.account.hold is not HoldPosition.OFF:
        await watched.flat.hold_off()
    await watched.heard(after, relay=RelayPosition.CLOSED, power_w=2_000)
    await watched.flat.tick(0)


async def the_clock_jumps(watched: Watched, after: int) -> None:
    if watched.flat.engine.session.clock.sure:
        watched.flat.time.wall += HOUR
    await all_is_well(watched, after)


async def no_meter_is_heard(watched: Watched, after: int) -> None:
    await watched.flat.tick(after)


async def a_meter_goes(watched: Watched, after: int) -> None:
    await watched.flat.report(Report(watched.flat.meter.plan.energy_address, online=False), after=after)


async def a_register_falls(watched: Watched, after: int) -> None:
    watched.wh = 2
    await all_is_well(watched, after)


class Stalled:
    """A writer whose disk takes everything and ends nothing."""

    def commit(self, work: Changeset) -> asyncio.Future[None]:
        """Return a future that stays open."""
        del work
        return asyncio.get_running_loop().create_future()


async def the_disk_does_not_keep_up(watched: Watched, after: int) -> None:
    engine = watched.flat.engine
    if engine.session.pending_transactions == 0:
        watched.faults.enter_context(pytest.MonkeyPatch.context()).setattr(engine.session, "store", Stalled())
        for count in range(120):
            set_installation_alert(engine.session, AlertKind.PAYMENT_WAITING, None if count % 2 else {})
    watched.flat.time.forward(after)
    watched.flat.intake.handle([Report(watched.flat.meter.plan.energy_address, power_mw=60_000)])


async def payloads_cannot_be_read(watched: Watched, after: int) -> None:
    watched.flat.intake.handle([Rejected("not_json", "tele/flat-1/SENSOR")])
    await all_is_well(watched, after)


async def nights_pass_without_an_audit(watched: Watched, after: int) -> None:
    watched.flat.engine.session.last_audit = AuditResult(
        audited_upto=watched.flat.time.wall - 37 * HOUR, supplies=1
    )
    await all_is_well(watched, after)


@dataclass(frozen=True)
class Case:
    """A fault, and after how many looks at it, one a minute, its rule speaks."""

    alert: str
    step: Step
    looks: int


CASES: Final = (
    Case("PrepaidBridgeDead", nothing_answers, 4),
    Case("PrepaidStorageFailing", storage_fails, 3),
    Case("PrepaidBrokerLost", the_broker_is_lost, 7),
    Case("PrepaidLedgerDiffers", a_ledger_differs, 1),
    Case("PrepaidTamper", a_relay_disobeys, 12),
    Case("PrepaidClockInDoubt", the_clock_jumps, 12),
    Case("PrepaidReportsStandStill", no_meter_is_heard, 22),
    Case("PrepaidManyMetersOffline", a_meter_goes, 17),
    Case("PrepaidRegisterWaits", a_register_falls, 64),
    Case("PrepaidWorkPilesUp", the_disk_does_not_keep_up, 12),
    Case("PrepaidPayloadsRejected", payloads_cannot_be_read, 20),
    Case("PrepaidAuditStale", nights_pass_without_an_audit, 62),
)


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    """Return a house whose bridge has just audited its ledger."""
    async with house(tmp_path) as flat, AsyncExitStack() as faults:
        flat.engine.session.last_audit = AuditResult(audited_upto=flat.time.wall, supplies=1)
        yield Watched(flat, faults)


async def lived(watched: Watched, case: Case) -> list[Scrape]:
    """Return what was served minute by minute over a quiet time and over the fault."""
    began_s = watched.flat.time.wall / 1000
    for step, looks in ((all_is_well, WELL), (case.step, case.looks)):
        for _ in range(looks):
            await step(watched, MINUTE)
            watched.look(began_s)
    if case.step is nothing_answers:
        watched.scrapes[WELL:] = [{UP: 0.0}] * case.looks
    return watched.scrapes


def test_there_is_a_fault_for_every_rule() -> None:
    assert [case.alert for case in CASES] == [rule["alert"] for rule in rules()]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.alert) for case in CASES])
async def test_a_rule_fires_in_its_fault_alone(case: Case, watched: Watched, tmp_path: Path) -> None:
    scrapes = await lived(watched, case)
    expected = {WELL - 1: set(), len(scrapes) - 1: {case.alert}}
    asked = tmp_path / "alerts.yml"
    asked.write_text(question(scrapes, expected), encoding="utf-8")
    code, said = await promtool("test", "rules", str(asked))
    assert code == 0, said


async def test_prometheus_takes_the_rules() -> None:
    code, said = await promtool("check", "rules", str(RULES))
    assert (code, "12 rules found" in said) == (0, True), said
