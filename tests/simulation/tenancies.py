"""The naive model of tenancies: who pays for what, from the order of events alone.

Each customer pays for the energy from moving in on, and for nothing before. The final settlement leaves no
balance: what is left is paid out or kept on record as that customer's. While nobody lives there the landlord
pays, and moving in writes off what is owed; credit that is left stays for the next customer.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
import sqlite3
from typing import Final

from meter_bridge.storage.sqlite import connect_read_only
from tests.simulation.energy_trace import EnergyTrace
from tests.simulation.faults import Fault
from tests.simulation.letting import Move
from tests.simulation.machine import Machine
from tests.simulation.model import RAND, Truth, cost, standing
from tests.simulation.price_lists import Used
from tests.simulation.street import House

SLACK_MS: Final = 60_000
_TENANCIES: Final = "SELECT n, start_ms, end_ms, first_seq FROM tenancy WHERE account_id = ? ORDER BY n"
_ENTRIES: Final = "SELECT seq, at, kind FROM journal_entry WHERE account_id = ? ORDER BY seq"
_POSTINGS: Final = "SELECT bucket, sum(amount) FROM posting WHERE entry_seq = ? GROUP BY bucket"
_SEGMENTS: Final = (
    "SELECT entry_seq, kind, start_ms, end_ms, wh, amount + tax FROM segment"
    " WHERE account_id = ? AND wh > 0 ORDER BY entry_seq, n"
)


@dataclass(frozen=True, slots=True)
class Tenancy:
    """A customer's time in a unit, as it is on disk."""

    n: int
    start_ms: int
    end_ms: int | None
    first_seq: int


@dataclass(slots=True)
class Stage:
    """A time in which one customer lived in a unit, or nobody did."""

    n: int
    """Number of the tenancy; that of the last customer while nobody lives there."""
    lived: bool
    begin_ms: int
    carried: int = 0
    paid: int = 0
    used: list[Used] = field(default_factory=list)
    ended: tuple[int, dict[str, int]] | None = None
    """When it was settled, and what was posted to which bucket."""

    def balance(self, house: House, now_ms: int) -> int:
        """Return the balance at an instant."""
        wh = sum(each.wh for each in self.used)
        energy = house.prices.cost(self.used) if house.prices else cost(house.tariff, wh)
        return self.carried + self.paid - energy - standing(house, self.begin_ms, now_ms)


def stages(machine: Machine, house: House, begin_ms: int) -> list[Stage]:
    """Return who lived in a unit, with what was paid and used in each time."""
    with closing(connect_read_only(machine.disk.database)) as connection:
        tenancies = _tenancies(connection, house.id)
        entries = connection.execute(_ENTRIES, (house.id,)).fetchall()
        postings = {seq: dict(connection.execute(_POSTINGS, (seq,)).fetchall()) for seq, _, _ in entries}
        segments = connection.execute(_SEGMENTS, (house.id,)).fetchall()
    found = [Stage(1, lived=True, begin_ms=begin_ms)]
    for seq, at, kind in entries:
        stage = found[-1]
        if not stage.lived and len(tenancies) > stage.n and seq >= tenancies[stage.n].first_seq:
            stage = _move_in(found, house, tenancies[stage.n])
        match kind:
            case "top_up" | "opening":
                stage.paid -= postings[seq].get("funds", 0)
            case "charge":
                stage.used += [Used(*each[2:5]) for each in segments if each[:2] == (seq, "consumption")]
            case "closing":
                stage.ended = at, postings[seq]
                if stage.lived:
                    found.append(Stage(stage.n, lived=False, begin_ms=at))
    if not found[-1].lived and len(tenancies) > found[-1].n:
        _move_in(found, house, tenancies[found[-1].n])
    return found


def _move_in(found: list[Stage], house: House, tenancy: Tenancy) -> Stage:
    left = found[-1].balance(house, tenancy.start_ms)
    found.append(Stage(tenancy.n, lived=True, begin_ms=tenancy.start_ms, carried=max(left, 0)))
    return found[-1]


def _tenancies(connection: sqlite3.Connection, unit: str) -> list[Tenancy]:
    return [Tenancy(*row) for row in connection.execute(_TENANCIES, (unit,)).fetchall()]


def balance(machine: Machine, truth: Truth, begin_ms: int, now_ms: int) -> int:
    """Return the balance that the account must have."""
    return stages(machine, truth.house, begin_ms)[-1].balance(truth.house, now_ms)


def differences(
    machine: Machine,
    truths: Sequence[Truth],
    moves: Sequence[Move],
    trace: EnergyTrace,
    faults: Sequence[Fault],
    begin_ms: int,
) -> Iterator[str]:
    """Yield what was settled with or charged to a customer and is another's."""
    followed = {house.id for house in trace.followed(faults)}
    told = not any(fault.kind == "clock jump" for fault in faults)
    for truth in truths:
        house = truth.house
        if not house.let:
            continue
        own = [move for move in moves if move.unit == house.id]
        found = stages(machine, house, begin_ms)
        with closing(connect_read_only(machine.disk.database)) as connection:
            tenancies = _tenancies(connection, house.id)
            segments = connection.execute(_SEGMENTS, (house.id,)).fetchall()
        yield from _settled(house, found, own)
        if told:
            yield from _dated(house, tenancies, own)
        for tenancy in tenancies[1:]:
            yield from _others(house, tenancy, segments)
            if house.id in followed:
                before = sum(each[4] for each in segments if each[3] <= tenancy.start_ms)
                least, most = trace.used_before(house, tenancy.start_ms)
                if not least <= before <= most:
                    yield (
                        f"{house.id}: {before} Wh count as used before customer {tenancy.n} moved in at"
                        f" {tenancy.start_ms}, but {least} to {most} Wh were"
                    )


def _settled(house: House, found: Sequence[Stage], own: Sequence[Move]) -> Iterator[str]:
    """Yield final settlements that leave another amount, or leave it elsewhere."""
    outgoing = [move for move in own if move.remainder is not None]
    for stage, move in zip([stage for stage in found if stage.lived], outgoing, strict=False):
        if stage.ended is None:
            yield f"{house.id}: customer {stage.n} moved out, and no settlement is on disk"
            continue
        at, postings = stage.ended
        left = stage.balance(house, at)
        refunded = move.remainder == "refund" and left > 0
        must = {"balance": -left, "funds" if refunded else f"tenancy:{stage.n}": left} if left else {}
        if {bucket: amount for bucket, amount in postings.items() if amount} != must:
            yield (
                f"{house.id}: {left / RAND:.6f} was left to customer {stage.n} ({move.remainder}),"
                f" but {postings} was posted"
            )


def _dated(house: House, tenancies: Sequence[Tenancy], own: Sequence[Move]) -> Iterator[str]:
    """Yield moves that are on disk for another time than they were asked for."""
    on_disk = [at for each in tenancies for at in (each.start_ms, each.end_ms) if at is not None][1:]
    if len(on_disk) != len(own):
        yield f"{house.id}: {len(own)} moves were acknowledged, but {len(on_disk)} are on disk"
    for at, move in zip(on_disk, own, strict=False):
        if not move.asked_ms - SLACK_MS <= at <= move.answered_ms + SLACK_MS:
            yield f"{house.id}: {move} is dated {at}"


def _others(
    house: House, tenancy: Tenancy, segments: Sequence[tuple[int, str, int, int, int, int]]
) -> Iterator[str]:
    """Yield energy of a time before a customer moved in that this customer pays for, or that anybody does."""
    for seq, kind, start, end, wh, amount in segments:
        if seq < tenancy.first_seq:
            continue
        if kind == "consumption" and start < tenancy.start_ms:
            yield f"{house.id}: customer {tenancy.n} pays for {wh} Wh that were used from {start} to {end}"
        if kind == "vacant" and (amount or not wh):
            yield f"{house.id}: {wh} Wh of a time in which nobody lived there cost {amount / RAND:.6f}"
