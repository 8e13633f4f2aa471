"""The story of one prepaid unit on real parts: each step is observed, or the story fails."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
import time
from typing import Final

from meter_bridge.devices.base.simulated_meter import SimulatedMeter
from meter_bridge.protocol.messages import AccountView, MeterView, RelayView
from meter_bridge.protocol.vocabulary import AlertKind, RelayPosition, RelayProof, SupplyState
from scripts.lib.demo.bridge import BridgeApi
from scripts.lib.demo.browser import UnitPage
from scripts.lib.demo.homeassistant import HomeAssistant
from scripts.lib.demo.street import Dial
from scripts.lib.demo.waiting import NotObservedError, until

SOON_S: Final = 30.0
RESTORE_LIMIT_S: Final = 2.0
QUICK_S: Final = 0.001
"""Polling interval of the simulated contact, which the bridge opens again within milliseconds."""
LOAD_GONE_MW: Final = 5_000

type Step = Callable[[], Awaitable[str]]


@dataclass(kw_only=True)
class Unit:
    """The unit of the story, with everything through which it is observed."""

    account_id: str
    entities: str
    """Prefix of its entities in Home Assistant, such as ``fern_cottage``."""
    api: BridgeApi
    home: HomeAssistant
    page: UnitPage | None
    """None if the dashboard is not observed."""
    meter: SimulatedMeter
    dial: Dial
    heavy_watts: float = 12_000.0
    top_up: str = "50.00"
    depletes_s: float = 150.0


@dataclass
class Story:
    """Runs the steps in order; ``say`` receives title, sentence and seconds of each."""

    unit: Unit
    say: Callable[[str, str, float], None]
    restored_s: float | None = None
    """Time from the response to the top-up until the relay is confirmed closed."""
    _answered: float = field(default=0.0, init=False)

    async def run(self) -> None:
        """Run all steps; raise ``NotObservedError`` at the first one that is not observed."""
        steps: list[tuple[str, Step]] = [
            ("Meter publishes", self.meter_publishes),
            ("Balance falls", self.balance_falls),
            ("Low-credit warning", self.warned),
            ("Supply is cut", self.cut),
            ("Relay is open", self.confirmed_open),
            ("Cut is shown", self.cut_is_shown),
            ("Relay recloses by itself", self.opened_again),
            ("Top-up restores", self.topped_up),
            ("Supply is shown", self.restored_is_shown),
        ]
        for title, step in steps:
            began = time.monotonic()
            try:
                observed = await step()
            except Exception as error:
                raise NotObservedError(f"{title}: {error}") from error
            self.say(title, observed, time.monotonic() - began)

    async def meter_publishes(self) -> str:
        """Observe fresh readings of the unit's meter."""
        await until("the meter is online", lambda: self._meter_with(lambda meter: bool(meter.online)), SOON_S)
        meter = await until("the meter has power", lambda: self._meter_with(_has_power), SOON_S)
        watts, kwh = (meter.power_mw or 0) / 1000, (meter.register_wh or 0) / 1000
        return f"{meter.family} at {watts:,.0f} W, {kwh:,.1f} kWh"

    async def balance_falls(self) -> str:
        """Observe the balance falling in the API, in Home Assistant and in the dashboard."""
        before = await self._account()
        home_before = await until("Home Assistant shows the balance", self._home_balance, SOON_S)
        paged = await self._page_balance()
        self.unit.dial.watts = self.unit.heavy_watts
        after = await until("the balance falls", lambda: self._falls(before), SOON_S)
        lower = await until("it falls in Home Assistant", lambda: self._home_falls(home_before), SOON_S)
        page = "" if paged is None else await self._page_falls(paged)
        return f"{_money(before)} to {_money(after)}; Home Assistant {home_before} to {lower}{page}"

    async def warned(self) -> str:
        """Observe the warning before the supply is cut."""
        within = self.unit.depletes_s
        message = await until("a low-credit alert", lambda: self._alert(AlertKind.LOW_CREDIT), within)
        await self._home_is("binary_sensor", "low_credit", "on")
        return message

    async def cut(self) -> str:
        """Observe the cut because the credit is used up."""
        account = await until(
            "the supply is cut", lambda: self._supply(SupplyState.DISCONNECTED), self.unit.depletes_s
        )
        return f"{account.supply.reason.value.replace('_', ' ')} at {_money(account)}"

    async def confirmed_open(self) -> str:
        """Observe a reading newer than the command with the relay open and no load."""
        relay, meter = await self._relay_at(RelayPosition.OPEN)
        if self.unit.meter.physics.contact_closed:
            raise NotObservedError("the contact of the meter is still closed")
        if (relay.reported_at or "") <= (relay.requested_at or ""):
            raise NotObservedError(f"the read-back is older than the command: {relay}")
        if (meter.power_mw or 0) > LOAD_GONE_MW:
            raise NotObservedError(f"the load is still there: {meter.power_mw} mW")
        return f"commanded {_clock(relay.requested_at)}, read back {_clock(relay.reported_at)}, no load"

    async def cut_is_shown(self) -> str:
        """Observe the cut in Home Assistant and in the dashboard."""
        await self._home_is("sensor", "supply_state", "disconnected")
        page = await self._page_says("Disconnected", "credit used up")
        return f"Home Assistant: supply disconnected{page}"

    async def opened_again(self) -> str:
        """Let the relay close by itself, and observe the bridge opening it again and raising an alert."""
        physics, known = self.unit.meter.physics, await self._disobeyed()
        physics.faults.recloses = True
        await until("the contact closes", lambda: _true(physics.contact_closed), SOON_S, pause_s=QUICK_S)
        closed, physics.faults.recloses = time.monotonic(), False
        await until("the contact opens", lambda: _true(not physics.contact_closed), SOON_S, pause_s=QUICK_S)
        opened = time.monotonic() - closed
        await until("an alert", lambda: self._new_alert(known), SOON_S)
        await self._relay_at(RelayPosition.OPEN)
        await until("the alert closes", lambda: self._no_alert(AlertKind.RELAY_DISOBEYS), SOON_S)
        return f"opened again after {opened * 1000:.0f} ms; the alert opened and closed"

    async def topped_up(self) -> str:
        """Top up through Home Assistant, and observe the relay closed within two seconds of the response."""
        unit = self.unit
        data = {
            "entity_id": f"sensor.{unit.entities}_balance",
            "amount": unit.top_up,
            "reference": "the story",
        }
        response = await unit.home.action("prepaid_meter.top_up", data, answer=True)
        answered = time.monotonic()
        if Decimal(str(response["amount"])) != Decimal(unit.top_up):
            raise NotObservedError(f"the action returned {response}")
        await until(
            "the contact closes", lambda: _true(unit.meter.physics.contact_closed), SOON_S, pause_s=QUICK_S
        )
        moved = time.monotonic() - answered
        await self._relay_at(RelayPosition.CLOSED)
        self.restored_s = time.monotonic() - answered
        if self.restored_s > RESTORE_LIMIT_S:
            raise NotObservedError(f"restored only {self.restored_s:.2f} s after the response")
        split = ", ".join(f"{amount} to {name}" for name, amount in response["split"].items())
        return (
            f"{response['amount']} {response['currency']} ({split});"
            f" contact closed after {max(0.0, moved):.2f} s, confirmed after {self.restored_s:.2f} s"
        )

    async def restored_is_shown(self) -> str:
        """Observe the restored supply in Home Assistant and in the dashboard, and the warning closed."""
        await self._home_is("sensor", "supply_state", "connected")
        await self._home_is("binary_sensor", "low_credit", "off")
        page = await self._page_says("Connected", "in credit")
        await until("the cut's alert closes", lambda: self._no_alert(AlertKind.SUPPLY_CUT), SOON_S)
        return f"Home Assistant: supply connected, credit sufficient{page}"

    async def _account(self) -> AccountView:
        return await self.unit.api.account(self.unit.account_id)

    async def _meter_with(self, wanted: Callable[[MeterView], bool]) -> MeterView | None:
        meter = (await self._account()).meters[0]
        return meter if wanted(meter) else None

    async def _falls(self, before: AccountView) -> AccountView | None:
        account = await self._account()
        return account if account.available < before.available else None

    async def _supply(self, state: SupplyState) -> AccountView | None:
        account = await self._account()
        return account if account.supply.state is state else None

    async def _alert(self, kind: AlertKind) -> str | None:
        alerts = (await self._account()).alerts
        return next((alert.message for alert in alerts if alert.kind is kind), None)

    async def _disobeyed(self) -> frozenset[str]:
        """Return all alerts so far, open or closed, about the unit's relay not responding."""
        alerts = await self.unit.api.alerts(only_open=False)
        kind, account = AlertKind.RELAY_DISOBEYS, self.unit.account_id
        return frozenset(alert.id for alert in alerts if alert.kind is kind and alert.account_id == account)

    async def _new_alert(self, known: frozenset[str]) -> bool | None:
        return bool(await self._disobeyed() - known) or None

    async def _no_alert(self, kind: AlertKind) -> bool | None:
        return True if await self._alert(kind) is None else None

    async def _relay_at(self, position: RelayPosition) -> tuple[RelayView, MeterView]:
        async def look() -> tuple[RelayView, MeterView] | None:
            meter = (await self._account()).meters[0]
            relay = meter.relay
            proven = relay and relay.requested is position and relay.proof is RelayProof.CONFIRMED
            return (relay, meter) if relay and proven else None

        return await until(f"the relay is confirmed {position}", look, SOON_S, pause_s=QUICK_S)

    async def _home_balance(self) -> Decimal | None:
        state = await self.unit.home.state(f"sensor.{self.unit.entities}_balance")
        return None if state in {None, "unavailable", "unknown"} else Decimal(str(state))

    async def _home_falls(self, before: Decimal) -> Decimal | None:
        now = await self._home_balance()
        return now if now is not None and now < before else None

    async def _home_is(self, domain: str, key: str, state: str) -> None:
        entity = f"{domain}.{self.unit.entities}_{key}"

        async def look() -> bool | None:
            return True if await self.unit.home.state(entity) == state else None

        await until(f"{entity} is {state}", look, SOON_S)

    async def _page_balance(self) -> Decimal | None:
        page = self.unit.page
        return None if page is None else await until("the dashboard shows the balance", page.balance, SOON_S)

    async def _page_falls(self, before: Decimal) -> str:
        async def look() -> Decimal | None:
            now = await self._page_balance()
            return now if now is not None and now < before else None

        return f"; dashboard {before} to {await until('it falls in the dashboard', look, SOON_S)}"

    async def _page_says(self, *words: str) -> str:
        page = self.unit.page
        if page is None:
            return ""

        async def look() -> bool | None:
            text = await page.text()
            return True if all(word in text for word in words) else None

        await until(f"the dashboard says {words}", look, SOON_S)
        return f"; dashboard: {', '.join(words)}"


async def _true(condition: bool) -> bool | None:  # noqa: FBT001 - the condition itself
    return True if condition else None


def _has_power(meter: MeterView) -> bool:
    return bool(meter.power_mw) and meter.register_wh is not None


def _money(account: AccountView) -> str:
    return f"{account.currency} {Decimal(account.available).scaleb(-account.amount_digits):.4f}"


def _clock(instant: str | None) -> str:
    return (instant or "never").rpartition("T")[2].removesuffix("Z")
