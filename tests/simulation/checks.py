"""What must be true at every instant, and what must become true once faults have stopped."""

from collections.abc import Iterator
from contextlib import closing
import hashlib
import json
import sqlite3

from dashboard.pricing.audit import audit
from meter_bridge.core.rating.period_to_date import accrued_total
from meter_bridge.engine.engine import Engine
from meter_bridge.engine.maintenance.verify import verify
from meter_bridge.engine.state.model import Account
from meter_bridge.protocol.vocabulary import SupplyState
from meter_bridge.storage.sqlite import connect_read_only
from tests.simulation import by_the_clock
from tests.simulation.debts import owing
from tests.simulation.machine import Machine
from tests.simulation.model import RAND, Truth
from tests.simulation.street import RATING_W

HIGHEST_MV = 300_000

_BOOKED = (
    "SELECT o.key, count(e.seq) FROM operation o JOIN journal_entry e ON e.seq = o.entry_seq"
    " AND e.kind = 'top_up' WHERE o.account_id = ? GROUP BY o.key"
)

_ENTRIES = "SELECT seq, at, kind, balance_after FROM journal_entry WHERE account_id = ? ORDER BY seq"
_POSTINGS = "SELECT bucket, asset, amount FROM posting WHERE entry_seq = ? ORDER BY n"
_SEGMENTS = "SELECT meter_id, start_ms, end_ms, wh, amount, tax FROM segment WHERE entry_seq = ? ORDER BY n"


_BACKWARDS = (
    "SELECT account_id, seq, at, before FROM (SELECT account_id, seq, at, lag(at) OVER"
    " (PARTITION BY account_id ORDER BY seq) AS before FROM journal_entry) WHERE at < before"
)


def stored(machine: Machine, truths: list[Truth]) -> Iterator[str]:
    """Yield what is wrong with the books on disk now."""
    yield from verify(machine.disk.database)
    with closing(connect_read_only(machine.disk.database)) as connection:
        for account_id, seq, at, before in connection.execute(_BACKWARDS).fetchall():
            yield f"invariant 12: entry {seq} of {account_id} is dated {at}, before {before}"
        for truth in truths:
            booked = dict(connection.execute(_BOOKED, (truth.house.id,)).fetchall())
            for key in truth.keys:
                if booked.get(key, 0) != 1:
                    yield f"invariant 8: the acknowledged top-up {key} is booked {booked.get(key, 0)} times"


def command_is_decided(machine: Machine, meter_id: str, position: str) -> Iterator[str]:
    """Yield a problem if a relay command is sent whose decision is not on disk (promise 10)."""
    with closing(connect_read_only(machine.disk.database)) as connection:
        newest = connection.execute(
            "SELECT position FROM outbox WHERE meter_id = ? ORDER BY revision DESC LIMIT 1", (meter_id,)
        ).fetchone()
    if newest is None or newest[0] != position:
        yield (f"invariant 10: {meter_id} was sent {position}, but the newest decision on disk is {newest}")


def relays(engine: Engine, truths: list[Truth]) -> Iterator[str]:
    """Yield relays that are not where their decision requires them (promise 9)."""
    for truth in truths:
        account = engine.session.installation.accounts[truth.house.id]
        wanted = account.state is SupplyState.CONNECTED
        if truth.house.meter.physics.contact_closed is not wanted:
            is_ = "closed" if truth.house.meter.physics.contact_closed else "open"
            yield (
                f"invariant 9: the relay of {truth.house.meter_id} is {is_}, but the decision is"
                f" {account.state} ({account.reason})"
            )


def values(engine: Engine, truths: list[Truth]) -> Iterator[str]:
    """Yield what is shown of a meter and no meter of the street can measure (promise 9).

    A load that does not flow makes a relay that obeys look as if it did not.
    """
    for truth in truths:
        meter = engine.session.installation.accounts[truth.house.id].meters[0]
        power, voltage = meter.power_mw or 0, meter.voltage_mv or 0
        if abs(power) > 1000 * RATING_W or voltage > HIGHEST_MV:
            yield f"invariant 9: {meter.id} shows {power / 1000} W and {voltage / 1000} V"


def accounts(
    machine: Machine, engine: Engine, truths: list[Truth], begin_ms: int, now_ms: int
) -> Iterator[str]:
    """Yield accounts that differ from the naive model."""
    for truth in truths:
        owes = owing(machine, truth.house, now_ms)
        account = engine.session.installation.accounts[truth.house.id]
        yield from _energy(account, truth)
        charged = account.meters[0].energy_wh or 0
        available = account.balance - account.emergency_used - _accrued(account)
        expected = by_the_clock.balance(machine, truth, charged, begin_ms, now_ms) - owes.taken
        if available != expected:
            yield (
                f"{account.id}: credit is {available / RAND:.6f}, but {truth.paid / RAND:.2f} was paid and"
                f" {charged} Wh were charged and {owes.taken / RAND:.6f} was recovered,"
                f" which leaves {expected / RAND:.6f}"
            )
        owed = sum(debt.owed for debt in account.debts.values())
        if (owed, account.arrears) != (owes.owed, owes.arrears):
            yield (
                f"{account.id}: {owed / RAND:.6f} is owed and {account.arrears / RAND:.6f} is in arrears, but"
                f" {owes.owed / RAND:.6f} and {owes.arrears / RAND:.6f} must be"
            )
        if (account.state is SupplyState.CONNECTED) is not truth.connected(
            expected, selected=account.emergency_selected
        ):
            credit = expected / RAND
            yield f"{account.id}: supply is {account.state} ({account.reason}) with credit {credit:.6f}"


def _energy(account: Account, truth: Truth) -> Iterator[str]:
    """Yield a problem if the energy charged is not the energy that flowed (promise 5)."""
    charged = account.meters[0].energy_wh or 0
    least, most = truth.energy_wh()
    if not least - 1 <= charged <= most + 1:
        meter = account.meters[0].id
        yield f"invariant 5: {charged} Wh are charged of {meter}, but {least} to {most} Wh flowed"


def priced(machine: Machine, truths: list[Truth]) -> Iterator[str]:
    """Yield a problem if the dashboard's price differs from what was charged (promise 16)."""
    found = audit(machine.disk.folder)
    if found.supplies != len(truths):
        yield f"invariant 16: {found.supplies} of {len(truths)} supplies were priced in sets"
    for skipped in found.skipped:
        yield f"invariant 16: {skipped.supply_id} was not priced in sets: {skipped.reason}"
    for each in found.differences:
        yield (
            f"invariant 16: {each.supply_id} was charged {each.charged} in {each.period}, but the price list"
            f" makes {each.priced} of it"
        )


def _accrued(account: Account) -> int:
    """Return what has been used and not posted."""
    return sum(accrued_total(supply.rating, supply.timeline) for supply in account.supplies)


def canonical_hash(machine: Machine) -> str:
    """Return a digest of all postings, charges and top-ups, each account in its own order."""
    digest = hashlib.sha256()
    with closing(connect_read_only(machine.disk.database)) as connection:
        for (account_id,) in connection.execute("SELECT id FROM account ORDER BY id").fetchall():
            for row in _journal(connection, account_id):
                digest.update(json.dumps(row).encode())
    return digest.hexdigest()


def _journal(connection: sqlite3.Connection, account_id: str) -> Iterator[list[object]]:
    for seq, *entry in connection.execute(_ENTRIES, (account_id,)).fetchall():
        postings = connection.execute(_POSTINGS, (seq,)).fetchall()
        segments = connection.execute(_SEGMENTS, (seq,)).fetchall()
        yield [account_id, entry, postings, segments]
