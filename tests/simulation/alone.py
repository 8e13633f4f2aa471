"""Units without bridge or broker: what they use beyond their credit.

The bridge's last statement is compared with the energy that flowed until both are back. Nothing else is taken
from the bridge: the exposure, and the credit and the register to which it refers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from meter_bridge.devices.base.simulated_physics import MICROJOULES_PER_WH, ConstantLoad
from meter_bridge.engine.ledger.credit import credit_now
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.supply.exposure import account_exposure, min_register_wh
from meter_bridge.protocol.answers import AccountExposure
from meter_bridge.runtime.bridge import RunningBridge
from tests.simulation.faults import DAY_S, HOUR_S, Fault
from tests.simulation.machine import WallClock
from tests.simulation.model import FINE_PRICE, FINE_TAX, RAND, WH_PER_KWH, Truth, cost
from tests.simulation.street import CENT, RATING_W, House, Kind, Tariff

BROKEN: Final = ("meter recloses", "meter disobeys")
"""Contacts that do not follow commands: no statement limits their use."""
BROKEN_S: Final = 6 * HOUR_S
"""How long it may take until the bridge has read what such a contact did."""
MIXED: Final = ("repeats", "reorders", "meter repeats", "meter reorders")
"""Faults that reorder messages: the last message is then not the device's present state."""
MIXED_S: Final = 180.0
FLAT_PRICES: Final = {Tariff.FLAT: Decimal(200), Tariff.STANDING: Decimal(207)}
"""Cents per kWh, tax included."""
TOLERANCE_WH: Final = 2
"""Registers are reported in steps."""
LATE_WH: Final = 100
"""By how much a device may cut later than credit ends at the cheapest price: a value that is less than 50 Wh
later than need be is left, besides roundings and a second of load."""
EARLY_WH: Final = 2
REWRITTEN_S: Final = 4_500.0
"""After this time without use or payment a device holds what its credit buys: values are lowered hourly."""


class Away(StrEnum):
    """Which of bridge and broker is away."""

    BRIDGE = "bridge"
    BROKER = "broker"


@dataclass(frozen=True, slots=True)
class Statement:
    """What the bridge last stated of a unit, and what was true then."""

    exposure: AccountExposure
    credit: int
    charged_wh: int
    known_wh: int
    """Register at which the bridge knew the meter to be."""
    at_ms: int
    true_wh: int
    moves: int
    closed: bool


class Alone:
    """Records the statements when bridge or broker goes away, and compares them with the use afterwards."""

    def __init__(self, clock: WallClock, truths: Sequence[Truth]) -> None:
        self._clock = clock
        self._truths = truths
        self._away: set[Away] = set()
        self._statements: list[tuple[Truth, Statement]] = []
        self.faults: Sequence[Fault] = ()
        self.judged = 0
        """How often the use of a unit was compared with a statement."""
        self.problems: list[str] = []

    def went(self, who: Away, parts: RunningBridge | None) -> None:
        """Record what is stated of every unit, unless the other one was away already."""
        if not self._away and parts is not None:
            engine = parts.engine
            now = engine.session.clock.now()
            for truth in self._truths:
                account = engine.session.installation.accounts.get(truth.house.id)
                if account is not None and truth.moves:
                    statement = account_exposure(engine.session.installation, account, now)
                    self._statements.append((truth, self._note(truth, account, statement)))
        self._away.add(who)

    def came(self, who: Away) -> None:
        """Check what every unit used once nothing is away any more."""
        self._away.discard(who)
        if not self._away:
            for truth, statement in self._statements:
                self._judge(truth, statement)
            self._statements.clear()

    def _note(self, truth: Truth, account: Account, statement: AccountExposure) -> Statement:
        meter, physics = account.meters[0], truth.house.meter.physics
        return Statement(
            statement,
            credit_now(account).balance,
            meter.energy_wh or 0,
            min_register_wh(meter),
            self._clock.true(),
            self._register_wh(truth.house),
            truth.moves,
            physics.contact_closed,
        )

    def _register_wh(self, house: House) -> int:
        """Return the true register now, without advancing the meter."""
        physics = house.meter.physics
        passed = max(self._clock.true() - physics.now_ms, 0)
        return (physics.register_uj + physics.power_mw * passed) // MICROJOULES_PER_WH

    def _now_ms(self, house: House) -> int:
        return max(self._clock.true(), house.meter.physics.now_ms)

    def _judge(self, truth: Truth, statement: Statement) -> None:
        house, now = truth.house, self._now_ms(truth.house)
        if house.let:
            return  # blocks begin again with each customer, and credit is another's
        if self._hit(house, BROKEN, statement.at_ms - BROKEN_S * 1000, now) or truth.moves != statement.moves:
            return
        if house.kind is Kind.NEVER_CUT and statement.closed and not house.meter.physics.contact_closed:
            self.problems.append(f"invariant 11: {house.id} is never cut, but its device opened by itself")
        known = truth.moved_wh - TOLERANCE_WH <= statement.known_wh <= statement.true_wh + TOLERANCE_WH
        mixed = self._hit(house, MIXED, statement.at_ms - MIXED_S * 1000, statement.at_ms)
        if not statement.exposure.limited or not known or mixed:
            return
        self.judged += 1
        self._judge_use(house, statement, now)

    def _judge_use(self, house: House, statement: Statement, now: int) -> None:
        """Compare the energy since the known register, or else since the statement, with the statement."""
        exposure = statement.exposure
        begin = statement.charged_wh
        unread = max(statement.true_wh - statement.known_wh, 0)
        if exposure.hourly_wh or not exposure.in_force:
            begin += unread
        credit = max(
            statement.credit - (least_cost(house, begin) - least_cost(house, statement.charged_wh)), 0
        )
        end = statement.charged_wh + unread + self._register_wh(house) - statement.true_wh
        dearest = prices_per_wh(house)[1]
        hours = Decimal(now - statement.at_ms) / 3_600_000
        most = exposure.once_amount + exposure.hourly_amount * hours + TOLERANCE_WH * dearest
        most_wh = exposure.once_wh + exposure.hourly_wh * hours + TOLERANCE_WH
        beyond = least_cost(house, end) - least_cost(house, begin) - credit
        beyond_wh = end - begin - credit / dearest
        if beyond > most or beyond_wh > most_wh:
            self.problems.append(
                f"invariant 11: {house.id} used {beyond / RAND:.6f} or {beyond_wh:.0f} Wh beyond its credit"
                f" in {hours:.2f} h alone, but at most {most / RAND:.6f} and {most_wh:.0f} Wh had been stated"
            )

    def _hit(self, house: House, kinds: Sequence[str], begin_ms: float, end_ms: float) -> bool:
        """Return whether a fault of certain kinds occurred between two instants."""
        begin, end = ((ms - self._clock.start_ms) / 1000 for ms in (begin_ms, end_ms))
        return any(
            fault.kind in kinds
            and fault.target in ("", house.id)
            and fault.at_s <= end
            and fault.at_s + fault.for_s >= begin
            for fault in self.faults
        )

    def leave(self, begin_ms: int) -> None:
        """Let every device with a local cut-off open by itself: not before its credit ends, and not late."""
        now = self._clock.true()
        for truth in self._truths:
            house = truth.house
            if not house.cuts or not house.meter.physics.contact_closed:
                continue
            house.meter.step(max(now - house.meter.physics.now_ms, 0))
            least, most = truth.energy_wh()
            if house.kind in (Kind.NEVER_CUT, Kind.CREDIT):
                self._use(house, round(RATING_W * DAY_S / HOUR_S))
                if not house.meter.physics.contact_closed:
                    self.problems.append(f"invariant 11: {house.id} was cut by its device and not for credit")
                continue
            cheapest = per_wh(house.tariff)[0]
            longest = int(truth.balance(least, begin_ms, now) / cheapest) + LATE_WH
            soonest = bought_wh(house.tariff, most, truth.balance(most, begin_ms, now)) - EARLY_WH
            self._use(house, soonest)
            early, used = not house.meter.physics.contact_closed, house.meter.physics.register_wh
            self._use(house, longest - max(soonest, 0))
            if early or house.meter.physics.contact_closed:
                when = "before its credit was used up" if early else f"not {longest} Wh later"
                self.problems.append(
                    f"invariant 11: the device of {house.id} cut by itself at {used} Wh {when}"
                )

    @staticmethod
    def _use(house: House, wh: int) -> None:
        """Let energy flow while the contact stays closed."""
        house.meter.physics.load = ConstantLoad(RATING_W * 1000)
        house.meter.step(max(wh, 0) * 3_600_000 // RATING_W)


def prices_per_wh(house: House) -> tuple[Decimal, Decimal]:
    """Return the price of the cheapest and of the most expensive Wh of a unit."""
    if house.prices is None:
        return per_wh(house.tariff)
    cheapest, dearest = (Decimal(each.numerator) / each.denominator for each in house.prices.per_wh())
    return cheapest, dearest


def least_cost(house: House, energy_wh: int) -> int:
    """Return what energy costs at least, whenever it was used."""
    if house.prices is None:
        return cost(house.tariff, energy_wh)
    return int(prices_per_wh(house)[0] * energy_wh)


def per_wh(tariff: Tariff) -> tuple[Decimal, Decimal]:
    """Return the price of the cheapest and of the most expensive Wh."""
    if tariff is Tariff.FINE:
        price = FINE_PRICE * (1 + FINE_TAX)
        return price, price
    if tariff is Tariff.BLOCKS:
        return Decimal(150 * CENT) / WH_PER_KWH, Decimal(325 * CENT) / WH_PER_KWH
    price = FLAT_PRICES[tariff] * CENT / WH_PER_KWH
    return price, price


def bought_wh(tariff: Tariff, energy_wh: int, credit: int) -> int:
    """Return how much energy credit buys after ``energy_wh``."""
    least, most = 0, int(max(credit, 0) / per_wh(tariff)[0]) + 1
    while least < most:
        middle = (least + most + 1) // 2
        if cost(tariff, energy_wh + middle) - cost(tariff, energy_wh) <= credit:
            least = middle
        else:
            most = middle - 1
    return least
