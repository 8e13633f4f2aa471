"""No operation finds its account in a state that it does not post first: every operation in every state."""

from collections.abc import Awaitable, Callable, Iterator
from inspect import isabstract
from pathlib import Path
import re
from typing import Any

import pytest

from meter_bridge.core.calendar import SLOT_MS
from meter_bridge.devices.base.driver import Report
from meter_bridge.engine.accounts.dispatch import OPERATIONS
from meter_bridge.engine.operations.operation import Operation, Operations
from meter_bridge.errors import RequestRefused
from meter_bridge.payments.order import BookingStep
from meter_bridge.payments.orders.bookings import (
    BookingRecord,
    CreditPayment,
    ReinstatePayment,
    ReversePayment,
)
from meter_bridge.protocol import requests
from tests.engine.harness import HOUR, LANDLORD, SITE, House, house, operate
from tests.engine.ledger.test_deferred_posting import MINUTE, SECOND, at_the_reading, in_turns, journal

DAY = 24 * HOUR
RULES = SITE.replace(
    "prices: [2.00]\n", "prices: [2.00]\n            standing charge: 1.00 per day\n"
).replace(
    "low credit: [5.00]\n",
    "customer: A. Nkosi\n        low credit: [5.00]\n"
    "        emergency credit: {limit: 20.00, threshold: 500.00}\n",
)
TWO = RULES + RULES[RULES.index("      flat-1:") :].replace("flat-1", "flat-2").replace("Flat 1", "Flat 2")
DEBT = requests.OpenDebt(
    debt="boiler", description="Boiler", amount="70.00", reason="broken", rate="3.00", every="day"
)
OUT = requests.MoveOut(reason="end of lease", remainder="keep")

SERIAL = re.compile(r'(?<="reference":)"[^"]+"')
"""Serial of a voucher, which is drawn."""

type Act = Callable[[House], Awaitable[object]]


async def nothing(_: House) -> None:
    """Prepare nothing."""


def asks(request: requests.OperationRequest) -> Act:
    """Return the act of asking for an operation on the books of flat 1."""

    async def act(flat: House) -> None:
        await operate(flat, request, "the operation")

    return act


async def moved_out(flat: House) -> None:
    """Let the customer of flat 1 move out."""
    await operate(flat, OUT)


def newest_top_up(flat: House) -> str:
    """Return the newest top-up of flat 1."""
    query = "SELECT id FROM journal_entry WHERE kind = 'top_up' AND account_id = 'flat-1' ORDER BY seq DESC"
    return str(flat.rows(query)[0][0])


async def reverse_top_up(flat: House) -> None:
    """Reverse the newest top-up."""
    await operate(flat, requests.Reversal(entry=newest_top_up(flat), reason="bounced"))


def record(step: BookingStep, amount: int) -> BookingRecord:
    """Return what is written down beside the booking of a payment."""
    return BookingRecord(
        provider="till", name="Till", step=step, key="k", payment_id="p", order_id=None, amount=amount
    )


def pays(kind: type[CreditPayment]) -> Act:
    """Return the act of a provider that has money."""

    async def act(flat: House) -> None:
        operation = kind(record(BookingStep.CREDIT, 5_000_000))
        await Operations(flat.engine.session).run(LANDLORD, "flat-1", operation, "k")

    return act


def takes_back(*, is_whole: bool) -> Act:
    """Return the act of a provider that takes money back."""

    async def act(flat: House) -> None:
        booked = record(BookingStep.REVERSE, -5_000_000)
        operation = ReversePayment(booked, newest_top_up(flat), is_whole, is_whole)
        operation.reversal = type(operation.reversal)(
            requests.Reversal(entry=newest_top_up(flat), reason="charged back")
        )
        await Operations(flat.engine.session).run(LANDLORD, "flat-1", operation, "k")

    return act


async def redeem(flat: House) -> None:
    """Sell a voucher and redeem it."""
    made = await flat.app.payments.vouchers.create(LANDLORD, requests.VoucherOrder(count=1, amount="50.00"))
    await flat.app.payments.redeem_voucher(LANDLORD, "flat-1", made.vouchers[0].code, key="k")


async def replace_meter(flat: House) -> None:
    """Replace the meter of flat 1."""
    register = flat.meter.register
    assert register is not None
    shown = f"{register.watermark_wh / 1000:.3f}"
    wanted = requests.ReplacementRequest(closing=shown, opening="0", reason="broken")
    await flat.app.sites.replace_meter(LANDLORD, flat.meter.id, wanted, key="k")


async def top_up(flat: House) -> None:
    """Top flat 1 up."""
    await flat.top_up("10.00")


CASES: dict[str, tuple[Act, Act]] = {
    "Refund": (nothing, asks(requests.Refund(amount="5.00", reason="r"))),
    "Correction": (nothing, asks(requests.Correction(amount="-5.00", reason="r"))),
    "Repricing": (
        nothing,
        asks(requests.Repricing(day="2026-11-01", version="flat@2026-01-01", reason="r")),
    ),
    "Transfer": (nothing, asks(requests.Transfer(to="flat-2", amount="5.00", reason="r"))),
    "Reversal": (nothing, reverse_top_up),
    "WriteOff": (nothing, asks(requests.WriteOff(debt="boiler", amount="2.00", reason="r"))),
    "OpenDebt": (
        nothing,
        asks(
            requests.OpenDebt(debt="deposit", description="Deposit", amount="9.00", reason="r", percent="10")
        ),
    ),
    "ChangeDebt": (nothing, asks(requests.ChangeDebt(debt="boiler", reason="r", rate="4.00"))),
    "CloseDebt": (nothing, asks(requests.CloseDebt(debt="boiler", reason="r"))),
    "EmergencyCredit": (nothing, asks(requests.SelectEmergencyCredit())),
    "MoveOut": (
        nothing,
        asks(requests.MoveOut(reason="r", remainder="transfer", to="flat-2", unread=True)),
    ),
    "MoveIn": (moved_out, asks(requests.MoveIn(customer="B. Dlamini", opening_credit="40.00"))),
    "Settlement": (
        moved_out,
        asks(requests.Settlement(tenancy=1, how="charged", amount="7.00", reason="r")),
    ),
    "TopUp": (nothing, top_up),
    "CreditPayment": (nothing, pays(CreditPayment)),
    "ReinstatePayment": (nothing, pays(ReinstatePayment)),
    "ReversePayment": (nothing, takes_back(is_whole=False)),
    "ReversePayment, whole": (nothing, takes_back(is_whole=True)),
    "RedeemVoucher": (nothing, redeem),
    "ReplaceMeter": (nothing, replace_meter),
}


def concrete_operations(kind: type[Operation[Any]] = Operation) -> Iterator[str]:
    """Yield the names of all operations."""
    if not isabstract(kind):
        yield kind.__name__.removesuffix("Operation")
    for below in kind.__subclasses__():
        yield from concrete_operations(below)


def test_every_operation_has_its_case() -> None:
    known = {name.partition(",")[0] for name in CASES}
    assert {kind.__name__.removesuffix("Operation") for kind in OPERATIONS.values()} < known
    shipped = set(concrete_operations()) - {"Account"}
    assert known == {name for name in shipped if not name.startswith("_")}


async def read_both(flat: House, wh: int, after: int) -> None:
    """Hear both meters at once."""
    both = [Report(f"tasmota:flat-{n}/1", register_wh=wh, power_mw=700_000) for n in (1, 2)]
    await flat.report(*both, after=after)


async def open_quarter(flat: House) -> None:
    """Use something within a quarter of an hour that goes on."""
    await read_both(flat, 10_100, MINUTE)


async def ended_quarter(flat: House) -> None:
    """End a quarter of an hour: what closed of both flats waits for its turn."""
    await read_both(flat, 10_100, MINUTE)
    await read_both(flat, 10_200, SLOT_MS - flat.time.wall % SLOT_MS)


async def ended_day(flat: House) -> None:
    """End a day as well: what closed waits, and a standing charge and an instalment are due."""
    flat.time.forward(12 * HOUR - SECOND - flat.time.wall % HOUR)
    await ended_quarter(flat)


async def used_up(flat: House) -> None:
    """Use the credit up with what waits."""
    await operate(flat, requests.Correction(amount="-140.00", reason="rent"))
    await ended_quarter(flat)


STATES = (open_quarter, ended_quarter, ended_day, used_up)


async def books_after(data: Path, state: Act, prepare: Act, act: Act) -> tuple[object, bool]:
    """Return the books after an operation in a state, or why it was refused, and whether anything waited."""
    async with house(data, TWO) as flat:
        flat.at_once = False
        await flat.app.accounts.top_up(
            LANDLORD, "flat-2", amount="60.00", method="cash", reference=None, key="k"
        )
        await read_both(flat, 10_000, MINUTE)
        await operate(flat, DEBT)
        await flat.top_up("50.00")
        await prepare(flat)
        await state(flat)
        waited = any(
            supply.deferred_posting is not None
            for account in flat.engine.session.installation.accounts.values()
            for supply in account.supplies
        )
        refusal = None
        try:
            await act(flat)
        except RequestRefused as refused:
            refusal = refused.message
        assert flat.engine.session.storage_error is None
        if refusal is None:
            assert all(supply.deferred_posting is None for supply in flat.account.supplies)
        await flat.post_all()
        await flat.tick()
        assert flat.problems() == []
        return (SERIAL.sub("", repr(journal(flat))), refusal), waited


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
@pytest.mark.parametrize("name", CASES)
async def test_no_booking_finds_its_account_in_a_state_that_it_does_not_post(
    tmp_path: Path, name: str, state: Act
) -> None:
    books = []
    for way in (at_the_reading, in_turns):
        with pytest.MonkeyPatch.context() as patch:
            way(patch)
            found, waited = await books_after(tmp_path / way.__name__, state, *CASES[name])
            books.append(found)
            assert waited == (way is in_turns and state is not open_quarter)
    assert books[0] == books[1]
