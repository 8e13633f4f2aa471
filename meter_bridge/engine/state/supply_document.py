"""The stored form of a supply's state: compact JSON arrays, written for each touched supply once a second."""

from functools import lru_cache
from operator import attrgetter
from sys import intern
from typing import Final

import msgspec

from meter_bridge.core.rating.period_to_date import accrued_total
from meter_bridge.core.rating.rating import (
    BlockUsageKey,
    Line,
    LineKey,
    Lot,
    OpenSegment,
    Rating,
    SupplyTerms,
)
from meter_bridge.core.register.register import CounterEnd, Doubt, Register, ReverseEnergy
from meter_bridge.engine.state.model import DayTotal, DeferredPosting, Meter, ReadingNote, Supply


class _RegisterDocument(msgspec.Struct, array_like=True):
    """A meter's register, in the order of its fields."""

    epoch: int
    start_wh: int
    watermark_wh: int
    at: int
    witness: str | None
    doubt: Doubt | None
    skipped_wh: int
    retired: str | None
    turned_wh: int
    boot: str | None
    since: int
    ahead_ms: int
    ended: CounterEnd | None = None
    believed: bool = False


class _MeterDocument(msgspec.Struct, array_like=True):
    """A meter's register and newest values."""

    id: str
    register: _RegisterDocument | None
    earlier_wh: int
    power_mw: int | None
    voltage_mv: int | None
    current_ma: int | None
    frequency_mhz: int | None
    online: bool | None
    last_seen: int | None
    quarantine_id: str | None
    boot_id: str | None
    reverse_energy: ReverseEnergy | None


_REGISTER_FIELDS: Final = attrgetter(*_RegisterDocument.__struct_fields__)
_METER_VALUE_NAMES: Final = _MeterDocument.__struct_fields__[2:]
_METER_VALUES: Final = attrgetter(*_METER_VALUE_NAMES)


class _Document(msgspec.Struct, array_like=True):
    """A supply's rating state and meters."""

    lines: list[tuple[str, str, str, int, str, str, str, str, int]]
    """Key, quantities and settled amount; exact values are larger than JSON's numbers, so they are texts."""
    used: list[tuple[str, int, int]]
    open: list[tuple[str, int, int, str, str, str, int, str, str, int, bool]]
    meters: list[_MeterDocument]
    standing_due: int
    days: list[tuple[str, int, int]]
    unused: tuple[int, int, int, int]
    """Zeros; what is stored since commit 515b651 has them here."""
    earlier_wh: int
    intervals: list[tuple[int, int]]
    peaks: dict[str, int]
    history: dict[str, int]
    lots: list[tuple[str, int, str]]
    due: tuple[int, dict[str, ReadingNote]] | None
    """What closed and waits for its turn to be posted."""


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(_Document)
_MAX_SHARED_KEYS: Final = 4_096
"""Different keys of lines, and rungs, of which one object is kept: supplies of a tariff have the same."""


def encode(supply: Supply) -> bytes:
    """Return a supply's state as bytes."""
    rating = supply.rating
    return _ENCODER.encode(
        _Document(
            [
                (*key, str(line.quantity), str(line.settled_quantity), line.settled_amount)
                for key, line in rating.lines.items()
            ],
            [(*usage_key, wh) for usage_key, wh in rating.block_usage.items()],
            [
                (meter_id, part.start, part.end, *part.key, part.wh, part.estimated)
                for meter_id, parts in rating.open_segments.items()
                for part in parts
            ],
            [_encode_meter(meter) for meter in supply.meters],
            supply.standing_due,
            [(total.day, total.wh, total.amount) for total in supply.days],
            (0, 0, 0, 0),
            supply.earlier_wh,
            list(rating.demand_intervals.items()),
            rating.demand_peaks,
            rating.energy_history,
            [(lot.id, lot.wh, str(lot.value_per_wh)) for lot in rating.lots],
            None
            if supply.deferred_posting is None
            else (supply.deferred_posting.at, supply.deferred_posting.readings),
        )
    )


def _encode_meter(meter: Meter) -> _MeterDocument:
    register = meter.register
    stored = None if register is None else _RegisterDocument(*_REGISTER_FIELDS(register))
    return _MeterDocument(meter.id, stored, *_METER_VALUES(meter))


def decode_into(supply: Supply, document: bytes) -> None:
    """Restore a supply's state and that of its meters from storage."""
    stored = _DECODER.decode(document)
    supply.rating = _rating(stored, supply.rating.terms)
    # An account that was closed and comes back owes nothing for the days between.
    supply.standing_due = max(supply.standing_due, stored.standing_due)
    supply.days = [DayTotal(intern(day), wh, amount) for day, wh, amount in stored.days]
    supply.earlier_wh = stored.earlier_wh
    supply.deferred_posting = None if stored.due is None else DeferredPosting(*stored.due)
    meters = {meter.id: meter for meter in supply.meters}
    for row in stored.meters:
        if row.id in meters:
            _restore_meter(meters[row.id], row)


def rating_of(document: bytes, terms: SupplyTerms) -> Rating:
    """Return what a stored supply has used and not yet posted, to read prices from."""
    return _rating(_DECODER.decode(document), terms)


def _rating(stored: _Document, terms: SupplyTerms) -> Rating:
    rating = Rating(
        lines={_key(*row[:6]): Line(int(row[6]), int(row[7]), row[8]) for row in stored.lines},
        block_usage={_block_usage_key(period, ladder): wh for period, ladder, wh in stored.used},
        demand_intervals=dict(stored.intervals),
        demand_peaks=stored.peaks,
        energy_history=stored.history,
        lots=[Lot(lot_id, wh, int(value)) for lot_id, wh, value in stored.lots],
        terms=terms,
    )
    for meter_id, start, end, kind, period, version_id, block, band, base, wh, estimated in stored.open:
        part = OpenSegment(start, end, _key(kind, period, version_id, block, band, base), wh, estimated)
        rating.open_segments.setdefault(meter_id, []).append(part)
    return rating


@lru_cache(_MAX_SHARED_KEYS)
def _key(kind: str, period: str, version_id: str, block: int, band: str, base: str) -> LineKey:
    """Return one key object for all supplies: one for each would fill the memory."""
    return LineKey(kind, period, version_id, block, band, base)


@lru_cache(_MAX_SHARED_KEYS)
def _block_usage_key(period: str, ladder: int) -> BlockUsageKey:
    return BlockUsageKey(period, ladder)


def _restore_meter(meter: Meter, row: _MeterDocument) -> None:
    for name in _METER_VALUE_NAMES:
        setattr(meter, name, getattr(row, name))
    meter.register = _register(row)


def _register(row: _MeterDocument) -> Register | None:
    return None if row.register is None else Register(*msgspec.structs.astuple(row.register))


def stored_energy(document: bytes) -> list[tuple[str, int, int]]:
    """Return for each meter of a stored supply its id, its charged energy and what of it is open."""
    stored = _DECODER.decode(document)
    open_wh: dict[str, int] = {}
    for meter_id, *_, wh, _estimated in stored.open:
        open_wh[meter_id] = open_wh.get(meter_id, 0) + wh
    return [
        (
            row.id,
            row.earlier_wh + (register.charged_wh if register else 0),
            open_wh.get(row.id, 0),
        )
        for row, register in ((meter, _register(meter)) for meter in stored.meters)
    ]


def stored_open_wh(document: bytes) -> int:
    """Return the energy of a stored supply that is not yet posted."""
    return sum(wh for *_, wh, _estimated in _DECODER.decode(document).open)


def status_row(supply: Supply, now: int) -> tuple[object, ...]:
    """Return a supply's newest state as a row, in the order of the table's columns."""
    path = supply.meters[0].fast_path if supply.meters else None
    return (path and path.status_row(now)) or full_row(supply, now)


def full_row(supply: Supply, now: int) -> tuple[object, ...]:
    """Return a supply's newest state as a row, all of it worked out."""
    energy, power = supply.earlier_wh, None
    for meter in supply.meters:
        energy += meter.energy_wh or 0
        if meter.power_mw is not None:
            power = meter.power_mw + (power or 0)
    charged = accrued_total(supply.rating, supply.timeline)
    return supply.id, supply.account.id, now, charged, energy, power, encode(supply)
