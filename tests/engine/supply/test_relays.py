"""A relay command goes out only after its commit, and is repeated until the relay is proven there."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from meter_bridge.devices.base.driver import Report
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import SupplyAction
from meter_bridge.protocol.vocabulary import AlertKind, RelayPosition, RelayProof
from meter_bridge.storage.changeset import Changeset
from meter_bridge.storage.writer import Store
from tests.engine.harness import HOUR, LANDLORD, SITE, House, house, opened, refusing

OPEN, CLOSED = RelayPosition.OPEN, RelayPosition.CLOSED
TWO_DEVICES = SITE.replace('"tasmota:flat-1/1"', '"tasmota:meter/1", relay: "zigbee2mqtt:Contactor/state"')
THREE_PHASES = SITE.replace(
    'meters: [{address: "tasmota:flat-1/1", rating: 10 kW}]',
    'meters: [{id: l1, address: "shelly:em-1/em1:0", relay: "tasmota:contactor/1"},'
    ' {id: l2, address: "shelly:em-1/em1:1", relay: "tasmota:contactor/1"}]',
)


def sent(house: House) -> list[RelayPosition]:
    """Return the positions that were asked for, in order."""
    return [position for _, position in house.transport.switched]


def outbox(house: House) -> list[tuple[object, ...]]:
    """Return position and outcome of every command of the last decisions, oldest first."""
    return house.rows("SELECT position, outcome FROM outbox ORDER BY revision")[2:]


@dataclass
class Held:
    """A store on a slow disk: units wait until they are let go."""

    store: Store
    waiting: list[tuple[Changeset, asyncio.Future[None]]] = field(default_factory=list)

    def commit(self, work: Changeset) -> asyncio.Future[None]:
        """Keep a unit."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append((work, done))
        return done

    def let_go(self) -> None:
        """Commit what waits."""
        for work, done in self.waiting:
            self.store.commit(work)
            done.set_result(None)


async def cut(house: House, power_w: int = 2_000) -> None:
    """Let the landlord switch a loaded supply off."""
    await house.read(10_000, power_w=power_w)
    await house.hold_off()


@pytest.mark.invariant(10)
async def test_a_command_goes_out_only_after_its_decision_is_on_disk(
    flat: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = flat.store.commit
    seen: list[int] = []

    def watch(work: Changeset) -> object:
        seen.append(len(flat.transport.switched))
        return commit(work)

    monkeypatch.setattr(flat.store, "commit", watch)
    await cut(flat)
    assert set(seen) == {0}
    assert sent(flat) == [OPEN]


@pytest.mark.invariant(10)
async def test_no_command_goes_out_for_a_decision_that_was_not_stored(flat: House) -> None:
    await flat.read(10_000, power_w=2_000)
    with refusing(flat, "INSERT", "supply_decision"), pytest.raises(RequestRefused):
        await flat.hold_off()
    flat.engine.relays.resume()
    flat.engine.relays.tick()
    assert sent(flat) == []
    assert await flat.engine.try_recover()
    await flat.tick(60_000)
    assert sent(flat) == []
    assert flat.account.hold is None


@pytest.mark.invariant(10)
async def test_a_decision_on_its_way_to_disk_sends_nothing_even_while_an_older_command_is_repeated(
    flat: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cut(flat)
    flat.time.forward(60_000)
    held = Held(flat.store)
    monkeypatch.setattr(flat.engine.session, "store", held)
    releasing = asyncio.create_task(flat.supply(SupplyAction.AUTO))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    flat.engine.relays.tick()
    flat.engine.relays.resume()
    assert sent(flat) == [OPEN]
    held.let_go()
    await releasing
    assert sent(flat) == [OPEN, CLOSED]


@pytest.mark.invariant(10)
async def test_every_command_has_its_row_and_its_decision(flat: House) -> None:
    await cut(flat)
    await flat.relay(OPEN, power_w=0)
    await flat.supply(SupplyAction.AUTO)
    assert outbox(flat) == [("open", "confirmed"), ("closed", None)]
    assert flat.problems() == []


async def test_an_open_contact_is_confirmed_by_its_load_being_gone(flat: House) -> None:
    await cut(flat)
    assert flat.app.accounts.view(LANDLORD, "flat-1").supply.proof is RelayProof.PENDING
    await flat.relay(OPEN)
    assert flat.app.accounts.view(LANDLORD, "flat-1").supply.proof is RelayProof.REPORTED
    await flat.relay(OPEN, power_w=0)
    assert flat.app.accounts.view(LANDLORD, "flat-1").supply.proof is RelayProof.CONFIRMED


async def test_without_a_load_before_nothing_proves_an_open_contact(flat: House) -> None:
    await cut(flat, power_w=0)
    await flat.relay(OPEN, power_w=0)
    assert flat.proof() is RelayProof.NO_LOAD


@pytest.mark.invariant(9)
async def test_an_unanswered_command_is_repeated_with_growing_pauses(flat: House) -> None:
    await cut(flat)
    for _ in range(600):
        await flat.tick(1_000)
    assert 12 <= len(sent(flat)) <= 20
    assert set(sent(flat)) == {OPEN}
    assert flat.transport.queried


@pytest.mark.invariant(9)
async def test_an_acknowledgement_without_a_moving_contact_is_told_and_tried_again(flat: House) -> None:
    await cut(flat)
    for _ in range(3):
        await flat.relay(OPEN, power_w=2_000, after=3_000)
        await flat.tick(5_000)
    assert flat.proof() is RelayProof.DISOBEYS
    assert AlertKind.RELAY_DISOBEYS in flat.alert_kinds()
    assert len(sent(flat)) > 1


@pytest.mark.invariant(9)
async def test_a_relay_that_comes_back_by_itself_is_opened_again(flat: House) -> None:
    await cut(flat)
    await flat.relay(OPEN, power_w=0)
    await flat.tick()  # what is proven is not pursued any more
    await flat.relay(CLOSED, power_w=2_000, after=HOUR)
    await flat.tick(3_000)
    assert sent(flat) == [OPEN, OPEN]
    assert AlertKind.RELAY_DISOBEYS in flat.alert_kinds()
    await flat.relay(OPEN, power_w=0)
    assert AlertKind.RELAY_DISOBEYS not in flat.alert_kinds()
    assert flat.proof() is RelayProof.CONFIRMED


async def test_energy_with_the_relay_proven_open_is_tamper(flat: House) -> None:
    await cut(flat)
    await flat.relay(OPEN, power_w=0)
    await flat.read(10_003, power_w=0)
    await flat.read(10_500, after=HOUR, power_w=0)
    assert AlertKind.TAMPER in flat.alert_kinds()
    assert flat.meter.energy_wh == 500
    await flat.read(10_500, after=20 * 60_000, power_w=0)
    assert AlertKind.TAMPER not in flat.alert_kinds()


async def test_energy_used_before_the_relay_opened_is_no_tamper(flat: House) -> None:
    await flat.read(10_000, power_w=2_000)
    flat.time.forward(10 * 60_000)
    await flat.hold_off()
    await flat.relay(OPEN, power_w=0)
    await flat.read(10_333, power_w=0)
    assert flat.alert_kinds() == set()
    await flat.read(10_333, power_w=0)
    await flat.read(10_600, after=HOUR, power_w=0)
    assert flat.alert_kinds() == {AlertKind.TAMPER}


async def test_tamper_closes_when_supply_is_meant_to_be_on_again(flat: House) -> None:
    await cut(flat)
    await flat.relay(OPEN, power_w=0)
    await flat.read(10_000, power_w=0)
    await flat.read(10_500, after=HOUR, power_w=0)
    await flat.supply(SupplyAction.AUTO)
    await flat.read(10_600, after=HOUR, power_w=100)
    assert AlertKind.TAMPER not in flat.alert_kinds()


async def test_a_relay_on_another_device_is_proven_by_the_meters_load(tmp_path: Path) -> None:
    async with house(tmp_path, TWO_DEVICES) as made:
        await made.report(Report("tasmota:meter/1", register_wh=0, power_mw=2_000_000))
        await made.hold_off()
        await made.report(Report("zigbee2mqtt:Contactor/state", relay=OPEN), after=300)
        assert made.proof() is RelayProof.REPORTED
        await made.report(Report("tasmota:meter/1", register_wh=0, power_mw=0), after=1_000)
        assert made.proof() is RelayProof.CONFIRMED
        assert made.problems() == []


async def test_meters_behind_one_contactor_are_all_proven_by_it(tmp_path: Path) -> None:
    async with house(tmp_path, THREE_PHASES) as made:
        for phase in range(2):
            await made.report(Report(f"shelly:em-1/em1:{phase}", register_wh=0, power_mw=900_000))
        await made.hold_off()
        await made.report(Report("tasmota:contactor/1", relay=OPEN), after=300)
        for phase in range(2):
            await made.report(Report(f"shelly:em-1/em1:{phase}", register_wh=0, power_mw=0), after=500)
        assert [meter.relay.proof for meter in made.account.meters] == [RelayProof.CONFIRMED] * 2


async def test_a_meter_without_a_relay_is_told_nothing(tmp_path: Path) -> None:
    billed = SITE.replace("rating: 10 kW", "rating: 10 kW, relay: none").replace(
        "low credit: [5.00]", "payment mode: credit"
    )
    async with house(tmp_path, billed) as made:
        await made.hold_off()
        await made.tick(60_000)
        assert sent(made) == []
        assert made.problems() == []


@pytest.mark.invariant(9)
async def test_commands_wait_while_the_broker_is_away_and_only_the_newest_goes_out(flat: House) -> None:
    flat.transport.connected = False
    await cut(flat)
    await flat.tick(60_000)
    await flat.supply(SupplyAction.AUTO)
    assert sent(flat) == []
    flat.transport.connected = True
    flat.engine.relays.resume()
    assert sent(flat) == [CLOSED]
    assert outbox(flat) == [("open", "superseded"), ("closed", None)]


async def test_a_retained_position_proves_nothing(flat: House) -> None:
    await cut(flat)
    await flat.report(Report("tasmota:flat-1/1", relay=OPEN, power_mw=0, stale=True), after=5_000)
    assert flat.proof() is RelayProof.PENDING


async def test_a_customer_who_switches_off_at_the_device_is_left_alone(flat: House) -> None:
    await flat.relay(CLOSED, power_w=100)
    await flat.read(1_000, after=HOUR)
    await flat.relay(OPEN, power_w=0)
    await flat.tick(60_000)
    assert sent(flat) == []
    assert flat.alert_kinds() == set()


async def test_off_is_not_repeated_63_times_an_hour_for_ever_and_it_is_told(flat: House) -> None:
    await cut(flat)
    counts = []
    for _ in range(6):
        before = len(sent(flat))
        for _ in range(60):
            await flat.tick(60_000)
            await flat.report(Report("tasmota:flat-1/1", register_wh=10_000))
        counts.append(len(sent(flat)) - before)
    assert counts[0] <= 20
    assert max(counts[2:]) <= 1
    (text,) = flat.alert_texts(AlertKind.RELAY_DISOBEYS)
    assert "no report proves that the relay of flat-1/main is open" in text
    told = len(sent(flat))
    await flat.relay(CLOSED, power_w=2_000)
    await flat.tick(3_000)
    assert len(sent(flat)) == told + 1
    assert len(flat.alert_texts(AlertKind.RELAY_DISOBEYS)) == 1
    await flat.relay(OPEN, power_w=0)
    assert (flat.proof(), flat.alert_kinds()) == (RelayProof.CONFIRMED, set())
    assert flat.problems() == []


async def test_a_relay_that_no_report_proves_is_told_of_until_it_is_commanded_otherwise(flat: House) -> None:
    await cut(flat)
    for _ in range(30):
        await flat.tick(60_000)
    assert AlertKind.RELAY_DISOBEYS in flat.alert_kinds()
    await flat.supply(SupplyAction.AUTO)
    assert AlertKind.RELAY_DISOBEYS not in flat.alert_kinds()


async def test_open_is_not_called_confirmed_after_a_button_was_pressed_with_nothing_plugged_in(
    flat: House,
) -> None:
    """A gateway without ``last_seen``: a message in which nothing was measured anew counts as repeated."""
    await cut(flat)
    await flat.relay(OPEN, power_w=0)
    assert flat.proof() is RelayProof.CONFIRMED
    told = len(sent(flat))
    await flat.report(Report("tasmota:flat-1/1", relay=CLOSED, power_mw=0, stale=True), after=HOUR)
    assert flat.app.accounts.view(LANDLORD, "flat-1").supply.proof is RelayProof.PENDING
    assert sent(flat)[told:] == [OPEN]
    await flat.relay(OPEN, power_w=0)
    assert flat.proof() is RelayProof.CONFIRMED


@pytest.mark.invariant(9)
async def test_the_newest_command_is_taken_up_after_a_restart(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        await cut(made)
        await made.supply(SupplyAction.AUTO)
    async with opened(tmp_path, made.time) as again:
        await again.tick(1_000)
        assert sent(again) == [CLOSED]


@pytest.mark.invariant(9)
async def test_a_command_is_repeated_as_soon_while_event_time_passes_slowly_after_a_clock_that_was_ahead(
    flat: House,
) -> None:
    flat.time.wall -= HOUR
    await flat.app.status.confirm_clock(LANDLORD)
    await cut(flat)
    told, asked = len(sent(flat)), len(flat.transport.queried)
    before = flat.engine.session.clock.now()
    for _ in range(4):
        await flat.tick(60_000)
        await flat.tick(500)
    assert flat.engine.session.clock.now() == before + 2 * 60_500
    assert len(sent(flat)) >= told + 3
    assert len(flat.transport.queried) > asked


@pytest.mark.parametrize("says_so", [True, False])
async def test_open_is_not_called_confirmed_while_its_device_does_not_answer(
    flat: House, *, says_so: bool
) -> None:
    """It cannot prove where its relay is: proven is what it said while it was there."""
    await cut(flat)
    await flat.relay(OPEN, power_w=0)
    proven = flat.app.meters.views(LANDLORD)[0].relay
    assert proven is not None
    assert (proven.proof, proven.proof_at) == (RelayProof.CONFIRMED, proven.reported_at)
    told = len(sent(flat))
    if says_so:
        await flat.report(Report("tasmota:flat-1/1", online=False), after=HOUR // 4)
    for _ in range(120):
        await flat.tick(60_000)
    seen = flat.app.meters.views(LANDLORD)[0].relay
    assert seen is not None
    assert (seen.reported, seen.reported_at) == (OPEN, proven.reported_at)
    assert (seen.proof, seen.proof_at != proven.proof_at) == (RelayProof.NO_ANSWER, True)
    assert flat.app.accounts.view(LANDLORD, "flat-1").supply.proof is RelayProof.NO_ANSWER
    assert flat.rows("SELECT proof FROM relay_status") == [("no_answer",)]
    assert len(sent(flat)) == told
    assert flat.alert_kinds() == {AlertKind.METER_OFFLINE}
    assert len(flat.rows("SELECT 1 FROM alert WHERE kind = 'meter_offline'")) == 1
    await flat.relay(OPEN, power_w=0)
    await flat.relay(OPEN, power_w=0)
    assert sent(flat)[told:] == [OPEN]
    await flat.read(10_000, power_w=0)
    await flat.tick(60_000)
    assert (flat.proof(), flat.alert_kinds()) == (RelayProof.CONFIRMED, set())


async def test_a_proof_that_its_device_took_along_is_still_none_after_a_restart(tmp_path: Path) -> None:
    async with house(tmp_path) as before:
        await cut(before)
        await before.relay(OPEN, power_w=0)
        await before.read(10_000, power_w=0)
        opened_at = before.meter.relay_opened_at
        await before.report(Report("tasmota:flat-1/1", online=False), after=HOUR)
        time = before.time
    async with opened(tmp_path, time) as after:
        await after.tick(60_000)
        assert (after.proof(), sent(after)) == (RelayProof.NO_ANSWER, [])
        assert after.meter.relay_opened_at == opened_at
        await after.read(12_000, after=HOUR)
        assert AlertKind.TAMPER in after.alert_kinds()


async def test_a_relay_on_a_device_of_its_own_that_went_away_is_not_called_confirmed(tmp_path: Path) -> None:
    async with house(tmp_path, TWO_DEVICES) as split:
        await cut(split)
        await split.relay(OPEN)
        await split.read(10_000, power_w=0)
        assert split.proof() is RelayProof.CONFIRMED
        told = len(sent(split))
        relay = split.meter.plan.relay_address or ""
        await split.report(Report(relay, online=False), after=HOUR)
        assert split.proof() is RelayProof.NO_ANSWER
        for _ in range(10):
            await split.read(10_000, power_w=0)
            await split.tick(1_000)
        assert (split.proof(), len(sent(split))) == (RelayProof.NO_ANSWER, told)
        await split.relay(OPEN)
        await split.read(10_000, power_w=0)
        assert (split.proof(), sent(split)[told:]) == (RelayProof.CONFIRMED, [OPEN])


async def test_a_relay_that_the_customer_opened_is_left_alone_after_its_device_was_away(flat: House) -> None:
    await flat.relay(CLOSED, power_w=100)
    await flat.relay(OPEN, power_w=0, after=HOUR)
    await flat.report(Report("tasmota:flat-1/1", online=False), after=HOUR)
    assert flat.proof() is RelayProof.NO_ANSWER
    await flat.relay(OPEN, power_w=0, after=HOUR)
    assert (flat.proof(), sent(flat), flat.alert_kinds()) == (RelayProof.CONFIRMED, [], set())


async def test_open_is_not_called_confirmed_before_it_is_heard_after_a_restart(tmp_path: Path) -> None:
    """Its button may have been pressed while nobody listened."""
    async with house(tmp_path) as before:
        await cut(before)
        await before.relay(OPEN, power_w=0)
        assert before.proof() is RelayProof.CONFIRMED
        await before.tick()
    async with opened(tmp_path, before.time) as after:
        assert after.proof() is RelayProof.PENDING
        await after.tick(1_000)
        assert sent(after) == [OPEN]
        await after.read(10_000, power_w=0)
        assert after.proof() is RelayProof.PENDING, "no load is no position"
        await after.relay(OPEN, power_w=0)
        assert after.app.accounts.view(LANDLORD, "flat-1").supply.proof is RelayProof.CONFIRMED
        for _ in range(120):
            await after.tick(60_000)
            await after.relay(OPEN, power_w=0)
        assert sent(after) == [OPEN]


@pytest.mark.parametrize("first", ["register", "relay"])
async def test_energy_while_nobody_listened_is_tamper_all_the_same(tmp_path: Path, first: str) -> None:
    async with house(tmp_path) as before:
        await cut(before)
        await before.relay(OPEN, power_w=0)
        await before.read(10_000, power_w=0)
        await before.tick()
    before.time.forward(HOUR)
    async with opened(tmp_path, before.time) as after:
        await after.tick(1_000)
        if first == "relay":
            await after.relay(OPEN, power_w=0)
            await after.relay(OPEN, power_w=0)
        await after.read(12_000)
        assert AlertKind.TAMPER in after.alert_kinds()


@pytest.mark.parametrize("address", ["tasmota:flat-1/1", "shelly:flat-1/0", "zigbee2mqtt:flat-1/state"])
async def test_open_is_not_called_confirmed_once_the_broker_was_lost(tmp_path: Path, address: str) -> None:
    async with house(tmp_path, SITE.replace("tasmota:flat-1/1", address)) as made:
        await cut(made)
        await made.relay(OPEN, power_w=0)
        told = len(sent(made))
        made.transport.connected = False
        made.engine.relays.note_deafness()
        await made.settle()
        assert made.proof() is RelayProof.PENDING
        for _ in range(60):
            await made.tick(10_000)
        assert len(sent(made)) == told
        made.transport.connected = True
        made.engine.relays.resume()
        await made.tick(1_000)
        assert sent(made)[told:] == [OPEN]
        await made.relay(OPEN, power_w=0)
        assert made.proof() is RelayProof.CONFIRMED


async def test_a_lost_broker_leaves_what_is_closed_and_what_is_reached_without_it(tmp_path: Path) -> None:
    direct = SITE.replace('"tasmota:flat-1/1",', '"shelly:flat-1/0", host: 192.0.2.7,')
    async with house(tmp_path, direct) as made:
        await cut(made)
        await made.relay(OPEN, power_w=0)
        made.engine.relays.note_deafness()
        assert made.proof() is RelayProof.CONFIRMED
    async with house(tmp_path / "closed") as made:
        await made.relay(CLOSED, power_w=100)
        made.engine.relays.note_deafness()
        assert made.proof() is RelayProof.CONFIRMED
