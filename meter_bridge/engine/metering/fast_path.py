"""The fast path: readings in which nothing but quantities can change.

Between two instants and two quantities at which something may be decided (slot, band, block, day, threshold,
depletion) a reading only adds energy to one line and one segment. The fast path does just that, with the
same result as ``register.advance`` and ``rating.allocate`` (tests compare them); every other reading takes
the full path. A transaction that touches the account ends it (``Session.submit``), ``activate`` begins it.
"""

from dataclasses import dataclass, field
from typing import Final, Self

import msgspec

from meter_bridge.core.calendar import SLOT_MS, next_slot
from meter_bridge.core.clock import reading_instant
from meter_bridge.core.energy import MS_PER_HOUR, max_energy_wh
from meter_bridge.core.money import divide_half_even
from meter_bridge.core.rating.period_to_date import accrued_total
from meter_bridge.core.rating.rating import (
    BlockUsageKey,
    Line,
    LineKey,
    LineKind,
    OpenSegment,
    block_at,
    energy_to_next_block,
    free_units_left,
    marginal_price_of,
    taxes_per_wh,
    unit_amount,
)
from meter_bridge.core.register.power_comparison import possible_by_power_wh
from meter_bridge.core.register.register import (
    GRACE_MS,
    Register,
    ReverseEnergy,
)
from meter_bridge.core.supply.alerts import is_normal, normal_range
from meter_bridge.core.tariff.tariff import TariffInterval
from meter_bridge.devices.base.driver import Report
from meter_bridge.engine.state.model import UNLIMITED, Account, Meter, Supply
from meter_bridge.engine.state.supply_document import encode
from meter_bridge.engine.supply.protections import is_watched
from meter_bridge.protocol.vocabulary import RelayPosition

TEMPLATE_AFTER: Final = 2
"""Rows after which a template is built; a fast path that ends before has no use for one."""


@dataclass(slots=True, eq=False)
class FastPath:
    """Where a meter's next energy goes as long as nothing but quantities can change.

    What a reading needs is gathered here: with ten thousand meters each object more is one more that the
    processor has to wait for. So what was read stays in ``wh`` and ``at`` until somebody asks for register
    or rating.
    """

    meter: Meter
    account: Account
    valid_until: int
    """First instant at which the clock changes something."""
    price_valid_until: int
    """First instant at which it changes a price; before that at most a slot ends."""
    register: Register
    segment: OpenSegment
    line: Line
    usage_key: BlockUsageKey
    """Block schedule on which the energy counts."""
    block_usage: dict[BlockUsageKey, int]
    block_end_wh: int
    """Block usage at which the next block begins."""
    taxes: tuple[tuple[Line, int], ...]
    """Tax lines with the exact value that a Wh adds to each."""
    cost_per_wh: int
    """Exact value of a Wh, taxes included."""
    always_possible_wh: int
    """Rise that the meter's rating allows between any two readings."""
    lowest_mv: int
    """Voltages and power that no limit has to see."""
    highest_mv: int
    highest_mw: int
    reports_only_energy: bool
    """No alarm and no protection timer waits for the next values, and no other device switches the load."""
    reset_marker: str | None
    """What the device says as long as its register was not reset."""
    wh: int
    """Register of the newest reading."""
    at: int
    """Instant of the newest reading."""
    sole_meter: bool
    """No other meter uses up the margin of the account."""
    energy_at: int = field(init=False)
    """Instant of the newest reading with energy."""
    flushed_wh: int = field(init=False)
    """Register up to which everything was flushed."""
    limit_wh: int = field(init=False)
    """Register from which something may have to be decided, if no other meter uses up the margin."""
    unflushed: bool = False
    times_stored: int = 0
    """How often the supply was stored since the last change of anything but quantities."""
    template: _DocumentTemplate | None = None

    def __post_init__(self) -> None:
        self.energy_at, self.flushed_wh = self.at, self.wh
        energy = self.block_end_wh - self.block_usage.get(self.usage_key, 0)
        if self.account.margin <= 0:
            energy = 0
        elif self.cost_per_wh > 0:
            energy = min(energy, (self.account.margin - 1) // self.cost_per_wh + 1)
        self.limit_wh = self.wh + energy

    def flush(self) -> None:
        """Add what was read to register, segment, lines and the account's margin."""
        if not self.unflushed:
            return
        self.unflushed = False
        self.register.at = self.at
        rise = self.wh - self.flushed_wh
        if rise == 0:
            return
        self.flushed_wh = self.register.watermark_wh = self.wh
        self.account.margin -= rise * self.cost_per_wh
        self.segment.end, self.segment.wh = self.energy_at, self.segment.wh + rise
        self.line.quantity += rise
        for line, per_wh in self.taxes:
            line.quantity += per_wh * rise
        self.block_usage[self.usage_key] += rise

    def advance(self, wh: int, at: int) -> None:
        """Go on to a reading so many Wh later and flush."""
        if wh:
            self.wh, self.energy_at = self.wh + wh, at
        self.at, self.unflushed = at, True
        self.flush()

    def within_margin(self, rise: int) -> bool:
        """Return whether a rise leaves something of the block and the margin that several meters share."""
        return (
            self.block_usage[self.usage_key] + rise < self.block_end_wh
            and rise * self.cost_per_wh < self.account.margin
        )

    def depletes_by(self, at: int) -> bool:
        """Return whether the margin is used up by an instant if the load stays as it is."""
        power = self.meter.power_mw
        if not power or power < 0:
            return False
        per_hour = power * self.cost_per_wh // 1000
        left = self.account.margin - (self.wh - self.flushed_wh) * self.cost_per_wh
        return left * MS_PER_HOUR <= per_hour * (at - self.at)

    def status_row(self, now: int) -> tuple[object, ...] | None:
        """Return the supply's row, filled into a template; None while building one is not worth it."""
        meter, supply = self.meter, self.meter.supply
        if len(supply.meters) > 1:
            return None
        self.flush()
        if self.template is not None and self.template.reverse_energy is not meter.reverse_energy:
            self.drop_template()
        self.times_stored += 1
        if self.template is None:
            if self.times_stored <= TEMPLATE_AFTER:
                return None
            self.template = _DocumentTemplate.build(self)
        energy = supply.earlier_wh + meter.earlier_wh + self.register.charged_wh
        charged = self.template.charged()
        return supply.id, self.account.id, now, charged, energy, meter.power_mw, self.template.fill(self)

    def drop_template(self) -> None:
        """Begin to count again, as more changed than quantities."""
        self.times_stored, self.template = 0, None


def try_report(meter: Meter, report: Report, at: int) -> bool:
    """Take a report that tells only energy and ordinary values; if that was not possible, nothing changed."""
    path, voltage, power = meter.fast_path, report.voltage_mv, report.power_mw
    if (
        not isinstance(path, FastPath)
        or not path.reports_only_energy
        or report.register_wh is None
        or report.stale
        or report.relay is not None
        or report.returned_wh is not None
        or report.boot_id is not None
        or report.online is False
        or meter.online is not True
        or (voltage is not None and not path.lowest_mv <= voltage <= path.highest_mv)
        or (power is not None and power > path.highest_mw)
        or meter.relay.requested is not None
    ):
        return False
    measured = report.measured_at_ms
    when = at if measured is None else reading_instant(at, measured, buffered=report.buffered)
    if not try_reading(meter, report.register_wh, report.reset_marker, when):
        return False
    meter.last_seen = at
    meter.update_values(report)
    return True


def try_reading(meter: Meter, register_wh: int, reset_marker: str | None, at: int) -> bool:
    """Take a reading; if that was not possible, nothing changed."""
    path = meter.fast_path
    if not isinstance(path, FastPath) or at >= path.valid_until or at < path.at:
        return False
    if reset_marker != path.reset_marker:
        return False
    rise = register_wh - path.wh
    if rise:
        if rise < 0 or not (register_wh < path.limit_wh if path.sole_meter else path.within_margin(rise)):
            return False
        if rise > path.always_possible_wh and not _is_possible(meter, rise, at - path.at, at):
            return False
        path.wh, path.energy_at = register_wh, at
        meter.power_record.rise(at)
    path.at, path.unflushed = at, True
    if not path.sole_meter:
        path.flush()
    return True


def try_next_slot(meter: Meter, register_wh: int, reset_marker: str | None, when: int, at: int) -> bool:
    """Take the first reading after the end of a slot, and go on in the next; False if nothing was changed.

    ``when`` is the instant of the reading, ``at`` that of its receipt. What was used before the end stays
    with the slot that is over, which is to be posted then.
    """
    path = meter.fast_path
    if (
        not isinstance(path, FastPath)
        or not path.sole_meter
        or meter.supply.deferred_posting is not None
        or meter.tampered_at is not None
    ):
        return False
    end = path.valid_until
    if end != next_slot(path.segment.start) or not end < when <= at < min(
        end + SLOT_MS, path.price_valid_until
    ):
        return False
    rise, elapsed = register_wh - path.wh, when - path.at
    if reset_marker != path.reset_marker:
        return False
    if rise <= 0 or register_wh >= path.limit_wh or not _is_possible(meter, rise, elapsed, when):
        return False
    path.flush()
    before = rise * (end - path.at) // elapsed
    path.advance(before, end)
    path.segment = OpenSegment(end, end, path.segment.key, 0)
    meter.supply.rating.open_segments[meter.id].append(path.segment)
    path.advance(rise - before, when)
    path.valid_until = min(next_slot(when), path.price_valid_until)
    path.drop_template()
    return True


def _is_possible(meter: Meter, rise: int, elapsed_ms: int, at: int) -> bool:
    """Return whether neither the rating nor the power that the device reports rules a rise out."""
    if rise > max_energy_wh(meter.plan.rating_w, elapsed_ms + GRACE_MS):
        return False
    possible = possible_by_power_wh(meter.power_record, at, meter.plan.rating_w)
    return possible is None or rise <= possible


def activate(account: Account, at: int) -> None:
    """Put an account's meters on the fast path after its evaluation, where it holds from this instant on."""
    sole_meter = len(account.meters) == 1
    for meter in account.meters:
        meter.fast_path = _begin(meter, at, sole_meter=sole_meter)


def _begin(meter: Meter, at: int, *, sole_meter: bool) -> FastPath | None:
    """Return a meter's fast path if its newest open segment may still grow at an instant."""
    supply, rating, register = meter.supply, meter.supply.rating, meter.register
    parts = rating.open_segments.get(meter.id)
    if register is None or not parts or next_slot(parts[-1].start) <= at:
        return None
    if register.doubt is not None or register.ahead_ms or meter.boot_id not in (None, register.boot):
        return None
    if meter.absence is not None:
        return None
    interval = supply.timeline.interval_at(at)
    key = _plain_key(supply, interval)
    if parts[-1].key != key or meter.relay.requested is RelayPosition.OPEN:
        return None
    to_next_block = energy_to_next_block(rating, interval)
    usage_key = BlockUsageKey(interval.block_period, interval.counter)
    lowest_mv, highest_mv, highest_mw = normal_range(meter.plan.limits)
    return FastPath(
        meter=meter,
        account=supply.account,
        valid_until=min(next_slot(at), interval.end),
        price_valid_until=interval.end,
        register=register,
        segment=parts[-1],
        line=rating.lines[key],
        usage_key=usage_key,
        block_usage=rating.block_usage,
        block_end_wh=UNLIMITED
        if to_next_block is None
        else rating.block_usage.get(usage_key, 0) + to_next_block,
        taxes=tuple((tax.line, tax.per_wh) for tax in taxes_per_wh(rating, interval.version, key)),
        cost_per_wh=marginal_price_of(interval.version, key.block, key.band),
        always_possible_wh=max_energy_wh(meter.plan.rating_w, GRACE_MS),
        lowest_mv=lowest_mv,
        highest_mv=UNLIMITED if highest_mv is None else highest_mv,
        highest_mw=UNLIMITED if highest_mw is None else highest_mw,
        reports_only_energy=not _needs_watching(meter)
        and meter.plan.relay_address in (None, meter.plan.energy_address),
        reset_marker=register.witness,
        wh=register.watermark_wh,
        at=register.at,
        sole_meter=sole_meter,
    )


def _needs_watching(meter: Meter) -> bool:
    """Return whether an alarm or a protection timer waits for the next values, however ordinary."""
    return meter.voltage_alarm is not None or meter.overloaded or is_watched(meter.supply.account)


def needs_no_check(meter: Meter, report: Report) -> bool:
    """Return quickly whether neither alarms nor protection timers have to see a report."""
    return not _needs_watching(meter) and is_normal(meter.plan.limits, report.voltage_mv, report.power_mw)


def _plain_key(supply: Supply, interval: TariffInterval) -> LineKey | None:
    """Return the line on which the next unit goes, or None where more than that line would change."""
    version, rating = interval.version, supply.rating
    if (
        interval.has_period_to_date
        or rating.lots
        or free_units_left(rating, interval)
        or interval.period in rating.energy_history
    ):
        return None
    block = block_at(rating, interval)
    return LineKey(LineKind.CONSUMPTION, interval.period, version.id, block, interval.band)


@dataclass(frozen=True, slots=True)
class _DocumentTemplate:
    """A supply's stored document with gaps for what a reading on the fast path changes."""

    text: str
    lines: tuple[Line, ...]
    """Lines that gain, in the order of their gaps."""
    prices: tuple[tuple[Line, int, int], ...]
    """Those of them that are charged, with the amount of one of their quantity as a fraction."""
    other_charges: int
    """What was used on other lines and is not yet posted, priced."""
    reverse_energy: ReverseEnergy | None
    """What the text says of energy that flows back; the template ends when that changes."""

    @classmethod
    def build(cls, path: FastPath) -> Self:
        """Return the template of a supply with one meter."""
        supply = path.meter.supply
        gaining = {id(line) for line in (path.line, *(line for line, _ in path.taxes))}
        lines = {key: line for key, line in supply.rating.lines.items() if id(line) in gaining}
        prices = tuple(
            (line, *unit_amount(supply.timeline.version(key.version_id), key))
            for key, line in lines.items()
            if key.kind != LineKind.INCLUDED_TAX
        )
        charged = accrued_total(supply.rating, supply.timeline) - _charged(prices)
        text = _text_with_gaps(path, gaining)
        return cls(text, tuple(lines.values()), prices, charged, path.meter.reverse_energy)

    def charged(self) -> int:
        """Return what was used and is not yet posted, priced."""
        return self.other_charges + _charged(self.prices)

    def fill(self, path: FastPath) -> bytes:
        """Return the document with the newest quantities and values."""
        segment, meter = path.segment, path.meter
        power, voltage = meter.power_mw, meter.voltage_mv
        current, frequency = meter.current_ma, meter.frequency_mhz
        values = (
            *[line.quantity for line in self.lines],
            path.block_usage[path.usage_key],
            segment.end,
            segment.wh,
            path.wh,
            path.at,
            "null" if power is None else power,
            "null" if voltage is None else voltage,
            "null" if current is None else current,
            "null" if frequency is None else frequency,
            _JSON_WORDS[meter.online],
            "null" if meter.last_seen is None else meter.last_seen,
        )
        return (self.text % values).encode()


_JSON_WORDS: Final = {None: "null", True: "true", False: "false"}
_GAP: Final = "\x00"
"""Stands for a gap until the text is built; JSON writes no such character as it is."""
_TEXT_GAP: Final = "\x01"
"""The same, for a gap within quotes."""
_WRITTEN_GAP: Final = msgspec.json.encode(_GAP).decode()
_WRITTEN_TEXT_GAP: Final = msgspec.json.encode(_TEXT_GAP).decode()


def _text_with_gaps(path: FastPath, gaining: set[int]) -> str:
    """Return the document as a format string, its gaps in the order of ``_DocumentTemplate.fill``."""
    supply = path.meter.supply
    parts = msgspec.json.decode(encode(supply))
    lines, used, segments, (stored, *_) = parts[:4]
    for row, line in zip(lines, supply.rating.lines.values(), strict=True):
        if id(line) in gaining:
            row[6] = _TEXT_GAP
    next(row for row in used if tuple(row[:2]) == path.usage_key)[2] = _GAP
    newest = next(row for row in reversed(segments) if row[0] == path.meter.id)
    newest[2] = newest[9] = _GAP
    stored[1][2] = stored[1][3] = _GAP
    stored[3:9] = [_GAP] * 6
    text = msgspec.json.encode(parts).decode().replace("%", "%%")
    return text.replace(_WRITTEN_GAP, "%s").replace(_WRITTEN_TEXT_GAP, '"%s"')


def _charged(prices: tuple[tuple[Line, int, int], ...]) -> int:
    total = 0
    for line, numerator, denominator in prices:
        if line.quantity != line.settled_quantity:
            total += divide_half_even(numerator * line.quantity, denominator) - line.settled_amount
    return total
