"""A device gets a register value at which it cuts by itself, and loses it where it must not cut.

The device is the real simulator behind the real driver, only the wire between them is a list.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import override

import pytest

from meter_bridge.config.site_file import load
from meter_bridge.core.supply.local_cutoff import CutOffRequest, SlotState
from meter_bridge.devices.base.driver import Publish
from meter_bridge.devices.simulators import simulated_meter
from meter_bridge.devices.tasmota.driver import TasmotaDriver
from meter_bridge.devices.tasmota.rules import write_rule
from meter_bridge.devices.tasmota.simulator import TasmotaMeter
from meter_bridge.engine.ledger.emergency import set_emergency_selected
from meter_bridge.engine.state.model import CutOffSlot, Meter
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.engine.supply.local_cutoff import longest_friendly_ms
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode, SupplyAction
from meter_bridge.protocol.requests import ReplacementRequest
from meter_bridge.protocol.vocabulary import AlertKind, RelayPosition, SupplyReason, SupplyState
from tests.engine.harness import (
    HOUR,
    LANDLORD,
    NOON,
    SITE,
    House,
    Recorder,
    VirtualTime,
    apply,
    house,
    opened,
    refusing,
    zar,
)

ADDRESS = "tasmota:flat-1/1"
CUTS = SITE.replace("        low credit: [5.00]", "        without the bridge: local cut-off")
START_WH = 10_000
OWN_RULE = "ON Power1#State=1 DO RuleTimer1 600 ENDON"


@dataclass
class Plug(Recorder):
    """One simulated plug that draws 3.6 kW, 1 Wh a second, on a wire that can be cut."""

    meter: TasmotaMeter = field(init=False)
    driver: TasmotaDriver = field(default_factory=TasmotaDriver)
    outgoing: list[Publish] = field(default_factory=list)
    writes: list[tuple[int, CutOffRequest, int | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the plug and tell the driver of it."""
        meter = simulated_meter(
            "flat-1", "tasmota", load_w=3_600.0, interval_s=10.0, register_wh=START_WH, start_ms=NOON
        )
        assert isinstance(meter, TasmotaMeter)
        self.meter = meter
        self.driver.assign([ADDRESS])

    @override
    def switch(self, meter: Meter, position: RelayPosition) -> bool:
        return super().switch(meter, position) and self._send(self.driver.switch(ADDRESS, position))

    @override
    def query(self, meter: Meter) -> bool:
        return super().query(meter) and self._send(self.driver.query(ADDRESS))

    @override
    def cut_off(
        self, place: CutOffSlot, step: CutOffRequest, relay_address: str, limit_wh: int | None
    ) -> bool:
        if not super().cut_off(place, step, relay_address, limit_wh):
            return False
        if step is CutOffRequest.ASK:
            return self._send(self.driver.ask_cut_off(*place))
        self.writes.append((self.meter.physics.now_ms, step, limit_wh))
        if step is CutOffRequest.WITHDRAW or limit_wh is None:
            return self._send(self.driver.withdraw_cut_off(*place))
        return self._send(self.driver.write_cut_off(*place, relay_address, limit_wh))

    def _send(self, messages: Sequence[Publish]) -> bool:
        self.outgoing += messages
        return True

    def rule(self, payload: str, slot: int = 3) -> None:
        """Give a rule command at the device."""
        self.meter.answer(f"cmnd/flat-1/Rule{slot}", payload.encode())

    @property
    def limit_wh(self) -> int | None:
        """Return the value that the device holds in an enabled rule."""
        rules = self.meter.rule_sets[3]
        if not rules.enabled or not rules.text:
            return None
        kwh = rules.text.partition(">")[2].partition(" ")[0]
        return round(float(kwh) * 1000)

    @property
    def register_wh(self) -> int:
        """Return what the device has counted."""
        return self.meter.physics.register_wh

    @property
    def closed(self) -> bool:
        """Say whether the contact is closed."""
        return self.meter.physics.contact_closed


async def deliver(home: House, plug: Plug, messages: Sequence[Publish]) -> None:
    """Bring what the device said to the bridge and back what that answers, until all is said."""
    waiting = list(messages)
    while waiting or plug.outgoing:
        for message in waiting if plug.connected else ():
            items = plug.driver.decode(message.topic, message.payload, retained=False)
            plug.outgoing += [item for item in items if isinstance(item, Publish)]
            home.intake.handle(items)
        await home.settle()
        waiting = []
        for sent in plug.outgoing:
            waiting += plug.meter.handle(sent.topic, sent.payload)
        plug.outgoing.clear()


async def run(home: House, plug: Plug, seconds: int, *, step_s: int = 1) -> None:
    """Let device and bridge live for a while."""
    for _ in range(0, seconds, step_s):
        messages = plug.meter.step(step_s * 1000)
        home.time.forward(step_s * 1000)
        await deliver(home, plug, messages)
        await home.tick(0)
        await deliver(home, plug, [])


def alone(plug: Plug, seconds: int) -> None:
    """Let the device live without bridge, broker and network."""
    plug.meter.faults.silent = True
    for _ in range(seconds):
        plug.meter.step(1000)


async def back(home: House, plug: Plug) -> None:
    """Let a device that was alone be heard again."""
    home.time.forward(plug.meter.physics.now_ms - home.time.wall)
    plug.meter.faults.silent = False
    await run(home, plug, 15)


@asynccontextmanager
async def cutting(
    data: Path, site: str = CUTS, credit: str | None = "10.00"
) -> AsyncIterator[tuple[House, Plug]]:
    """Open a house whose only flat has a plug that is to cut by itself, with 5 kWh paid for."""
    plug = Plug()
    async with house(data, site, credit, plug) as home:
        plug.outgoing.clear()
        await deliver(home, plug, plug.meter.come_online())
        await run(home, plug, 3)
        yield home, plug


def spent(plug: Plug) -> int:
    """Return what the energy so far costs at 2 rand per kWh."""
    return (plug.register_wh - START_WH) * zar("2.00") // 1000


async def test_a_device_holds_what_its_credit_buys(tmp_path: Path) -> None:
    """10 rand at 2 rand per kWh are 5 kWh; the value is read back and on disk."""
    async with cutting(tmp_path) as (home, plug):
        assert plug.limit_wh is not None
        assert START_WH + 5_000 <= plug.limit_wh <= START_WH + 5_020
        row = home.rows("SELECT address, slot, wanted_wh, held, held_wh FROM cut_off")
        assert row == [(ADDRESS, 3, plug.limit_wh, "armed", plug.limit_wh)]
        assert AlertKind.LOCAL_CUT_OFF not in home.alert_kinds()


async def test_nothing_is_written_where_the_relay_is_to_hold(tmp_path: Path) -> None:
    """It is the landlord's choice, and `hold` is what holds where nothing is said."""
    async with cutting(tmp_path, SITE) as (home, plug):
        await run(home, plug, 60)
        assert not plug.cut_offs
        assert not any(rules.writes for rules in plug.meter.rule_sets.values())


@pytest.mark.invariant(10)
async def test_a_device_is_told_nothing_that_did_not_come_to_disk(tmp_path: Path) -> None:
    """So a value is never left behind in a device, and never that of a top-up that failed."""
    plug = Plug()
    async with house(tmp_path, CUTS, "10.00", plug) as home:
        await home.read(START_WH)
        with refusing(home, "INSERT", "cut_off"):
            home.engine.cut_offs.tick()
            await home.settle()
            assert home.engine.session.storage_error is not None
            assert not plug.cut_offs
        assert await home.engine.try_recover()
        await home.tick()
        await home.tick()
        assert [step for step, _ in plug.cut_offs] == [CutOffRequest.ASK]


@pytest.mark.invariant(11)
async def test_alone_it_cuts_when_the_credit_is_used_up_and_not_before(tmp_path: Path) -> None:
    """With bridge, broker and network gone; afterwards the money is that of the energy, to the last unit."""
    async with cutting(tmp_path) as (home, plug):
        alone(plug, 4_990)
        assert plug.closed
        assert spent(plug) < zar("10.00")
        alone(plug, 3_600)
        assert not plug.closed
        assert zar("10.00") <= spent(plug) <= zar("10.05")
        await back(home, plug)
        assert home.available == zar("10.00") - spent(plug)
        assert home.state() is SupplyState.DISCONNECTED
        assert not plug.closed
        assert not home.problems()


async def test_the_value_follows_dearer_energy_once_an_hour(tmp_path: Path) -> None:
    """Flash wears: a day of use in the dear band costs at most one write an hour."""
    bands = 'bands: {cheap: [{from: "08:00", to: "08:30"}], rest: rest}'
    prices = "prices: {cheap: 1.00, rest: 4.00}"
    site = CUTS.replace("prices: [2.00]", f"{bands}\n            {prices}")
    async with cutting(tmp_path, site, "500.00") as (home, plug):
        first = plug.limit_wh
        assert first is not None
        assert first >= START_WH + 500_000
        await run(home, plug, 5 * 3_600, step_s=60)
        assert plug.limit_wh is not None
        assert plug.limit_wh < first - 30_000
        written = [at for at, step, _ in plug.writes if step is CutOffRequest.WRITE]
        assert 5 <= len(written) <= 6
        assert all(later - earlier >= HOUR for earlier, later in pairwise(written))


async def test_a_top_up_raises_the_value_before_the_relay_closes(tmp_path: Path) -> None:
    """Otherwise the device would open again at once."""
    async with cutting(tmp_path) as (home, plug):
        alone(plug, 6_000)
        await back(home, plug)
        low, moves = plug.limit_wh, len(plug.switched)
        await home.top_up("20.00")
        await run(home, plug, 30)
        assert plug.closed
        assert plug.limit_wh is not None
        assert low is not None
        assert plug.limit_wh > low + 9_000
        assert plug.switched[moves:] == [(home.meter.id, RelayPosition.CLOSED)]
        assert AlertKind.RELAY_DISOBEYS not in home.alert_kinds()


async def test_a_device_that_cut_too_early_is_closed_again(tmp_path: Path) -> None:
    """It could not be reached when the top-up came: the decision stands, and it is switched on again."""
    async with cutting(tmp_path) as (home, plug):
        plug.meter.faults.silent = True
        await home.top_up("20.00")
        await run(home, plug, 5)
        home.time.forward(0)
        alone(plug, 6_000)
        assert not plug.closed
        await back(home, plug)
        await run(home, plug, 30)
        assert home.state() is SupplyState.CONNECTED
        assert plug.closed


async def test_a_device_that_opens_by_its_rule_while_heard_is_closed_again(tmp_path: Path) -> None:
    """It hears no command for a while: its opening is told from a press of the customer on its button."""
    async with cutting(tmp_path) as (home, plug):
        await run(home, plug, 4_900, step_s=20)
        plug.meter.faults.deaf = True
        await home.top_up("20.00")
        await run(home, plug, 400, step_s=5)
        assert not plug.closed
        assert home.state() is SupplyState.CONNECTED
        plug.meter.faults.deaf = False
        await run(home, plug, 90, step_s=5)
        assert plug.closed
        assert plug.limit_wh is not None
        assert plug.limit_wh >= START_WH + 15_000


async def test_a_value_that_somebody_lowered_is_put_right_at_once(tmp_path: Path) -> None:
    """The device tells of every command to the rule set, also of those typed in at it."""
    async with cutting(tmp_path) as (home, plug):
        held = plug.limit_wh
        early = write_rule(3, "1", plug.register_wh + 600)
        await deliver(home, plug, plug.meter.answer("cmnd/flat-1/Rule3", early.encode()))
        await run(home, plug, 2)
        assert plug.limit_wh == held


async def test_a_press_on_the_button_stays_the_customers_choice(tmp_path: Path) -> None:
    """Far from the value nobody but the customer opened the relay."""
    async with cutting(tmp_path) as (home, plug):
        await run(home, plug, 30)
        await deliver(home, plug, plug.meter.answer("cmnd/flat-1/POWER", b"OFF"))
        await run(home, plug, 120)
        assert not plug.closed


@pytest.mark.parametrize("protection", ["never cut: yes", "payment mode: credit"])
async def test_an_account_that_becomes_protected_has_it_withdrawn(tmp_path: Path, protection: str) -> None:
    """Read back; until then people are told."""
    async with cutting(tmp_path) as (home, plug):
        assert plug.limit_wh is not None
        await apply(home, CUTS.replace("        without", f"        {protection}\n        without"))
        plug.driver.assign([ADDRESS])
        await run(home, plug, 3)
        assert plug.limit_wh is None
        assert plug.meter.rule_sets[3].text == ""
        assert (
            home.engine.session.installation.cut_offs[CutOffSlot(ADDRESS, 3)].state.slot_state
            is SlotState.ABSENT
        )
        await run(home, plug, 6_000, step_s=60)
        assert plug.closed


@pytest.mark.parametrize("protection", ["never cut: yes", "payment mode: credit"])
@pytest.mark.parametrize("policy", ["local cut-off", "hold"])
async def test_protection_is_pending_until_the_device_said_that_it_holds_nothing(
    tmp_path: Path, protection: str, policy: str
) -> None:
    """The bridge never claims what only the device can keep, also over a restart."""
    site = CUTS.replace("        without", f"        {protection}\n        without").replace(
        "without the bridge: local cut-off", f"without the bridge: {policy}"
    )
    async with cutting(tmp_path) as (home, plug):
        assert home.app.accounts.view(LANDLORD, "flat-1").protection_pending == ()
        plug.meter.faults.silent = True
        result = await home.app.sites.apply(LANDLORD, load(site), document=site, dry_run=False)
        assert ["flat-1 is not protected yet: flat-1/main" in each for each in result.pending] == [True]
        plug.driver.assign([ADDRESS])
        await run(home, plug, 5)
        assert home.app.accounts.view(LANDLORD, "flat-1").protection_pending == ("flat-1/main",)
        assert AlertKind.LOCAL_CUT_OFF in home.alert_kinds()
        async with opened(home.data, home.time) as again:
            assert again.app.accounts.view(LANDLORD, "flat-1").protection_pending == ("flat-1/main",)
        plug.meter.faults.silent = False
        await run(home, plug, 30)
        assert home.app.accounts.view(LANDLORD, "flat-1").protection_pending == ()
        assert AlertKind.LOCAL_CUT_OFF not in home.alert_kinds()
        assert plug.limit_wh is None
        again_result = await home.app.sites.apply(
            LANDLORD, load(site.replace("Flat 1", "First")), document=site, dry_run=False
        )
        assert again_result.pending == ()


async def test_a_device_that_does_not_confirm_its_withdrawal_is_told_of(tmp_path: Path) -> None:
    """It might still cut somebody who must not be cut; it is told again when it is back."""
    async with cutting(tmp_path) as (home, plug):
        plug.meter.faults.silent = True
        await apply(home, CUTS.replace("        without", "        never cut: yes\n        without"))
        await run(home, plug, 700, step_s=20)
        assert AlertKind.LOCAL_CUT_OFF in home.alert_kinds()
        assert plug.limit_wh is not None
        await back(home, plug)
        assert plug.limit_wh is None
        assert AlertKind.LOCAL_CUT_OFF not in home.alert_kinds()


async def test_a_hold_by_the_landlord_withdraws_it_and_its_end_writes_it_again(tmp_path: Path) -> None:
    """While the landlord holds the supply on, credit cuts nothing, with and without the bridge."""
    async with cutting(tmp_path) as (home, plug):
        await home.supply(SupplyAction.ON, "repairs")
        await run(home, plug, 2)
        assert plug.limit_wh is None
        await home.supply(SupplyAction.AUTO)
        await run(home, plug, 2)
        assert plug.limit_wh is not None


async def test_rules_of_a_person_are_never_touched(tmp_path: Path) -> None:
    """The slot is taken: nothing is written, and people are told; once it is free it is used."""
    async with cutting(tmp_path) as (home, plug):
        plug.rule('"')
        plug.rule(OWN_RULE)
        plug.rule(OWN_RULE, slot=1)
        plug.meter.physics.restart()
        await run(home, plug, 60)
        await home.top_up("50.00")
        await run(home, plug, 7_200, step_s=60)
        assert plug.meter.rule_sets[3].text == OWN_RULE
        assert AlertKind.LOCAL_CUT_OFF in home.alert_kinds()
        plug.rule('"')
        await run(home, plug, 700, step_s=20)
        assert plug.limit_wh is not None
        assert plug.meter.rule_sets[1].text == OWN_RULE
        assert AlertKind.LOCAL_CUT_OFF not in home.alert_kinds()


async def test_a_device_that_was_flashed_anew_gets_its_value_back(tmp_path: Path) -> None:
    """A restart makes the bridge ask; what is lost is written again, within the bounded rate."""
    async with cutting(tmp_path) as (home, plug):
        await run(home, plug, 3_600, step_s=60)
        plug.rule('"')
        plug.meter.physics.restart()
        await run(home, plug, 60)
        assert plug.limit_wh is not None


@pytest.mark.parametrize("change", ["without the bridge: hold", "rule slot: 2"])
async def test_a_value_is_taken_out_where_it_is_no_longer_wanted(tmp_path: Path, change: str) -> None:
    """Another policy, or another slot: the old one is emptied and forgotten when that is confirmed."""
    async with cutting(tmp_path) as (home, plug):
        other = CUTS if change.startswith("rule") else SITE
        await apply(home, other.replace("        meters:", f"        {change}\n        meters:"))
        plug.driver.assign([ADDRESS])
        await run(home, plug, 5)
        assert plug.meter.rule_sets[3].text == ""
        assert CutOffSlot(ADDRESS, 3) not in home.engine.session.installation.cut_offs
        assert bool(plug.meter.rule_sets[2].text) == change.startswith("rule")


async def test_a_value_is_taken_out_of_a_device_that_left(tmp_path: Path) -> None:
    """Also after a restart of the bridge in between: the device is what is remembered, not its meter."""
    plug = Plug()
    async with house(tmp_path, CUTS, "10.00", plug) as home:
        await deliver(home, plug, plug.meter.come_online())
        await run(home, plug, 3)
        assert plug.limit_wh is not None
        plug.meter.faults.silent = True
        await apply(home, SITE.replace("tasmota:flat-1/1", "tasmota:other/1"))
        await run(home, plug, 5)
        time = home.time
    plug.meter.faults.silent = False
    async with opened(tmp_path, time, plug) as home:
        await run(home, plug, 30)
        assert plug.limit_wh is None
        assert not home.engine.session.installation.cut_offs


async def test_after_a_restart_the_bridge_asks_and_writes_nothing_again(tmp_path: Path) -> None:
    """What the device still holds costs no flash."""
    plug = Plug()
    async with house(tmp_path, CUTS, "10.00", plug) as home:
        await deliver(home, plug, plug.meter.come_online())
        await run(home, plug, 3)
        time: VirtualTime = home.time
    writes = plug.meter.rule_sets[3].writes
    async with opened(tmp_path, time, plug) as home:
        await run(home, plug, 30)
        assert plug.meter.rule_sets[3].writes == writes
        assert (
            home.engine.session.installation.cut_offs[CutOffSlot(ADDRESS, 3)].state.slot_state
            is SlotState.ARMED
        )


async def test_free_energy_leaves_no_value(tmp_path: Path) -> None:
    """No register value is late enough, and people are told."""
    async with cutting(tmp_path, CUTS.replace("prices: [2.00]", "prices: [0]")) as (home, plug):
        assert plug.limit_wh is None
        assert AlertKind.LOCAL_CUT_OFF in home.alert_kinds()


async def test_friendly_hours_move_the_value(tmp_path: Path) -> None:
    """Whoever runs out as they begin may use the rating until they end."""
    site = CUTS.replace(
        "        without", '        friendly hours: [{from: "18:00", to: "08:00"}]\n        without'
    )
    async with cutting(tmp_path, site) as (home, plug):
        stretch = longest_friendly_ms(home.account.policy, "Africa/Johannesburg", NOON)
        assert stretch == 14 * HOUR
        assert plug.limit_wh is not None
        assert START_WH + 5_000 + 140_000 <= plug.limit_wh <= START_WH + 145_020


async def test_emergency_credit_counts_once_it_is_selected(tmp_path: Path) -> None:
    """What may only be lent does not keep a supply on before the customer asked for it."""
    site = CUTS.replace(
        "        without", "        emergency credit: {limit: 20.00, threshold: 50.00}\n        without"
    )
    async with cutting(tmp_path, site) as (home, plug):
        assert plug.limit_wh is not None
        assert plug.limit_wh <= START_WH + 5_020
        unit = Transaction(home.engine.session.clock.now())
        set_emergency_selected(home.engine.session.installation, home.account, unit, selected=True)
        home.engine.session.submit(unit)
        await run(home, plug, 3)
        assert START_WH + 15_000 <= plug.limit_wh <= START_WH + 15_020


@pytest.mark.invariant(11)
async def test_what_is_used_beyond_credit_stays_within_the_exposure(tmp_path: Path) -> None:
    """It is said beforehand, and a device that is alone for hours keeps to it."""
    site = CUTS.replace("prices: [2.00]", "blocks: [1 kWh]\n            prices: [2.00, 3.00]")
    async with cutting(tmp_path, site) as (home, plug):
        (said,) = home.app.supply.exposure(LANDLORD)
        assert (said.in_force, said.meters, said.policies) == (1, 1, ("local_cut_off",))
        assert (said.hourly_wh, said.hourly_amount) == (0, 0)
        alone(plug, 4 * 3_600)
        assert not plug.closed
        await back(home, plug)
        beyond = -home.available
        assert zar("3.90") <= beyond <= said.once_amount
        assert said.once_amount <= zar("5.10")
        assert beyond * 1000 // zar("3.00") <= said.once_wh
        (after,) = home.app.supply.exposure(LANDLORD)
        assert (after.once_wh, after.once_amount) == (0, 0)


def answers_of_writes_are_lost(plug: Plug, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a device hear what is written into its rules, and its answers get lost."""
    handle = plug.meter.handle

    def handled(topic: str, payload: bytes) -> Sequence[Publish]:
        answers = handle(topic, payload)
        return () if "Rule" in topic and payload else answers

    monkeypatch.setattr(plug.meter, "handle", handled)


@pytest.mark.invariant(11)
async def test_a_value_whose_confirmation_was_lost_counts_in_the_exposure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a top-up the device cuts at the new value, whether the bridge heard so or not."""
    site = CUTS.replace("prices: [2.00]", "blocks: [1 kWh]\n            prices: [2.00, 3.00]")
    async with cutting(tmp_path, site) as (home, plug):
        answers_of_writes_are_lost(plug, monkeypatch)
        await home.top_up("20.00")
        await run(home, plug, 5)
        assert plug.limit_wh is not None
        assert plug.limit_wh >= START_WH + 15_000
        (said,) = home.app.supply.exposure(LANDLORD)
        assert said.in_force == 1
        alone(plug, 6 * 3_600)
        monkeypatch.undo()
        await back(home, plug)
        beyond = -home.available
        assert zar("13.90") <= beyond <= said.once_amount
        assert said.once_amount <= zar("15.10")


@pytest.mark.invariant(11)
async def test_what_was_written_before_a_start_has_no_bound_until_the_device_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it was sent is known in memory alone; the next answer tells."""
    plug = Plug()
    async with house(tmp_path, CUTS, "10.00", plug) as home:
        await deliver(home, plug, plug.meter.come_online())
        await run(home, plug, 3)
        answers_of_writes_are_lost(plug, monkeypatch)
        await home.top_up("20.00")
        await run(home, plug, 5)
        time = home.time
    async with opened(tmp_path, time, plug) as home:
        (said,) = home.app.supply.exposure(LANDLORD)
        assert (said.in_force, said.hourly_wh) == (0, 10_000)
        await run(home, plug, 5)
        (said,) = home.app.supply.exposure(LANDLORD)
        assert (said.in_force, said.hourly_wh) == (1, 0)


@pytest.mark.invariant(11)
async def test_a_register_that_fell_is_far_from_its_value(tmp_path: Path) -> None:
    """Until somebody decides the value stays, and from zero the device goes a long way to it."""
    async with cutting(tmp_path) as (home, plug):
        plug.meter.reset_register(with_witness=False)
        await run(home, plug, 60)
        (said,) = home.app.supply.exposure(LANDLORD)
        assert said.in_force == 1
        begin = plug.register_wh
        alone(plug, 5 * 3_600)
        assert not plug.closed
        used = plug.register_wh - begin
        assert used >= START_WH + 4_900
        assert used - 5_000 <= said.once_wh <= START_WH + 200


async def test_a_relay_that_holds_has_no_bound_but_its_rating(tmp_path: Path) -> None:
    """Also one that was never confirmed to cut by itself; and nothing where credit cuts nobody."""
    async with cutting(tmp_path, SITE) as (home, plug):
        (said,) = home.app.supply.exposure(LANDLORD)
        assert (said.in_force, said.once_wh, said.hourly_wh) == (0, 0, 10_000)
        assert said.hourly_amount == zar("20.00")
        plug.meter.faults.silent = True
        await apply(home, CUTS)
        (said,) = home.app.supply.exposure(LANDLORD)
        assert (said.in_force, said.hourly_wh) == (0, 10_000)
        await home.supply(SupplyAction.ON, "repairs")
        (said,) = home.app.supply.exposure(LANDLORD)
        assert (said.limited, said.hourly_wh) == (False, 0)


@pytest.mark.both_databases
async def test_a_replaced_device_loses_its_value_and_the_new_one_gets_its_own(tmp_path: Path) -> None:
    """The device that left the wall is remembered until it said that nothing is left in it."""
    async with cutting(tmp_path) as (home, plug):
        plug.meter.faults.silent = True
        order = ReplacementRequest(f"{plug.register_wh / 1000:.3f}", "0.0", "burnt", address="tasmota:new/1")
        await home.app.sites.replace_meter(LANDLORD, home.meter.id, order, key="k")
        await home.tick()
        await home.tick()
        kept = home.engine.session.installation.cut_offs
        assert set(kept) == {CutOffSlot(ADDRESS, 3), CutOffSlot("tasmota:new/1", 3)}
        new = kept[CutOffSlot("tasmota:new/1", 3)].state.target_wh
        assert new is not None
        assert 4_900 <= new <= 5_020
        await back(home, plug)
        assert plug.limit_wh is None
        assert set(home.engine.session.installation.cut_offs) == {CutOffSlot("tasmota:new/1", 3)}


async def test_a_meter_that_cuts_by_itself_is_not_replaced_by_one_that_cannot(tmp_path: Path) -> None:
    """The policy has to change first, so that nobody counts on a cut-off that is not there."""
    async with cutting(tmp_path) as (home, _):
        order = ReplacementRequest("10.0", "0.0", "burnt", address="shelly:shellyplus1pm-a8032ab12345/0")
        with pytest.raises(RequestRefused, match="a shelly device has no local cut-off") as refused:
            await home.app.sites.replace_meter(LANDLORD, home.meter.id, order, key="k")
        assert refused.value.code is ErrorCode.NOT_SUPPORTED


async def test_a_cut_that_waits_to_spare_the_contactor_is_not_done_by_the_device(tmp_path: Path) -> None:
    """Otherwise bridge and device would switch it against each other."""
    site = CUTS.replace("        without", "        credit switchings per day: 1\n        without")
    async with cutting(tmp_path, site) as (home, plug):
        await run(home, plug, 5_100, step_s=5)
        assert home.account.reason is SupplyReason.WEAR_LIMIT
        assert plug.limit_wh is None
        moved = len(plug.switched)
        await run(home, plug, 300, step_s=5)
        assert plug.closed
        assert len(plug.switched) == moved
        assert AlertKind.LOCAL_CUT_OFF not in home.alert_kinds()
