"""Bugs to plant into the bridge, each the breach of a promise, and the seed that is known to find it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
import sqlite3
import time
from typing import Any, Final
from unittest.mock import patch

from dashboard.pricing import amounts
from meter_bridge.core.clock import GuardedClock
from meter_bridge.core.ledger import credit, journal
from meter_bridge.core.ledger.credit import CreditPolicy, CreditState, TopUpSplit
from meter_bridge.core.ledger.debt import Debt
from meter_bridge.core.ledger.journal import Bucket
from meter_bridge.core.rating.period_to_date import ChargesBuilder
from meter_bridge.core.rating.rating import Line, LineKey
from meter_bridge.core.register import power_comparison, register
from meter_bridge.core.register.register import Register, RegisterReading, RegisterStep
from meter_bridge.core.supply import local_cutoff, relay
from meter_bridge.core.supply.local_cutoff import CutOffBasis, CutOffState
from meter_bridge.core.supply.relay import Observation, Relay
from meter_bridge.core.tariff.tariff import TariffVersion
from meter_bridge.devices.tasmota import readings as tasmota
from meter_bridge.devices.zigbee2mqtt import readings as zigbee
from meter_bridge.engine.access import visibility
from meter_bridge.engine.accounts import reversals
from meter_bridge.engine.engine import Engine
from meter_bridge.engine.metering.silence import SilenceWatch
from meter_bridge.engine.operations import operation
from meter_bridge.engine.operations.operation import Operations
from meter_bridge.engine.state.clock import EngineClock
from meter_bridge.engine.state.model import Account, Meter
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.engine.supply import local_cutoff as engine_cutoff
from meter_bridge.engine.supply.service import SupplyService
from meter_bridge.engine.supply.view import supply_view
from meter_bridge.payments import order
from meter_bridge.payments.orders.webhooks import ProviderPolling
from meter_bridge.payments.vouchers import redemption
from meter_bridge.protocol.messages import SupplyView
from meter_bridge.protocol.vocabulary import RelayPosition, RelayProof
from meter_bridge.storage import changeset as ops
from meter_bridge.storage.changeset import Changeset, Row
from tests.simulation import clock_bugs, world
from tests.simulation.faults import HOUR_S, Fault
from tests.storage.template import new_database

type Patches = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Bug:
    """A bug that can be switched on."""

    name: str
    invariant: int | None
    """None for a rule of the domain."""
    patches: Callable[[], Patches]
    seed: int = 1
    days: float = 0.5
    meters: int = 5
    faults: tuple[Fault, ...] | None = None
    """What has to fail for it to show, where that is rare; None for all faults of the seed."""

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Plant the bug until the end of the block."""
        patches = self.patches()
        for each in patches:
            each.start()
        try:
            yield
        finally:
            for each in patches:
                each.stop()


def _unbalanced() -> Patches:
    honest = journal.top_up_postings

    def top_up(asset: str, split: TopUpSplit) -> tuple[journal.Posting, ...]:
        first, *rest = honest(asset, split)
        return replace(first, amount=first.amount + 1), *rest

    return patch.object(journal, "top_up_postings", top_up), patch.object(
        journal, "check_balanced", lambda _: None
    )


def _without(*left_out: ops.Statement) -> Any:  # noqa: ANN401 - mock's own type has no public name
    """Return a patch that leaves rows of some kinds out of every transaction."""
    honest = Changeset.add

    def add(self: Changeset, op: ops.Statement, row: Row) -> None:
        if op not in left_out:
            honest(self, op, row)

    return patch.object(Changeset, "add", add)


def _no_guards() -> Patches:
    def new(folder: Path) -> Path:
        path = new_database(folder)
        with sqlite3.connect(path) as connection:
            connection.execute("DROP TRIGGER posting_no_update")
        connection.close()
        return path

    return (patch.object(world, "new_database", new),)


def _no_keys() -> Patches:
    return patch.object(Operations, "_find_result", lambda *_: None), _without(ops.INSERT_OPERATION)


def _late_readings_count() -> Patches:
    honest = register.advance

    def advance(state: Register, reading: RegisterReading, rating_w: int) -> RegisterStep:
        if reading.wh < state.watermark_wh:
            return RegisterStep(replace(state, watermark_wh=reading.wh))
        return honest(state, reading, rating_w)

    return (patch.object(register, "advance", advance),)


def _rounds_each_charge() -> Patches:
    honest = ChargesBuilder.add_to_line

    def add_to(self: ChargesBuilder, version: TariffVersion, key: LineKey, each: Line, natural: int) -> int:
        amount = honest(self, version, key, each, natural)
        wrong = -(-amount // 100) * 100
        if key in self.added:
            self.added[key][1] += wrong - amount
        return wrong

    return (patch.object(ChargesBuilder, "add_to_line", add_to),)


def _acknowledges_first() -> Patches:
    return _does_not_wait_for(ops.INSERT_OPERATION)


def _does_not_wait_for(kind: ops.Statement) -> Patches:
    """Return a patch that responds before a transaction with such a row is on disk."""
    honest = Session.commit

    async def commit(self: Session, unit: Transaction) -> None:
        if kind in unit.changeset.rows:
            self.submit(unit)
        else:
            await honest(self, unit)

    return (patch.object(Session, "commit", commit),)


def _holds_before_it_stores() -> Patches:
    async def finish(self: SupplyService, account: Account, tx: Transaction) -> SupplyView:
        self._session.submit(tx)
        return supply_view(account)

    return (patch.object(SupplyService, "_finish", finish),)


def _repays_last() -> Patches:
    honest = credit._credit_back

    def credit_back(policy: CreditPolicy, state: CreditState, amount: int) -> tuple[int, int, int]:
        low, repaid, rest = honest(policy, state, amount)
        return low, 0, repaid + rest

    return (patch.object(credit, "_credit_back", credit_back),)


def _takes_back_the_balance_alone() -> Patches:
    honest = reversals._top_up_changes

    def changes(account: Account, entry: reversals._ReversibleEntry, worth: int) -> dict[str, int]:
        honestly = honest(account, entry, worth)
        return {bucket: amount for bucket, amount in honestly.items() if bucket == Bucket.BALANCE}

    return (patch.object(reversals, "_top_up_changes", changes),)


def _sends_once() -> Patches:
    honest = relay.retry_at

    def retry_at(state: Relay) -> int | None:
        return honest(state) if state.attempts == 0 else None

    return (patch.object(relay, "retry_at", retry_at),)


def _believes_acknowledgements() -> Patches:
    honest = relay._proof

    def proof(state: Relay, seen: Observation, before: RelayPosition | None) -> RelayProof:
        confirmed = state.reported is state.requested and state.reported_at >= state.sent_at
        return RelayProof.CONFIRMED if confirmed else honest(state, seen, before)

    return (patch.object(relay, "_proof", proof),)


def _trusts_the_wall_clock() -> Patches:
    honest = EngineClock._set_state

    def take(self: EngineClock, state: GuardedClock) -> None:
        honest(self, state)
        self.sure = True

    return (
        patch.object(EngineClock, "now", lambda self: self._clocks.wall()),
        patch.object(EngineClock, "_set_state", take),
    )


def _swallows_failures() -> Patches:
    return (patch.object(Session, "fail", lambda _self, _reason: None),)


def _keeps_what_was_not_stored() -> Patches:
    async def try_recover(self: Engine) -> bool:
        session = self.session
        await session.drain()
        session.store.recover()
        await session.store.commit(session.heartbeat_changeset())
        session.storage_error = None
        return True

    return (patch.object(Engine, "try_recover", try_recover),)


def _another_time_each_run() -> Patches:
    honest = EngineClock.now
    return (patch.object(EngineClock, "now", lambda self: honest(self) + time.time_ns() % 3),)


def _answers_web_hooks_first() -> Patches:
    return _does_not_wait_for(ops.INSERT_PAYMENT_EVENT)


def _late_failures_count() -> Patches:
    honest = order._next_credit

    def credit(case: order.PaymentCase) -> order.NextStep | None:
        failed = any(each.kind is order.ProviderEventKind.FAILED for each in case.events)
        return None if failed else honest(case)

    return (patch.object(order, "_next_credit", credit),)


def _asks_no_provider() -> Patches:
    async def tick(_self: ProviderPolling) -> None:
        pass

    return (patch.object(ProviderPolling, "tick", tick),)


def _sets_round_down() -> Patches:
    macro = "CREATE OR REPLACE TEMP MACRO half_even(n, d) AS floor_div(n, d)"
    return (patch.object(amounts, "MACROS", (amounts.MACROS[0], macro)),)


def _counts_on_what_is_wanted() -> Patches:
    def wanted(cut_off: CutOffState) -> int | None:
        return cut_off.target_wh

    return (patch.object(local_cutoff, "latest_cut_off_wh", wanted),)


def _gives_too_much() -> Patches:
    honest = local_cutoff.cut_off_wh

    def cut_off_wh(basis: CutOffBasis) -> int | None:
        limit = honest(basis)
        return None if limit is None else limit + 5_000

    return (patch.object(local_cutoff, "cut_off_wh", cut_off_wh),)


def _protects_nobody() -> Patches:
    return (patch.object(engine_cutoff, "is_never_cut", lambda _account: False),)


def _waits_for_a_first_word() -> Patches:
    honest = SilenceWatch._judge

    def judge(self: SilenceWatch, meter: Meter, now: int) -> None:
        if meter.last_seen is not None:
            honest(self, meter, now)

    return (patch.object(SilenceWatch, "_judge", judge),)


def _everywhere(kind: str) -> tuple[Fault, ...]:
    """Return the fault for every meter of the street, all the time."""
    return tuple(Fault(n, kind, HOUR_S, 30 * HOUR_S, f"house-{n}") for n in range(1, 6))


LOSS: Final = (Fault(1, "loss", HOUR_S, 30 * HOUR_S, strength=0.3),)
JUMP_BACK: Final = (Fault(1, "clock jump", 3 * HOUR_S, HOUR_S, strength=-6 * HOUR_S),)
CRASHES: Final = tuple(Fault(n, "crash untold", n * HOUR_S, 5.0) for n in range(1, 11))
CRASHES_OF_PAYMENTS: Final = (
    Fault(1, "disk slow", 0.0, 6 * HOUR_S, strength=10.0),
    *(Fault(n, "payment crash statement", n * 60.0, 5.0) for n in range(2, 12)),
)
DEAF_AND_RESET: Final = (
    Fault(1, "meter deaf", HOUR_S, 30 * HOUR_S, "house-3"),
    Fault(2, "counter told", 1.5 * HOUR_S, 1.0, "house-3"),
    Fault(3, "kill", 2 * HOUR_S, 30 * HOUR_S),
)
SWAPS: Final = tuple(Fault(n, "device swapped", n * HOUR_S, 1.0, "house-3") for n in range(1, 6))
STUCK: Final = (Fault(1, "device stuck", HOUR_S, 8 * HOUR_S, "house-2"),)
MISTYPED: Final = (Fault(1, "device mistyped", HOUR_S, 3 * HOUR_S, "house-1"),)
ONLY_RELAY: Final = (Fault(1, "device tells only its relay", HOUR_S, 3 * HOUR_S, "house-3"),)
OTHER_UNIT: Final = (Fault(1, "device in another unit", HOUR_S, 8 * HOUR_S, "house-2", 1.0),)
BAD_DISK: Final = (Fault(1, "disk errors", HOUR_S, 10 * HOUR_S, strength=0.2),)

BUGS: Sequence[Bug] = (
    Bug("a top-up posts one step more than it takes", 1, _unbalanced),
    Bug("balances are not moved with their postings", 2, lambda: (_without(ops.ADD_BALANCE),)),
    Bug("the guard of the postings is missing", 3, _no_guards),
    Bug("idempotency keys are forgotten", 4, _no_keys),
    Bug(
        "a key is accepted again with other content",
        4,
        lambda: (patch.object(operation.Operation, "content_hash", lambda _operation: ""),),
    ),
    Bug(
        "a voucher is good as often as it is typed",
        4,
        lambda: (
            patch.object(redemption, "check_usable", lambda *_: None),
            _without(ops.INSERT_REDEMPTION),
        ),
        seed=2,
        days=2,
        meters=2,
        faults=(),
    ),
    Bug(
        "a posting is stored without what it settled",
        5,
        lambda: (patch.object(Transaction, "save_supply", lambda *_: None),),
        faults=CRASHES,
    ),
    Bug("a late reading moves the watermark back", 5, _late_readings_count),
    Bug(
        "any rise of a register is plausible",
        6,
        lambda: (patch.object(register, "plausible_wh", lambda *_: 10**12),),
        seed=2,
    ),
    Bug(
        "a total is added to its share of each tariff",
        5,
        lambda: (patch.object(tasmota, "_has_tariffs", lambda _energy: False),),
        seed=6,
        days=0.2,
        faults=(),
    ),
    Bug(
        "a number that means no value is taken for one",
        9,
        lambda: tuple(
            patch.object(zigbee, name, frozenset()) for name in ("NO_POWER", "NO_VOLTAGE", "NO_CURRENT")
        ),
        days=0.4,
        faults=_everywhere("meter no_values"),
    ),
    Bug(
        "a plug that shows a little more than the one before is charged",
        6,
        lambda: (patch.object(register, "_has_other_marker", lambda *_: False),),
        faults=SWAPS,
    ),
    Bug(
        "what the power of a device contradicts is charged",
        6,
        lambda: (patch.object(register, "hold", lambda state: state),),
        faults=OTHER_UNIT,
    ),
    Bug(
        "a register that stands still is told to nobody",
        None,
        lambda: (patch.object(power_comparison, "_still", lambda *_: None),),
        faults=STUCK,
    ),
    Bug("a meter that was never heard is no alarm", None, _waits_for_a_first_word, faults=MISTYPED),
    Bug(
        "a device that is heard need not tell its register",
        None,
        lambda: (patch.object(SilenceWatch, "_judge_register", lambda *_: None),),
        faults=ONLY_RELAY,
    ),
    Bug("every charge is rounded up for itself", 7, _rounds_each_charge, seed=2, days=0.2),
    Bug("a top-up is acknowledged before it is on disk", 8, _acknowledges_first),
    Bug(
        "a web hook is answered before it is on disk",
        8,
        _answers_web_hooks_first,
        seed=2,
        days=0.3,
        faults=CRASHES_OF_PAYMENTS,
    ),
    Bug(
        "a hold is acknowledged before it is on disk",
        8,
        _holds_before_it_stores,
        faults=BAD_DISK,
    ),
    Bug("a payment that was reported as failed before is forgotten", 8, _late_failures_count, days=0.3),
    Bug("a payment whose web hook is never sent is forgotten", 8, _asks_no_provider, seed=2, days=0.3),
    Bug("emergency credit is repaid last", None, _repays_last, seed=3, days=1, faults=()),
    Bug(
        "what a debt took of a payment stays with the debt when the payment is taken back",
        None,
        _takes_back_the_balance_alone,
        seed=3,
        days=1.5,
        faults=(),
    ),
    Bug(
        "the cap of a debt counts each payment alone",
        None,
        lambda: (patch.object(Debt, "after_payment", lambda debt, *_: debt),),
        seed=3,
        days=1.5,
        faults=(),
    ),
    Bug(
        "energy that spans a change of bands is priced by the band in which it is read",
        None,
        clock_bugs.takes_the_band_of_the_reading,
        seed=5,
        days=0.5,
        faults=clock_bugs.DEAF,
    ),
    Bug(
        "a price list that is entered ahead holds from when it is entered",
        None,
        clock_bugs.takes_a_price_list_when_it_is_entered,
        seed=5,
        days=0.5,
        faults=(),
    ),
    Bug(
        "on a day on which the clocks change bands begin by the hours since midnight",
        None,
        clock_bugs.counts_the_hours_since_midnight,
        seed=4,
        days=1,
        faults=(),
    ),
    Bug(
        "the next customer pays for what the one before used last",
        None,
        clock_bugs.forgets_who_moved_in,
        seed=8,
        faults=(),
    ),
    Bug(
        "the next customer goes on in the block that the one before had reached",
        None,
        clock_bugs.goes_on_with_the_blocks,
        seed=15,
        days=1,
        faults=(),
    ),
    Bug("a relay command is sent once and never again", 9, _sends_once, seed=2, days=0.4, faults=LOSS),
    Bug(
        "an acknowledgement is taken for an open contact",
        9,
        _believes_acknowledgements,
        seed=2,
        days=0.4,
        faults=_everywhere("meter disobeys"),
    ),
    Bug(
        "a command goes out before its decision is stored",
        10,
        lambda: (patch.object(Transaction, "after_commit", lambda _self, effect: effect()),),
    ),
    Bug(
        "what a device is to hold counts as what it holds",
        11,
        _counts_on_what_is_wanted,
        seed=20,
        meters=3,
        faults=DEAF_AND_RESET,
    ),
    Bug(
        "a device may use five kWh more than its credit buys",
        11,
        _gives_too_much,
        seed=20,
        days=0.1,
        meters=3,
        faults=(),
    ),
    Bug(
        "a device cuts a unit that is never to be cut",
        11,
        _protects_nobody,
        seed=19,
        days=0.1,
        meters=3,
        faults=(),
    ),
    Bug("event time follows the wall clock", 12, _trusts_the_wall_clock, seed=5, faults=JUMP_BACK),
    Bug("a failed commit goes unnoticed", 13, _swallows_failures),
    Bug("what was not stored stays in memory", 13, _keeps_what_was_not_stored, faults=BAD_DISK),
    Bug("two runs of a seed differ", 14, _another_time_each_run, days=0.1, meters=2),
    Bug(
        "a tenant sees every account",
        15,
        lambda: (patch.object(visibility, "may_see", lambda *_: True),),
    ),
    Bug(
        "the dashboard rounds down where the bridge rounds half to even",
        16,
        _sets_round_down,
        seed=2,
        days=0.12,
    ),
)
