"""Units that nobody tells anything, since bridge or broker are away: what they use beyond credit.

What the bridge said last is held against what flowed in truth until both are back. Only what it said is taken
from it: the exposure, and the credit and the register that this is meant from.
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
"""Contacts that do not do what they are told: nothing that is said bounds them."""
BROKEN_S: Final = 6 * HOUR_S
"""How long it may take until the bridge has heard of what such a contact did."""
MIXED: Final = ("repeats", "reorders", "meter repeats", "meter reorders")
"""What brings messages after newer ones: what a device holds is then not what it said last."""
MIXED_S: Final = 180.0
FLAT_PRICES: Final = {Tariff.FLAT: Decimal(200), Tariff.STANDING: Decimal(207)}
"""Cents per kWh, tax included."""
TOLERANCE_WH: Final = 2
"""Registers are told in steps."""
LATE_WH: Final = 100
"""By how much a device may cut later than credit ends at the cheapest price: a value that is less than 50 Wh
later than need be is left, besides roundings and a second of load."""
EARLY_WH: Final = 2
REWRITTEN_S: Final = 4_500.0
"""After this time without use or payment a device holds what its credit buys: values are lowered hourly."""


class Away(StrEnum):
    """Who is away."""

    BRIDGE = "bridge"
    BROKER = "broker"


@dataclass(frozen=True, slots=True)
class Said:
    """What the bridge said of a unit last, and what was true by then."""

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
    """Notes what is said whenever bridge or broker go, and looks at what was used when they are back."""

    def __init__(self, clock: WallClock, truths: Sequence[Truth]) -> None:
        """Take the units; the faults of their contacts come when they are known."""
        self._clock = clock
        self._truths = truths
        self._away: set[Away] = set()
        self._said: list[tuple[Truth, Said]] = []
        self.faults: Sequence[Fault] = ()
        self.judged = 0
        """How often a unit was held to what had been said of it."""
        self.problems: list[str] = []

    def went(self, who: Away, parts: RunningBridge | None) -> None:
        """Note what is said of every unit, unless the other one was away already."""
        if not self._away and parts is not None:
            engine = parts.engine
            now = engine.session.clock.now()
            for truth in self._truths:
                account = engine.session.installation.accounts.get(truth.house.id)
                if account is not None and truth.moves:
                    said = account_exposure(engine.session.installation, account, now)
                    self._said.append((truth, self._note(truth, account, said)))
        self._away.add(who)

    def came(self, who: Away) -> None:
        """Look at what every unit used once nobody is away any more."""
        self._away.discard(who)
        if not self._away:
            for truth, said in self._said:
                self._judge(truth, said)
            self._said.clear()

    def _note(self, truth: Truth, account: Account, said: AccountExposure) -> Said:
        meter, physics = account.meters[0], truth.house.meter.physics
        return Said(
            said,
            credit_now(account).balance,
            meter.energy_wh or 0,
            min_register_wh(meter),
            self._clock.true(),
            self._register_wh(truth.house),
            truth.moves,
            physics.contact_closed,
        )

    def _register_wh(self, house: House) -> int:
        """Return the true register of now, without letting the meter do anything."""
        physics = house.meter.physics
        passed = max(self._clock.true() - physics.now_ms, 0)
        return (physics.register_uj + physics.power_mw * passed) // MICROJOULES_PER_WH

    def _now_ms(self, house: House) -> int:
        return max(self._clock.true(), house.meter.physics.now_ms)

    def _judge(self, truth: Truth, said: Said) -> None:
        """Note what was used beyond what had been said."""
        house, now = truth.house, self._now_ms(truth.house)
        if self._hit(house, BROKEN, said.at_ms - BROKEN_S * 1000, now) or truth.moves != said.moves:
            return
        if house.kind is Kind.NEVER_CUT and said.closed and not house.meter.physics.contact_closed:
            self.problems.append(f"invariant 11: {house.id} is never cut, but its device opened by itself")
        known = truth.moved_wh - TOLERANCE_WH <= said.known_wh <= said.true_wh + TOLERANCE_WH
        mixed = self._hit(house, MIXED, said.at_ms - MIXED_S * 1000, said.at_ms)
        if not said.exposure.limited or not known or mixed:
            return
        self.judged += 1
        self._judge_use(house, said, now)

    def _judge_use(self, house: House, said: Said, now: int) -> None:
        """Hold what flowed against what had been said: from the register known, or else from then on."""
        exposure, tariff = said.exposure, house.tariff
        begin = said.charged_wh
        unheard = max(said.true_wh - said.known_wh, 0)
        if exposure.hourly_wh or not exposure.in_force:
            begin += unheard
        credit = max(said.credit - (cost(tariff, begin) - cost(tariff, said.charged_wh)), 0)
        end = said.charged_wh + unheard + self._register_wh(house) - said.true_wh
        dearest = per_wh(tariff)[1]
        hours = Decimal(now - said.at_ms) / 3_600_000
        most = exposure.once_amount + exposure.hourly_amount * hours + TOLERANCE_WH * dearest
        most_wh = exposure.once_wh + exposure.hourly_wh * hours + TOLERANCE_WH
        beyond = cost(tariff, end) - cost(tariff, begin) - credit
        beyond_wh = end - begin - credit / dearest
        if beyond > most or beyond_wh > most_wh:
            self.problems.append(
                f"invariant 11: {house.id} used {beyond / RAND:.6f} or {beyond_wh:.0f} Wh beyond its credit"
                f" in {hours:.2f} h alone, but at most {most / RAND:.6f} and {most_wh:.0f} Wh had been said"
            )

    def _hit(self, house: House, kinds: Sequence[str], begin_ms: float, end_ms: float) -> bool:
        """Say whether a fault of some kinds was there in a time."""
        begin, end = ((ms - self._clock.start_ms) / 1000 for ms in (begin_ms, end_ms))
        return any(
            fault.kind in kinds
            and fault.target in ("", house.id)
            and fault.at_s <= end
            and fault.at_s + fault.for_s >= begin
            for fault in self.faults
        )

    def leave(self, begin_ms: int) -> None:
        """Let every device that is to cut by itself do so: not before its credit ends, and not late."""
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
        """Let so much energy flow, if the contact stays closed."""
        house.meter.physics.load = ConstantLoad(RATING_W * 1000)
        house.meter.step(max(wh, 0) * 3_600_000 // RATING_W)


def per_wh(tariff: Tariff) -> tuple[Decimal, Decimal]:
    """Return what the cheapest and the dearest Wh cost."""
    if tariff is Tariff.FINE:
        price = FINE_PRICE * (1 + FINE_TAX)
        return price, price
    if tariff is Tariff.BLOCKS:
        return Decimal(150 * CENT) / WH_PER_KWH, Decimal(325 * CENT) / WH_PER_KWH
    price = FLAT_PRICES[tariff] * CENT / WH_PER_KWH
    return price, price


def bought_wh(tariff: Tariff, energy_wh: int, credit: int) -> int:
    """Return how much energy credit buys after so much."""
    least, most = 0, int(max(credit, 0) / per_wh(tariff)[0]) + 1
    while least < most:
        middle = (least + most + 1) // 2
        if cost(tariff, energy_wh + middle) - cost(tariff, energy_wh) <= credit:
            least = middle
        else:
            most = middle - 1
    return least
