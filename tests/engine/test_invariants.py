"""Whatever happens in whatever order, the books agree with a naive model (design, section 6)."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
import shutil
import tempfile

from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from meter_bridge.devices.base.driver import Report
from meter_bridge.engine.maintenance.verify import verify
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import SupplyAction
from meter_bridge.protocol.requests import ReplacementRequest
from meter_bridge.protocol.vocabulary import RelayPosition, SupplyState
from tests.engine.harness import BLOCKS, HOUR, LANDLORD, House, VirtualTime, apply, opened, zar
from tests.example_budget import tries
from tests.storage.template import location_of

RATING_W = 10_000
MODULUS = 1_000_000
"""Where the register begins again."""
ADDRESS = "tasmota:flat-1/1"
SITE = BLOCKS.replace(
    "rating: 10 kW}]",
    "rating: 10 kW, register wraps at: 1000 kWh}]\n        low credit: [20.00, 5.00]",
)
STANDING = zar("1.15")


class Model:
    """What a person with pencil and paper knows of the flat."""

    def __init__(self) -> None:
        """Start before the first reading."""
        self.start = self.register = 0
        self.charged_before = 0
        """Energy of the counters before this one."""
        self.witness = 0
        self.top_ups: dict[str, int] = {}
        self.held = False

    @property
    def energy(self) -> int:
        """Return the energy that is to be charged in the end."""
        return self.charged_before + self.register - self.start


class Flat(RuleBasedStateMachine):
    """One flat under real SQLite, with crashes, clock jumps, a broker that goes away and hostile messages."""

    def __init__(self) -> None:
        """Open a bridge on an empty folder."""
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp(prefix="prepaid-machine-"))
        self.time = VirtualTime(synchronised=True)
        self.model = Model()
        self.opened = AsyncExitStack()
        self.connected = True
        self.replacements = 0
        self.start_bridge()

    @property
    def house(self) -> House:
        """Return the running house."""
        return self._house

    def run(self, doing: object) -> object:
        """Run a coroutine to its end."""
        return self.loop.run_until_complete(doing)  # type: ignore[arg-type]

    def start_bridge(self) -> None:
        """Start the bridge on what its database holds."""
        self._house = self.loop.run_until_complete(
            self.opened.enter_async_context(opened(self.folder, self.time))
        )
        self._house.transport.connected = self.connected

    @initialize()
    def apply_site(self) -> None:
        """Apply the site file and hear the first reading."""
        self.run(apply(self.house, SITE))
        self.hear(0)
        self.run(self.house.tick())

    def hear(self, wh: int, after: int = 0, witness: int | None = None) -> None:
        """Hear a register, which begins again at its end."""
        self.hear_shown(wh % MODULUS, after, witness)

    def hear_shown(self, wh: int, after: int, witness: int | None = None) -> None:
        """Hear what a register shows, true or not."""
        told = f"reset {self.model.witness if witness is None else witness}"
        self.run(
            self.house.report(Report(ADDRESS, register_wh=wh, power_mw=0, reset_marker=told), after=after)
        )

    @rule(minutes=st.integers(1, 300), percent=st.integers(0, 100))
    def use_energy(self, minutes: int, percent: int) -> None:
        """Use energy within the rating and hear of it."""
        self.model.register += RATING_W * minutes * percent // 6_000
        self.hear(self.model.register, after=minutes * 60_000)

    @rule(readings=st.integers(2, 12), seconds=st.integers(1, 90), wh=st.integers(0, 25))
    def use_energy_steadily(self, readings: int, seconds: int, wh: int) -> None:
        """Hear readings one after the other, so that the fast path is taken."""
        for _ in range(readings):
            self.model.register += min(wh, RATING_W * seconds // 3_600)
            self.hear(self.model.register, after=seconds * 1_000)

    @rule(times=st.integers(1, 3))
    def hear_it_again(self, times: int) -> None:
        """Hear the newest reading again."""
        for _ in range(times):
            self.hear(self.model.register, after=1_000)

    @rule(back=st.integers(1, 500))
    def hear_an_old_reading(self, back: int) -> None:
        """Hear one that is late, then the newest."""
        self.hear(max(self.model.register - back, 0), after=1_000)
        self.hear(self.model.register, after=1_000)

    @rule(jump=st.integers(100_000, 10**9))
    def hear_an_impossible_jump(self, jump: int) -> None:
        """Hear a register that no supply could deliver, then the true one."""
        self.hear_shown(self.model.register % MODULUS + jump + RATING_W * 48, after=1_000)
        self.hear(self.model.register, after=1_000)

    @rule(wh=st.integers(0, 100), minutes=st.integers(1, 60))
    @precondition(lambda self: self.model.register % MODULUS > 5_000)
    def reset_with_a_witness(self, wh: int, minutes: int) -> None:
        """Let the device itself say that its counter began anew."""
        used = min(wh, RATING_W * minutes // 60)
        self.model.charged_before = self.model.energy
        self.model.start, self.model.register = 0, used
        self.model.witness += 1
        self.hear(used, after=minutes * 60_000)

    @rule(used=st.integers(0, 500), opening=st.sampled_from([0, 700, MODULUS - 2_000, MODULUS - 1]))
    def replace_the_meter(self, used: int, opening: int) -> None:
        """Let a caretaker replace the meter, now and then by one that is about to roll over."""
        self.time.forward(15 * 60_000)
        self.model.register += used
        self.replacements += 1
        closing = f"{self.model.register % MODULUS / 1_000:.3f}"
        order = ReplacementRequest(closing, f"{opening / 1_000:.3f}", "broken")
        for _ in range(2):
            key = f"replacement {self.replacements}"
            self.run(self.house.app.sites.replace_meter(LANDLORD, "flat-1/main", order, key=key))
            self.run(self.house.settle())
        self.model.charged_before = self.model.energy
        self.model.start = self.model.register = opening
        self.model.witness += 1
        self.hear(opening, after=1_000)

    @rule(minutes=st.integers(5, 60), wh=st.integers(0, 500))
    def read_by_hand(self, minutes: int, wh: int) -> None:
        """Let somebody read the register and tell it, before the meter does."""
        self.time.forward(minutes * 60_000)
        self.model.register += min(wh, RATING_W * minutes // 60)
        shown = f"{self.model.register % MODULUS / 1_000:.3f}"
        self.run(self.house.app.meters.submit_reading(LANDLORD, "flat-1/main", register=shown, at=None))
        self.run(self.house.settle())

    @rule(cents=st.integers(1, 5_000))
    def pay(self, cents: int) -> None:
        """Book a top-up under a new key."""
        key = f"pay {len(self.model.top_ups)}"
        self.book(key, cents)
        self.model.top_ups[key] = cents

    def book(self, key: str, cents: int) -> None:
        """Book a top-up."""
        self.run(self.house.top_up(f"{cents // 100}.{cents % 100:02d}", key=key))

    @rule(data=st.data())
    @precondition(lambda self: self.model.top_ups)
    def pay_again_with_the_same_key(self, data: st.DataObject) -> None:
        """Repeat a top-up, as a client does that lost its answer; other content is refused."""
        key = data.draw(st.sampled_from(sorted(self.model.top_ups)))
        self.book(key, self.model.top_ups[key])
        try:
            self.book(key, self.model.top_ups[key] + 1)
        except RequestRefused:
            return
        raise AssertionError(f"{key} was booked with other content")

    @rule(flushed=st.booleans())
    def crash(self, flushed: bool) -> None:  # noqa: FBT001 - Hypothesis gives it
        """Lose everything in memory; the register tells the rest."""
        if flushed:
            self.run(self.house.tick())
        self.run(self.opened.aclose())
        self.time.monotonic = 1_000
        self.time.forward(5_000)
        self.start_bridge()
        self.hear(self.model.register)

    @rule(hours=st.sampled_from([-30, -2, 1, 30, 24 * 40]))
    def jump_the_clock(self, hours: int) -> None:
        """Let the wall clock be wrong for a while."""
        self.time.synchronised = False
        self.time.wall += hours * HOUR
        self.run(self.house.tick())
        before = self.house.available
        self.hear(self.model.register, after=60_000)
        assert self.house.available == before, "invariant 12"
        self.time.wall -= hours * HOUR
        self.time.synchronised = True
        self.run(self.house.tick())
        self.hear(self.model.register)

    @rule()
    def lose_or_find_the_broker(self) -> None:
        """Take the way to the devices away, or bring it back."""
        self.connected = not self.connected
        self.house.transport.connected = self.connected
        self.house.engine.relays.resume()

    @rule(hours=st.integers(1, 40))
    def let_time_pass(self, hours: int) -> None:
        """Let boundaries of bands, days and months pass without a reading."""
        self.run(self.house.tick(hours * HOUR))
        self.hear(self.model.register)

    @rule()
    def hold_or_release(self) -> None:
        """Let the landlord switch off, or release."""
        self.model.held = not self.model.held
        self.run(self.house.supply(SupplyAction.OFF if self.model.held else SupplyAction.AUTO))

    @rule()
    def obey(self) -> None:
        """Let the relay do what it was last told."""
        requested = self.house.meter.relay.requested
        if requested is not None and self.connected:
            self.run(self.house.tick(61_000))
            self.run(self.house.relay(RelayPosition(requested.value), power_w=0))

    @invariant()
    def energy_is_that_of_the_register(self) -> None:
        """Invariants 5 and 6."""
        assert (self.house.meter.energy_wh or 0) == self.model.energy

    @invariant()
    def money_is_what_was_paid_less_what_was_used(self) -> None:
        """Invariants 2, 4 and 8: nothing is charged but energy and days."""
        paid = sum(self.model.top_ups.values()) * zar("0.01")
        spent = paid - self.house.available
        days = self.standing_days()
        assert spent >= days * STANDING
        assert spent - days * STANDING <= self.model.energy * zar("5") // 1_000 + zar("0.01")
        assert spent - days * STANDING >= self.model.energy * zar("2.5") // 1_000 - zar("0.01")

    def standing_days(self) -> int:
        """Return how many local midnights have passed and were charged."""
        ((days,),) = self.house.rows("SELECT count(*) FROM segment WHERE kind = 'standing'")
        assert isinstance(days, int)
        return days

    @invariant()
    def supply_follows_credit_and_hold(self) -> None:
        """Cut without credit, connected with it, and never against a hold."""
        connected = self.house.state() is SupplyState.CONNECTED
        assert connected == (self.house.available > 0 and not self.model.held)

    @invariant()
    def nothing_is_sent_that_was_not_decided(self) -> None:
        """Invariant 10: the newest command on its way is the one on disk."""
        meter = self.house.meter
        stored = self.house.rows("SELECT requested, revision FROM relay_status")
        if meter.relay.requested is not None:
            assert stored == [(meter.relay.requested.value, meter.relay.revision)]

    @invariant()
    def books_are_right(self) -> None:
        """Invariants 1 to 5 and 10 on disk, at any instant: nothing is stored first, as before a crash."""
        assert verify(location_of(self.folder)) == []

    def teardown(self) -> None:
        """Close the bridge."""
        self.run(self.opened.aclose())
        self.loop.close()
        shutil.rmtree(self.folder, ignore_errors=True)


TestFlat = Flat.TestCase
TestFlat.settings = settings(
    max_examples=tries(25, at_a_desk=10),
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
