"""What people tell of registers: replacements and manual readings, once, on record and without harm."""

import asyncio
from pathlib import Path

import pytest

from meter_bridge.actor import Actor
from meter_bridge.config.site_file import load
from meter_bridge.core.calendar import iso
from meter_bridge.devices.base.driver import Report
from meter_bridge.engine.sites.meter_replacement import ReplaceMeter
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode, MeterView, Role
from meter_bridge.protocol.requests import ReplacementRequest
from meter_bridge.protocol.vocabulary import RelayPosition
from tests.engine.harness import (
    HOUR,
    LANDLORD,
    NOON,
    SITE,
    House,
    apply,
    house,
    opened,
    refusing,
    zar,
)

METER = "flat-1/main"
CARETAKER = Actor("Sam", Role.CARETAKER, frozenset({"house"}))
DEVICE = Actor("logger", Role.DEVICE, accounts=frozenset({"flat-1"}))
TWO = SITE.replace(
    'meters: [{address: "tasmota:flat-1/1", rating: 10 kW}]',
    'meters: [{address: "tasmota:flat-1/1", rating: 10 kW}]\n      flat-2:\n        tariff: flat\n'
    '        meters: [{address: "tasmota:flat-2/1"}]',
)


def order(closing: str = "12.000", opening: str = "0.500", **others: object) -> ReplacementRequest:
    return ReplacementRequest(closing, opening, "burnt", **others)  # type: ignore[arg-type]


async def swap(house: House, what: ReplacementRequest, key: str = "k") -> tuple[MeterView, bool]:
    done = await house.app.sites.replace_meter(CARETAKER, METER, what, key=key)
    await house.settle()
    return done


async def tell(house: House, register: str, at: str | None = None, actor: Actor = CARETAKER) -> str:
    done = await house.app.meters.submit_reading(actor, METER, register=register, at=at)
    await house.settle()
    return done.outcome


@pytest.mark.parametrize(
    "request_, content_hash",
    [
        (order(), "578d85f9127d221d6c85ba431f10a714b1e1b05548ee55bc9c16d6ee7be265ad"),
        (
            order(
                at="2026-03-03T10:30:00+02:00",
                address="tasmota:new/1",
                relay="tasmota:new/2",
                confirmed=True,
            ),
            "1fbe8b979baa5c8985333ee443a6b37c2ed5d9fe05fc22b5340c04a63bf3f336",
        ),
    ],
    ids=["least", "most"],
)
async def test_a_replacement_keeps_the_hash_under_which_515b651_stored_it(
    flat: House, request_: ReplacementRequest, content_hash: str
) -> None:
    operation = ReplaceMeter(flat.engine.reports, "flat-1-meter", request_)
    assert operation.content_hash() == content_hash


@pytest.mark.invariant(5)
async def test_a_replaced_meter_is_charged_to_its_end_and_from_its_new_beginning(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        await made.read(10_000, witness="old")
        await made.read(11_000, after=HOUR, witness="old")
        made.time.forward(HOUR)
        swapped_at = made.time.wall
        made.time.forward(HOUR)
        view, seen_before = await swap(made, order(at=iso(swapped_at)))
        assert (view.register_wh, view.energy_wh, view.epoch, seen_before) == (500, 2_000, 1, False)
        assert made.available == zar("96")
        assert made.rows(f"SELECT sum(wh) FROM segment WHERE end_ms <= {swapped_at}") == [(2_000,)]
        await made.read(1_500, witness="new")
        assert (made.meter.energy_wh, made.alert_kinds()) == (3_000, set())
        assert made.problems() == []
        time = made.time
    async with opened(tmp_path, time) as again:
        assert again.meter.energy_wh == 3_000
        await again.read(11_500, witness="old")
        await again.read(2_000, after=HOUR, witness="new")
        assert again.meter.energy_wh == 3_500
        assert again.problems() == []


@pytest.mark.invariant(5, 6, 12)
async def test_what_people_tell_while_event_time_passes_slowly_is_judged_by_the_time_that_passed(
    flat: House,
) -> None:
    await flat.read(10_000)
    await flat.set_clock_back(11)
    with pytest.raises(RequestRefused, match=r"above 10\.000 kWh"):
        await swap(flat, order("20.000"))
    assert await tell(flat, "20.000") == "doubted"
    flat.time.forward(HOUR)
    assert await tell(flat, "19.000") == "charged"
    flat.time.forward(HOUR)
    await swap(flat, order("28.000"), key="other")
    await flat.read(1_300, after=HOUR // 12)
    assert (flat.meter.energy_wh, flat.alert_kinds()) == (18_800, set())
    assert flat.problems() == []


async def test_a_key_without_an_entry_is_no_fault_where_no_entry_is(tmp_path: Path) -> None:
    async with house(tmp_path, credit=None) as made:
        await made.read(10_000)
        await swap(made, order("10.000"))
        assert made.rows("SELECT count(*) FROM journal_entry") == [(0,)]
        assert made.problems() == []


async def test_who_replaced_a_meter_and_why_is_kept_for_good_and_told(flat: House) -> None:
    await flat.read(10_000)
    flat.time.forward(HOUR)
    await swap(flat, order())
    assert flat.rows(
        "SELECT kind, register_wh, opening_wh, address, confirmed, actor, reason FROM register_record"
    ) == [("meter_replaced", 12_000, 500, "tasmota:flat-1/1", 0, "Sam", "burnt")]
    (told,) = flat.events("meter_replaced")
    assert told == {
        "at": iso(flat.time.wall),
        "closing_wh": 12_000,
        "opening_wh": 500,
        "charged_wh": 2_000,
        "epoch": 1,
        "address": "tasmota:flat-1/1",
        "confirmed": False,
        "by": "Sam",
        "reason": "burnt",
    }


@pytest.mark.invariant(4)
async def test_a_key_replaces_once_also_when_asked_at_once_and_after_a_restart(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        await made.read(10_000)
        made.time.forward(HOUR)
        first, second = await asyncio.gather(swap(made, order()), swap(made, order()))
        assert first[0] == second[0]
        assert (first[1], second[1]) == (False, True)
        time = made.time
    async with opened(tmp_path, time) as again:
        await again.read(900, after=HOUR)
        assert await swap(again, order()) == (first[0], True)
        with pytest.raises(RequestRefused) as refused:
            await swap(again, order(opening="1.000"))
        assert refused.value.code is ErrorCode.IDEMPOTENCY_CONFLICT
        register = again.meter.register
        assert register is not None
        assert (register.epoch, again.meter.energy_wh) == (1, 2_400)
        assert again.problems() == []


@pytest.mark.invariant(6)
@pytest.mark.parametrize("closing", ["9.000", "900.000"])
async def test_an_implausible_closing_reading_is_refused_until_somebody_vouches_for_it(
    flat: House, closing: str
) -> None:
    await flat.read(10_000)
    flat.time.forward(HOUR)
    with pytest.raises(RequestRefused) as refused:
        await swap(flat, order(closing))
    assert (refused.value.code, refused.value.field) == (ErrorCode.CONFLICT, "closing")
    assert "confirmed" in (refused.value.remedy or "")
    assert (flat.available, flat.rows("SELECT * FROM register_record")) == (zar("100"), [])
    view, _ = await swap(flat, order(closing, confirmed=True))
    charged = max(round(float(closing) * 1000) - 10_000, 0)
    assert (view.energy_wh, view.epoch) == (charged, 1)
    assert flat.available == zar("100") - charged * zar("2") // 1_000
    assert flat.problems() == []


async def test_a_replacement_ends_the_quarantine_of_what_the_new_meter_showed(flat: House) -> None:
    await flat.read(10_000)
    for _ in range(4):
        await flat.read(600, after=HOUR)
    assert flat.alert_kinds() == {"register_quarantined"}
    await swap(flat, order(at=iso(NOON + HOUR // 2)))
    assert flat.alert_kinds() == set()
    assert flat.rows("SELECT decision, actor, reason FROM quarantine") == [("replaced", "Sam", "burnt")]
    await flat.read(700)
    assert flat.meter.energy_wh == 2_200
    assert flat.problems() == []


async def test_a_new_device_at_another_address_is_heard_from_then_on(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        assigned: list[str] = []
        made.engine.on_assigned = lambda: assigned.extend(made.engine.session.installation.by_energy_address)
        await made.read(10_000)
        made.time.forward(HOUR)
        view, _ = await swap(made, order(address="tasmota:new/1"))
        assert (view.address, assigned) == ("tasmota:new/1", ["tasmota:new/1"])
        await made.report(Report("tasmota:flat-1/1", register_wh=13_000), after=HOUR)
        await made.report(Report("tasmota:new/1", register_wh=1_500))
        assert made.meter.energy_wh == 3_000
        await made.report(Report("tasmota:new/1", relay=RelayPosition.CLOSED))
        assert made.meter.relay.reported == "closed"
        time = made.time
    async with opened(tmp_path, time) as again:
        assert again.meter.plan.energy_address == again.meter.plan.relay_address == "tasmota:new/1"
        with pytest.raises(RequestRefused, match="tasmota:new/1 by"):
            await again.app.sites.apply(LANDLORD, load(SITE), document=SITE, dry_run=True)
        undo = frozenset({again.meter.id})
        old = await again.app.sites.apply(LANDLORD, load(SITE), document=SITE, dry_run=True, undo=undo)
        assert any("tasmota:new/1" in line and "tasmota:flat-1/1" in line for line in old.changes)
        await apply(again, SITE.replace("tasmota:flat-1/1", "tasmota:new/1"))
        assert again.meter.energy_wh == 3_000
        assert again.problems() == []


@pytest.mark.parametrize(
    "what, code, field",
    [
        (order(closing="1,5"), ErrorCode.BAD_REQUEST, "closing"),
        (order(opening="-1"), ErrorCode.BAD_REQUEST, "opening"),
        (order(at="yesterday"), ErrorCode.BAD_REQUEST, "at"),
        (order(at="2026-11-01T12:00:00"), ErrorCode.BAD_REQUEST, "at"),
        (order(at=iso(NOON + 9 * HOUR)), ErrorCode.BAD_REQUEST, "at"),
        (order(at=iso(NOON - HOUR)), ErrorCode.CONFLICT, "at"),
        (order(address="flat-1"), ErrorCode.BAD_REQUEST, "address"),
        (order(relay="x"), ErrorCode.BAD_REQUEST, "relay"),
        (order(address="tasmota:flat-2/1"), ErrorCode.CONFLICT, "address"),
        (order(relay="tasmota:flat-2/1"), ErrorCode.CONFLICT, "relay"),
        (order(address="shelly:em/em1:0"), ErrorCode.BAD_REQUEST, "relay"),
    ],
)
async def test_what_cannot_be_a_replacement_is_refused_by_name(
    tmp_path: Path, what: ReplacementRequest, code: ErrorCode, field: str
) -> None:
    async with house(tmp_path, TWO) as made:
        await made.read(10_000)
        made.time.forward(HOUR)
        with pytest.raises(RequestRefused) as refused:
            await swap(made, what)
        assert (refused.value.code, refused.value.field) == (code, field)
        assert refused.value.remedy or field in {"address", "relay"}
        register = made.meter.register
        assert register is not None
        assert (register.epoch, made.meter.plan.energy_address) == (0, "tasmota:flat-1/1")
        assert made.problems() == []


async def test_a_meter_that_was_never_read_has_nothing_to_close(flat: House) -> None:
    with pytest.raises(RequestRefused, match="has not been read yet"):
        await swap(flat, order())


async def test_a_replacement_that_cannot_be_stored_did_not_happen(flat: House) -> None:
    await flat.read(10_000)
    flat.time.forward(HOUR)
    with refusing(flat, "INSERT", "register_record"), pytest.raises(RequestRefused) as refused:
        await swap(flat, order())
    assert refused.value.code is ErrorCode.STORAGE_UNAVAILABLE
    assert await flat.engine.try_recover()
    register = flat.meter.register
    assert register is not None
    assert (register.epoch, register.watermark_wh, flat.available) == (0, 10_000, zar("100"))
    assert (await swap(flat, order()))[0].energy_wh == 2_000
    assert flat.problems() == []


async def test_a_reading_by_hand_is_charged_like_any_other_and_kept_as_one(flat: House) -> None:
    assert await tell(flat, "10.000") == "first"
    flat.time.forward(HOUR)
    assert await tell(flat, "12.5") == "charged"
    assert (flat.available, flat.meter.energy_wh) == (zar("95"), 2_500)
    assert await tell(flat, "12.5") == "unchanged"
    assert flat.rows("SELECT kind, register_wh, actor FROM register_record ORDER BY told_at, id")[-1] == (
        "register_read",
        12_500,
        "Sam",
    )
    told = flat.events("register_read")
    assert [(each["outcome"], each["manual"], each["by"]) for each in told] == [
        ("first", True, "Sam"),
        ("charged", True, "Sam"),
        ("unchanged", True, "Sam"),
    ]
    assert flat.problems() == []


@pytest.mark.invariant(5)
async def test_readings_by_hand_and_by_message_charge_the_register_and_nothing_twice(flat: House) -> None:
    await flat.read(10_000)
    flat.time.forward(HOUR)
    assert await tell(flat, "11.0") == "charged"
    await flat.read(10_990)
    await flat.read(11_050, after=HOUR)
    assert await tell(flat, "11") == "unchanged"
    assert (flat.meter.energy_wh, flat.problems()) == (1_050, [])


async def test_a_reading_dated_in_the_past_never_moves_the_counter_back(flat: House) -> None:
    await flat.read(10_000)
    await flat.read(12_000, after=2 * HOUR)
    for _ in range(4):
        assert await tell(flat, "11.000", iso(NOON + HOUR)) == "unchanged"
    register = flat.meter.register
    assert register is not None
    assert (register.watermark_wh, register.at, register.doubt) == (12_000, flat.time.wall, None)
    with pytest.raises(RequestRefused, match="began at"):
        await tell(flat, "9.000", iso(NOON - HOUR))


@pytest.mark.invariant(6)
async def test_a_reading_by_hand_that_cannot_be_is_held_back_like_any_other(flat: House) -> None:
    await flat.read(10_000)
    for _ in range(3):
        flat.time.forward(HOUR // 60)
        assert await tell(flat, "5000") == "doubted"
    assert flat.alert_kinds() == {"register_quarantined"}
    assert flat.available == zar("100")
    await flat.read(10_100, after=HOUR)
    assert (flat.alert_kinds(), flat.available) == (set(), zar("99.80"))
    assert flat.problems() == []


async def test_a_device_tells_its_own_readings_and_no_others(tmp_path: Path) -> None:
    async with house(tmp_path, TWO) as made:
        assert await tell(made, "10.000", actor=DEVICE) == "first"
        made.time.forward(HOUR)
        assert await tell(made, "11.000", actor=DEVICE) == "charged"
        assert (made.meter.online, made.meter.last_seen) == (True, made.time.wall)
        assert (made.events("register_read"), made.rows("SELECT * FROM register_record")) == ([], [])
        with pytest.raises(RequestRefused, match="no meter 'flat-2/main'"):
            await made.app.meters.submit_reading(DEVICE, "flat-2/main", register="1.0", at=None)
        assert made.problems() == []


async def test_no_reading_is_dated_by_a_clock_that_is_not_believed(flat: House) -> None:
    await flat.read(10_000)
    flat.time.wall += 5 * HOUR
    await flat.tick()
    with pytest.raises(RequestRefused, match="does not believe its clock"):
        await tell(flat, "11.000")
