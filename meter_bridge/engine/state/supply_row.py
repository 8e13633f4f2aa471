"""The row of a supply's newest state, and the short way to it for a supply whose one meter is on its lane.

On the lane nothing but quantities changes, so all else of the document is made once and kept with gaps. The
lane ends with whatever changes more, and the kept form with it. Both ways give the same bytes, which a test
holds.
"""

from dataclasses import replace
from typing import Final

import msgspec

from meter_bridge.core.money import divide_half_even
from meter_bridge.core.rating.period_to_date import accrued_total
from meter_bridge.core.rating.rating import LineKind, unit_amount
from meter_bridge.engine.state import supply_document
from meter_bridge.engine.state.model import DocumentTemplate, FastPath, Meter, Supply

TEMPLATE_AFTER: Final = 2
"""Rows after which a form is made; a lane that ends before has no use for one."""
_GAP: Final = "\x00"
"""Stands for a gap until the text is made; JSON writes no such character as it is."""
_TEXT_GAP: Final = "\x01"
"""The same, for a gap within quotes."""


def status_row(supply: Supply, now: int) -> tuple[object, ...]:
    """Return a supply's newest state as a row, in the order of the table's columns."""
    meter = supply.meters[0] if len(supply.meters) == 1 else None
    fast_path = None if meter is None else meter.fast_path
    if meter is None or fast_path is None:
        return _row(supply, now)
    fast_path.flush()
    fast_path.times_stored += 1
    if fast_path.template is None:
        if fast_path.times_stored <= TEMPLATE_AFTER:
            return _row(supply, now)
        fast_path.template = build_template(supply, meter, fast_path)
    form = fast_path.template
    energy = supply.earlier_wh + meter.earlier_wh + fast_path.register.charged_wh
    charged = form.other_charges + _charged_on_template(form)
    return supply.id, supply.account.id, now, charged, energy, meter.power_mw, render(form, meter, fast_path)


def full_row(supply: Supply, now: int) -> tuple[object, ...]:
    """Return a supply's row after more than quantities changed; what was kept of its document is let go."""
    for meter in supply.meters:
        if meter.fast_path is not None:
            meter.fast_path.drop_template()
    return _row(supply, now)


def _row(supply: Supply, now: int) -> tuple[object, ...]:
    """Return a supply's state as a row, all of it worked out."""
    energy, power = supply.earlier_wh, None
    for meter in supply.meters:
        energy += meter.energy_wh or 0
        if meter.power_mw is not None:
            power = meter.power_mw + (power or 0)
    charged = accrued_total(supply.rating, supply.timeline)
    return supply.id, supply.account.id, now, charged, energy, power, supply_document.encode(supply)


def build_template(supply: Supply, meter: Meter, fast_path: FastPath) -> DocumentTemplate:
    """Return a supply's document with gaps for what changes on the lane of its only meter."""
    gaining = [fast_path.line, *(line for line, _ in fast_path.taxes)]
    found = [
        (key, line)
        for key, line in supply.rating.lines.items()
        if any(line is gaining_line for gaining_line in gaining)
    ]
    prices = tuple(
        (line, *unit_amount(supply.timeline.version(key.version_id), key))
        for key, line in found
        if key.kind != LineKind.INCLUDED_TAX
    )
    form = DocumentTemplate(_text(supply, meter, fast_path), tuple(line for _, line in found), prices, 0)
    return replace(
        form, other_charges=accrued_total(supply.rating, supply.timeline) - _charged_on_template(form)
    )


def _text(supply: Supply, meter: Meter, fast_path: FastPath) -> str:
    """Return the document as a text to fill in, its gaps in the order of ``_values``."""
    parts = msgspec.json.decode(supply_document.encode(supply))
    lines, used, segments, (stored, *_) = parts[:4]
    gaining = [fast_path.line, *(line for line, _ in fast_path.taxes)]
    for row, line in zip(lines, supply.rating.lines.values(), strict=True):
        if any(line is gaining_line for gaining_line in gaining):
            row[6] = _TEXT_GAP
    next(row for row in used if tuple(row[:2]) == fast_path.usage_key)[2] = _GAP
    newest = next(row for row in reversed(segments) if row[0] == meter.id)
    newest[2] = newest[9] = _GAP
    stored[1][2] = stored[1][3] = _GAP
    stored[3:9] = [_GAP] * 6
    text = msgspec.json.encode(parts).decode().replace("%", "%%")
    return text.replace(_WRITTEN_GAP, "%s").replace(_WRITTEN_TEXT_GAP, '"%s"')


_WRITTEN_GAP: Final = msgspec.json.encode(_GAP).decode()
_WRITTEN_TEXT_GAP: Final = msgspec.json.encode(_TEXT_GAP).decode()


def render(template: DocumentTemplate, meter: Meter, fast_path: FastPath) -> bytes:
    """Return the document with the newest quantities and values."""
    return (template.text % _values(template, meter, fast_path)).encode()


def _values(template: DocumentTemplate, meter: Meter, fast_path: FastPath) -> tuple[object, ...]:
    """Return what changes on a lane, in the order of the document."""
    segment, power, voltage = fast_path.segment, meter.power_mw, meter.voltage_mv
    current, frequency = meter.current_ma, meter.frequency_mhz
    return (
        *[line.quantity for line in template.lines],
        fast_path.block_usage[fast_path.usage_key],
        segment.end,
        segment.wh,
        fast_path.wh,
        fast_path.at,
        "null" if power is None else power,
        "null" if voltage is None else voltage,
        "null" if current is None else current,
        "null" if frequency is None else frequency,
        _JSON_WORDS[meter.online],
        "null" if meter.last_seen is None else meter.last_seen,
    )


_JSON_WORDS: Final = {None: "null", True: "true", False: "false"}


def _charged_on_template(template: DocumentTemplate) -> int:
    """Return what was used on the lines of a form and is not yet posted, priced."""
    total = 0
    for line, numerator, denominator in template.prices:
        if line.quantity != line.settled_quantity:
            total += divide_half_even(numerator * line.quantity, denominator) - line.settled_amount
    return total
