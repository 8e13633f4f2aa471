"""What is wrong with the books of one site stops that site alone, and is told."""

from contextlib import suppress
from functools import reduce
from pathlib import Path

import pytest

from meter_bridge.actor import Actor
from meter_bridge.core.ledger.journal import LedgerError
from meter_bridge.core.rating.rating import Charges
from meter_bridge.devices.base.driver import Report
from meter_bridge.engine.access.visibility import may_see_installation_alert
from meter_bridge.engine.ledger import journal
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode, Role
from meter_bridge.protocol.vocabulary import AlertKind, HoldPosition, SupplyState
from tests.engine.harness import HOUR, LANDLORD, SITE, House, house, opened, zar

MINUTE = HOUR // 60
_FIRST = SITE[SITE.index("sites:") + len("sites:\n") :]
_OTHERS = {
    "  house:": "  annex:",
    " flat:": " even:",
    ": flat\n": ": even\n",
    "lat-1": "lat-2",
    "lat 1": "lat 2",
}
_SECOND = reduce(lambda text, each: text.replace(*each), _OTHERS.items(), _FIRST)
TWO_SITES = SITE.rstrip("\n") + "\n" + _SECOND.replace("name: Test house", "name: Annex")


@pytest.fixture
def damaged(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the accounts whose charges cannot be booked."""
    accounts: set[str] = set()
    book = journal._charge

    def charge(account: object, charges: Charges) -> object:
        if getattr(account, "id", "") in accounts:
            raise LedgerError("postings do not sum to zero: {'ZAR': 1}")
        return book(account, charges)  # type: ignore[arg-type]

    monkeypatch.setattr(journal, "_charge", charge)
    return accounts


async def runs(made: House, minutes: int, wh: int = 0) -> int:
    """Let both units use a kilowatt, and what comes by itself be done; recover like the bridge does."""
    for _ in range(minutes):
        wh += 17
        for number in (1, 2):
            with suppress(LedgerError):
                await made.report(Report(f"tasmota:flat-{number}/1", wh, power_mw=1_000_000))
        with suppress(LedgerError):
            await made.tick(MINUTE)
        if made.engine.session.storage_error is not None:
            assert await made.engine.try_recover()
    return wh


async def test_books_that_are_damaged_stop_their_own_site_alone(tmp_path: Path, damaged: set[str]) -> None:
    async with house(tmp_path, TWO_SITES, credit=None) as made:
        for account in ("flat-1", "flat-2"):
            await made.app.accounts.top_up(
                LANDLORD, account, amount="1000", method="cash", reference=None, key=f"first-{account}"
            )
        wh = await runs(made, 15)
        charged = {meter.id: meter.energy_wh for meter in made.engine.session.installation.meters.values()}
        damaged.add("flat-1")
        wh = await runs(made, 120, wh)
        session = made.engine.session
        assert set(session.stopped_sites) == {"house"}
        meters = session.installation.meters
        assert (meters["flat-2/main"].energy_wh or 0) >= (charged["flat-2/main"] or 0) + 1_900
        assert (meters["flat-1/main"].energy_wh or 0) <= (charged["flat-1/main"] or 0) + 600
        health = made.app.status.health()
        assert health.status == "degraded"
        (reason,) = health.reasons
        assert "postings do not sum to zero" in reason
        assert "Other sites are served" in reason
        told = [event for event in made.events("alert_opened") if event["kind"] == "storage_failing"]
        assert len([each for each in told if "Other sites are served" in str(each)]) <= 1
        assert not {key.kind for key in session.installation.accounts["flat-1"].alerts} & {
            AlertKind.METER_OFFLINE
        }
        (key,) = session.installation.alerts
        assert [
            may_see_installation_alert(
                Actor("x", Role.LANDLORD, sites=frozenset({site})), key.kind, key.detail
            )
            for site in ("house", "annex", "*")
        ] == [True, False, True]
        for site, seen in (("house", 1), ("annex", 0)):
            staff = Actor("x", Role.LANDLORD, sites=frozenset({site}))
            listed = await made.app.alerts.views(staff, only_open=True, limit=50)
            assert len([each for each in listed if each.kind is AlertKind.STORAGE_FAILING]) == seen
        with pytest.raises(RequestRefused, match="nothing of") as refused:
            await made.app.accounts.top_up(
                LANDLORD, "flat-1", amount="10", method="cash", reference=None, key="no"
            )
        assert refused.value.code is ErrorCode.STORAGE_UNAVAILABLE
        with pytest.raises(RequestRefused, match="nothing of"):
            await made.app.supply.place_hold(
                LANDLORD, "flat-1", HoldPosition.OFF, reason="work", hold_id=None
            )
        before = made.app.accounts.view(LANDLORD, "flat-2").available
        await made.app.accounts.top_up(
            LANDLORD, "flat-2", amount="10", method="cash", reference=None, key="yes"
        )
        assert made.app.accounts.view(LANDLORD, "flat-2").available == before + zar("10")
        assert session.installation.accounts["flat-2"].state is SupplyState.CONNECTED
        assert made.problems() == []
    damaged.clear()
    async with opened(tmp_path, made.time) as again:
        await runs(again, 15, wh)
        meters = again.engine.session.installation.meters
        assert meters["flat-1/main"].energy_wh == meters["flat-2/main"].energy_wh, "the register told it"
        assert again.engine.session.installation.alerts == {}
        stored = "SELECT count(*), count(closed_at) FROM alert WHERE key LIKE 'books:%'"
        assert again.rows(stored) == [(1, 1)]
        assert again.app.status.health().status == "ok"


async def test_an_error_that_does_not_come_again_soon_stops_nothing(
    tmp_path: Path, damaged: set[str]
) -> None:
    async with house(tmp_path, TWO_SITES) as made:
        wh = 0
        for losses in range(2):
            damaged.add("flat-1")
            while made.engine.session.losses == losses:
                wh = await runs(made, 1, wh)
            damaged.clear()
            wh = await runs(made, 90, wh)
        assert made.engine.session.losses == 2
        assert made.engine.session.stopped_sites == {}
        assert made.app.status.health().status == "ok"
        meters = made.engine.session.installation.meters
        assert meters["flat-1/main"].energy_wh == meters["flat-2/main"].energy_wh
