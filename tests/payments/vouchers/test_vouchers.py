"""A voucher is sold once, redeemed once, and each reason why it is refused has an answer of its own."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy.exc import IntegrityError

from meter_bridge.actor import Actor
from meter_bridge.core.supply.alerts import AlertKey
from meter_bridge.engine.access.secret_key import KEY_NAME, KeyFileError, load_key
from meter_bridge.errors import RequestRefused
from meter_bridge.payments.vouchers.code import has_valid_check_digits, with_check_digits
from meter_bridge.protocol.messages import ErrorCode, Role
from meter_bridge.protocol.payments import NewVouchers, VoucherState
from meter_bridge.protocol.requests import VoucherOrder
from meter_bridge.protocol.vocabulary import AlertKind
from tests.engine.harness import HOUR, LANDLORD, NOON, SITE, House, VirtualTime, house, opened, zar

pytestmark = pytest.mark.both_databases

TENANT = Actor("tenant", Role.TENANT, accounts=frozenset({"flat-1"}), token_id="t1")
TWO = SITE + SITE[SITE.index("      flat-1:") :].replace("flat-1", "flat-2").replace("Flat 1", "Flat 2")
DAY = 24 * HOUR


@pytest_asyncio.fixture
async def street(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path, TWO) as two:
        yield two


async def make(street: House, count: int = 1, amount: str = "50.00", **more: object) -> NewVouchers:
    order = VoucherOrder(count=count, amount=amount, **more)  # type: ignore[arg-type]
    return await street.app.payments.vouchers.create(LANDLORD, order)


async def redeem(
    street: House, code: str, key: str = "k", account: str = "flat-1", actor: Actor = TENANT
) -> int:
    result, _ = await street.app.payments.redeem_voucher(actor, account, code, key=key)
    await street.settle()
    return result.top_up.amount


async def refusal(street: House, code: str, key: str = "k", account: str = "flat-1") -> RequestRefused:
    actor = TENANT if account == "flat-1" else LANDLORD
    with pytest.raises(RequestRefused) as refused:
        await redeem(street, code, key, account, actor)
    return refused.value


def top_ups(street: House, account: str = "flat-1") -> int:
    query = f"SELECT count(*) FROM journal_entry WHERE kind = 'top_up' AND account_id = '{account}'"
    ((count,),) = street.rows(query)
    assert isinstance(count, int)
    return count


async def test_a_voucher_becomes_credit_and_names_its_serial(street: House) -> None:
    made = await make(street)
    before = street.available
    assert await redeem(street, made.vouchers[0].code) == zar("50.00")
    assert street.available == before + zar("50.00")
    booked = street.events("top_up")[-1]
    assert (booked["method"], booked["reference"]) == ("voucher", made.vouchers[0].serial)
    assert street.problems() == []


async def test_codes_are_whole_and_no_two_are_alike(street: House) -> None:
    made = await make(street, 500)
    codes = [each.code.replace(" ", "") for each in made.vouchers]
    assert len(set(codes)) == 500
    assert all(has_valid_check_digits(code) for code in codes)


async def test_nothing_that_is_stored_holds_a_code(street: House) -> None:
    made = await make(street, 3)
    await redeem(street, made.vouchers[0].code)
    await refusal(street, with_check_digits(123456789))
    stored = b"".join(path.read_bytes() for path in street.data.iterdir() if path.is_file())
    for code in (*(each.code for each in made.vouchers), with_check_digits(123456789)):
        assert code.encode() not in stored
        assert code.replace(" ", "").encode() not in stored


async def test_a_used_voucher_and_one_that_never_was_get_different_answers(street: House) -> None:
    made = await make(street)
    await redeem(street, made.vouchers[0].code)
    used = await refusal(street, made.vouchers[0].code, "again")
    never = await refusal(street, with_check_digits(42), "never")
    slip = await refusal(street, made.vouchers[0].code[:-1] + "x", "slip")
    assert used.code is ErrorCode.VOUCHER_USED
    assert "already used, on 2026-11-01" in used.message
    assert never.code is slip.code is ErrorCode.VOUCHER_NOT_VALID
    assert never.message != slip.message
    assert top_ups(street) == 2


@pytest.mark.invariant(4)
async def test_a_voucher_counts_once_however_often_and_wherever_it_is_typed_at_once(street: House) -> None:
    made = await make(street)
    code = made.vouchers[0].code
    tries = [
        street.app.payments.redeem_voucher(LANDLORD, f"flat-{1 + n % 2}", code, key=f"k{n}")
        for n in range(10)
    ]
    done = await asyncio.gather(*tries, return_exceptions=True)
    refused = [each.code for each in done if isinstance(each, RequestRefused)]
    assert refused == [ErrorCode.VOUCHER_USED] * 9
    assert top_ups(street) + top_ups(street, "flat-2") == 2
    assert street.problems() == []


@pytest.mark.invariant(4)
async def test_the_same_key_again_gives_the_first_answer(street: House) -> None:
    made = await make(street)
    await redeem(street, made.vouchers[0].code)
    again, replayed = await street.app.payments.redeem_voucher(
        TENANT, "flat-1", made.vouchers[0].code, key="k"
    )
    assert replayed
    assert again.top_up.amount == zar("50.00")
    assert top_ups(street) == 2


@pytest.mark.invariant(4)
async def test_the_same_key_with_another_voucher_is_a_conflict(street: House) -> None:
    made = await make(street, 2)
    await redeem(street, made.vouchers[0].code)
    assert (await refusal(street, made.vouchers[1].code)).code is ErrorCode.IDEMPOTENCY_CONFLICT
    assert await redeem(street, made.vouchers[1].code, "other") == zar("50.00")


@pytest.mark.invariant(8)
async def test_a_voucher_that_was_used_is_used_after_a_restart(tmp_path: Path) -> None:
    async with house(tmp_path, TWO) as before:
        made = await make(before)
        await redeem(before, made.vouchers[0].code)
    async with opened(tmp_path, VirtualTime(NOON + HOUR)) as after:
        assert (await refusal(after, made.vouchers[0].code, "new")).code is ErrorCode.VOUCHER_USED


@pytest.mark.invariant(3)
async def test_the_database_refuses_a_second_redemption_and_any_change_of_one(street: House) -> None:
    made = await make(street)
    await redeem(street, made.vouchers[0].code)
    again = "INSERT INTO voucher_redemption SELECT * FROM voucher_redemption"
    for statement in (
        again,
        "UPDATE voucher_redemption SET account_id = 'flat-2'",
        "DELETE FROM voucher_redemption",
    ):
        with pytest.raises(IntegrityError):
            street.change(statement)


async def test_a_voucher_lasts_as_many_days_as_the_wall_clock_says(street: House) -> None:
    """A clock that was ahead by hours is set back: event time is past the end, or would end later."""
    made = await make(street, 2, days=1, needs_sale=True)
    await street.tick(30 * HOUR)
    await street.set_clock_back(20)  # a day is over by event time alone
    serials = [each.serial for each in made.vouchers]
    (batch,) = (await street.app.payments.vouchers.batches(LANDLORD)).batches
    assert batch.states == {VoucherState.UNSOLD: 2}
    listed = (await street.app.payments.vouchers.batch(LANDLORD, batch.id)).vouchers
    assert {each.state for each in listed} == {VoucherState.UNSOLD}
    await street.app.payments.vouchers.sell(LANDLORD, serials, to="Kiosk")
    assert await redeem(street, made.vouchers[0].code) == zar("50.00")
    later = await make(street, 1, days=1)
    street.time.forward(15 * HOUR)
    assert (await refusal(street, made.vouchers[1].code, "k2")).code is ErrorCode.VOUCHER_EXPIRED
    street.time.forward(9 * HOUR)
    assert (await refusal(street, later.vouchers[0].code, "k3")).code is ErrorCode.VOUCHER_EXPIRED


async def test_an_expired_voucher_says_so_to_its_last_millisecond(street: House) -> None:
    made = await make(street, 2, days=30)
    street.time.forward(30 * DAY - 1)
    await redeem(street, made.vouchers[0].code)
    street.time.forward(1)
    refused = await refusal(street, made.vouchers[1].code, "late")
    assert refused.code is ErrorCode.VOUCHER_EXPIRED
    assert "2026-12-01" in refused.message


async def test_a_blocked_voucher_says_so_and_a_batch_is_blocked_as_far_as_it_was_not_used(
    street: House,
) -> None:
    made = await make(street, 3)
    serials = [each.serial for each in made.vouchers]
    await redeem(street, made.vouchers[0].code)
    payments = street.app.payments
    done = await payments.vouchers.block(LANDLORD, (), made.batch.id, reason="stolen")
    assert set(done.serials) == set(serials[1:])
    assert (await refusal(street, made.vouchers[1].code, "b")).code is ErrorCode.VOUCHER_BLOCKED
    with pytest.raises(RequestRefused, match="was used"):
        await payments.vouchers.block(LANDLORD, serials[:1], None, reason="late")
    states = {
        each.serial: each.state for each in (await payments.vouchers.batch(LANDLORD, made.batch.id)).vouchers
    }
    assert [states[each] for each in serials] == [
        VoucherState.REDEEMED,
        VoucherState.BLOCKED,
        VoucherState.BLOCKED,
    ]


async def test_a_voucher_that_needs_a_sale_is_sold_once_and_worth_nothing_before(street: House) -> None:
    made = await make(street, needs_sale=True)
    serial, payments = made.vouchers[0].serial, street.app.payments
    assert "not been sold" in (await refusal(street, made.vouchers[0].code)).message
    await payments.vouchers.sell(LANDLORD, (serial,), to="receipt 12")
    with pytest.raises(RequestRefused, match="sold on 2026-11-01"):
        await payments.vouchers.sell(LANDLORD, (serial,), to="receipt 13")
    assert await redeem(street, made.vouchers[0].code, "now") == zar("50.00")


async def test_a_voucher_above_the_limits_of_the_account_is_not_used_up(tmp_path: Path) -> None:
    limited = SITE.replace("low credit: [5.00]", "low credit: [5.00]\n        maximum balance: 120.00")
    async with house(tmp_path, limited) as flat:
        made = await make(flat)
        refused = await refusal(flat, made.vouchers[0].code)
        assert refused.code is ErrorCode.AMOUNT_OUT_OF_RANGE
        assert "not used up" in refused.message
        (view,) = (await flat.app.payments.vouchers.batch(LANDLORD, made.batch.id)).vouchers
        assert view.state is VoucherState.GOOD


async def test_the_fifth_wrong_code_locks_the_account_also_for_the_right_one_and_after_a_restart(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, TWO) as street:
        made = await make(street, 2)
        for number in range(5):
            refused = await refusal(street, with_check_digits(number), f"g{number}")
            assert refused.code is ErrorCode.VOUCHER_NOT_VALID
        locked = await refusal(street, made.vouchers[0].code, "right")
        assert locked.code is ErrorCode.TOO_MANY_REQUESTS
        assert locked.remedy == "try again in 60 minutes"
        assert await redeem(street, made.vouchers[1].code, "other", "flat-2", LANDLORD) == zar("50.00")
    async with opened(tmp_path, VirtualTime(NOON + HOUR // 2)) as again:
        assert (await refusal(again, made.vouchers[0].code, "x")).code is ErrorCode.TOO_MANY_REQUESTS
        again.time.forward(HOUR // 2)
        assert await redeem(again, made.vouchers[0].code, "x") == zar("50.00")


async def test_a_key_that_was_answered_is_answered_again_while_entry_is_locked(street: House) -> None:
    made = await make(street)
    await redeem(street, made.vouchers[0].code, "mine")
    for number in range(5):
        await refusal(street, with_check_digits(number), f"g{number}")
    assert await redeem(street, made.vouchers[0].code, "mine") == zar("50.00")


async def test_a_thousand_guesses_hear_five_answers_and_leave_a_short_record(street: House) -> None:
    codes = [(await refusal(street, with_check_digits(n), f"g{n}")).code for n in range(1_000)]
    assert codes.count(ErrorCode.VOUCHER_NOT_VALID) == 5
    assert codes.count(ErrorCode.TOO_MANY_REQUESTS) == 995
    record = street.events("voucher_refused")
    assert [each["locked"] for each in record] == [False] * 4 + [True]
    street.time.forward(HOUR)
    await refusal(street, with_check_digits(77_777), "later")
    assert street.events("voucher_refused")[-1]["turned_away_before"] == 995
    assert top_ups(street) == 1


async def test_guesses_that_arrive_at_once_hear_no_more_answers_than_one_after_the_other(
    street: House,
) -> None:
    codes = (with_check_digits(10_000 + n) for n in range(200))
    heard = await asyncio.gather(*(refusal(street, code, f"k-{n}") for n, code in enumerate(codes)))
    assert [each.code for each in heard].count(ErrorCode.VOUCHER_NOT_VALID) == 5


async def test_guessing_everywhere_raises_an_alert_that_ends_with_it(street: House) -> None:
    till = street.app.payments._voucher_redemption
    for account in range(25):
        for mark in range(4):
            till._lockout.record_wrong(f"account {account}", str(mark), 6, street.engine.session.clock.now())
    await street.app.payments.tick()
    key = AlertKey(AlertKind.VOUCHER_GUESSING)
    assert key in street.engine.session.installation.alerts
    assert (await refusal(street, with_check_digits(1), "one")).code is ErrorCode.VOUCHER_NOT_VALID
    assert (await refusal(street, with_check_digits(2), "two")).code is ErrorCode.TOO_MANY_REQUESTS
    street.time.forward(HOUR + 1)
    await street.app.payments.tick()
    assert key not in street.engine.session.installation.alerts


@pytest.mark.invariant(15)
async def test_a_tenant_redeems_for_the_own_account_alone(street: House) -> None:
    made = await make(street)
    with pytest.raises(RequestRefused) as refused:
        await redeem(street, made.vouchers[0].code, account="flat-2")
    assert refused.value.code is ErrorCode.NOT_FOUND
    assert await redeem(street, made.vouchers[0].code) == zar("50.00")


@pytest.mark.parametrize(
    "order,field",
    [
        (VoucherOrder(count=1, amount="0"), "amount"),
        (VoucherOrder(count=1, amount="-5"), "amount"),
        (VoucherOrder(count=1, amount="1.005"), "amount"),
        (VoucherOrder(count=1, amount="5", site="other"), "site"),
        (VoucherOrder(count=1, amount="5", currency="EUR"), "currency"),
    ],
)
async def test_an_order_that_makes_no_sense_makes_no_voucher(
    street: House, order: VoucherOrder, field: str
) -> None:
    with pytest.raises(RequestRefused) as refused:
        await street.app.payments.vouchers.create(LANDLORD, order)
    assert refused.value.field == field
    assert street.rows("SELECT count(*) FROM voucher") == [(0,)]


async def test_a_landlord_of_named_sites_makes_and_sees_vouchers_of_those_alone(street: House) -> None:
    elsewhere = Actor("other", Role.LANDLORD, frozenset({"elsewhere"}))
    made = await make(street, site="house")
    payments = street.app.payments
    with pytest.raises(RequestRefused, match="token of all sites"):
        await payments.vouchers.create(elsewhere, VoucherOrder(count=1, amount="5"))
    assert (await payments.vouchers.batches(elsewhere)).batches == ()
    with pytest.raises(RequestRefused, match="there is no batch"):
        await payments.vouchers.batch(elsewhere, made.batch.id)
    with pytest.raises(RequestRefused, match="there is no voucher"):
        await payments.vouchers.sell(elsewhere, (made.vouchers[0].serial,), to="x")


async def test_a_lost_key_is_named_and_a_damaged_one_keeps_the_bridge_from_starting(tmp_path: Path) -> None:
    async with house(tmp_path, TWO) as street:
        made = await make(street)
    (tmp_path / KEY_NAME).unlink()
    async with opened(tmp_path, VirtualTime(NOON + HOUR)) as street:
        assert "secret.key" in str((await refusal(street, made.vouchers[0].code)).remedy)
    (tmp_path / KEY_NAME).write_text("not a key")
    with pytest.raises(KeyFileError, match="restore it from a backup"):
        load_key(tmp_path)


def test_the_key_file_is_its_owner_s_alone_and_stays_the_same(tmp_path: Path) -> None:
    key = load_key(tmp_path)
    assert (tmp_path / KEY_NAME).stat().st_mode & 0o777 == 0o600
    assert load_key(tmp_path) == key
    assert repr(key) == "SecretKey()"
