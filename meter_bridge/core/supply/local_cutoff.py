"""Local cut-off: the register value at which a device opens its own relay, with nobody left to tell it.

The value is never too early: whatever the load does in the days for which it is worked out, the bridge would
have cut by then as well. So it counts credit at the cheapest price there is, and the longest unbroken stretch
of friendly hours at full rating, because it is at the end of that stretch that the bridge cuts.

A device keeps the value in flash, which wears, so it is rewritten at a bounded rate: a value that became too
early at once, one that became later than need be at most once an hour. What a device holds counts only after
it was read back.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from meter_bridge.core.energy import WH_PER_KWH, max_energy_wh
from meter_bridge.core.tariff.tariff import EXACT_SCALE, BlockBandMeaning, TariffVersion

ROUNDING_STEPS: Final = 16
"""Amount steps by which the rounding of lines may move a balance."""
SLACK_WH: Final = 10
"""How much later than worked out a value is written, so that roundings never make it too early."""
MIN_RAISE_WH: Final = 50
"""By how much a value must have become later than need be before flash is spent on it."""
REWRITE_MS: Final = 3_600_000
"""Shortest time between writes that only make a device cut sooner, or give back what it lost."""
ANSWER_VALID_MS: Final = 5_000
"""Age up to which an answer tells what is in a place: longer ago somebody may have used it."""
FIRST_RETRY_MS: Final = 2_000
MAX_RETRY_MS: Final = 600_000
VALID_DAYS: Final = 31
"""For how long without the bridge a value is never too early, whatever changes in tariff and calendar."""
VERIFY_MS: Final = 6 * 3_600_000
"""How often a device is asked whether it still holds what it confirmed; reading wears nothing."""
NO_CUT_OFF_WH: Final = 2**62
"""In place of a value: none at which a device would cut."""


class WithoutBridge(StrEnum):
    """What a meter's relay does while the bridge or the broker is down."""

    HOLD = "hold"
    """It stays where it is."""
    CLOSE = "close"
    """It closes by itself."""
    LOCAL_CUT_OFF = "local_cut_off"
    """It opens by itself at a register value."""


class SlotState(StrEnum):
    """What a device said of the place in which the bridge keeps its value."""

    UNKNOWN = "unknown"
    ABSENT = "absent"
    ARMED = "armed"
    UNARMED = "unarmed"
    """Ours, but switched off or not as it was meant."""
    FOREIGN = "foreign"
    """Somebody else's: it is never touched."""
    UNABLE = "unable"
    """The device has no register that it could watch."""


class CutOffRequest(StrEnum):
    """What is to be sent to a device."""

    ASK = "ask"
    WRITE = "write"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True)
class CutOffBasis:
    """What a value is worked out from."""

    register_wh: int
    units_wh: int
    """Units bought before and free units to come: energy that costs no money."""
    spendable: int
    """Amount that may still be used before the bridge would cut."""
    cheapest: int | None
    """Exact value of the cheapest Wh that may come, taxes included; None if none can be told."""
    rating_w: int
    friendly_ms: int | None
    """Longest unbroken stretch of friendly hours; None if it has no end."""


def cut_off_wh(basis: CutOffBasis) -> int | None:
    """Return the register value that cuts, or None where none is late enough: free or endless energy."""
    if basis.cheapest is None or basis.cheapest <= 0 or basis.friendly_ms is None:
        return None
    amount = max(basis.spendable, 0) + ROUNDING_STEPS
    bought = -(-amount * EXACT_SCALE // basis.cheapest)
    friendly = max_energy_wh(basis.rating_w, basis.friendly_ms)
    limit = basis.register_wh + basis.units_wh + bought + friendly
    return limit + 2 * float32_step_wh(limit)


def float32_step_wh(register_wh: int) -> int:
    """Return the step in Wh, at least 1, in which a device compares kWh kept as float32 (24-bit mantissa)."""
    exponent = (register_wh // WH_PER_KWH).bit_length()
    return max(1, -(-(WH_PER_KWH << exponent) >> 24))


def price_range(versions: Iterable[TariffVersion]) -> tuple[int | None, int]:
    """Return the exact values of the cheapest and the dearest Wh of some versions, taxes included.

    There is no cheapest one where energy already used is priced anew as more is used: the next unit may then
    cost less than any price of the list, or nothing.
    """
    values: list[int] = []
    repriced = False
    for version in versions:
        repriced |= version.meaning is BlockBandMeaning.POOLED_PRO_RATA
        prices = [price for ladder in version.ladders for block in ladder.prices for price in block]
        lifeline = version.lifeline.prices if version.lifeline else ()
        repriced |= any(price > min(prices) for price in lifeline)
        values += [version.taxed_value(price) for price in (*prices, *lifeline)]
    return None if repriced else min(values), max(values)


@dataclass(frozen=True, slots=True)
class CutOffState:
    """What one device is to hold and what it said that it holds; instants in milliseconds."""

    target_wh: int | None = None
    """None: nothing is to be there."""
    slot_state: SlotState = SlotState.UNKNOWN
    reported_wh: int | None = None
    reported_at: int = 0
    written_at: int = 0
    attempts: int = 0
    """Messages since the device last confirmed what it is to hold."""
    due_at: int = 0
    """When the next message is due."""
    last_was_query: bool = True
    """Whether the last message was a question."""
    sent_wh: int = 0
    """Highest value sent since the device last confirmed what it is to hold, or ``NO_CUT_OFF_WH``.

    0 for none.
    """


def is_confirmed(cut_off: CutOffState) -> bool:
    """Return whether the device confirmed what it is to hold."""
    if cut_off.target_wh is None:
        return cut_off.slot_state in (SlotState.ABSENT, SlotState.FOREIGN, SlotState.UNABLE)
    return cut_off.slot_state is SlotState.ARMED and cut_off.reported_wh == cut_off.target_wh


def reported_cut_off_wh(cut_off: CutOffState) -> int | None:
    """Return the value at which the device cuts, as it said itself; None where it cuts at none."""
    return cut_off.reported_wh if cut_off.slot_state is SlotState.ARMED else None


def latest_cut_off_wh(cut_off: CutOffState) -> int | None:
    """Return the latest value at which the device cuts, sent ones included; None if it may not cut at all."""
    held = reported_cut_off_wh(cut_off)
    if held is None or cut_off.target_wh is None or cut_off.sent_wh == NO_CUT_OFF_WH:
        return None
    return max(held, cut_off.sent_wh)


def set_target(cut_off: CutOffState, limit_wh: int | None, at: int) -> CutOffState:
    """Return what is to be held for a newly worked out value; None withdraws what is there."""
    wanted = cut_off.target_wh
    if limit_wh is None:
        return cut_off if wanted is None else replace(cut_off, target_wh=None, attempts=0, due_at=at)
    target = limit_wh + SLACK_WH
    if wanted is None or limit_wh > wanted:
        return replace(cut_off, target_wh=target, attempts=0, due_at=at)
    if wanted - target < MIN_RAISE_WH:
        return cut_off
    if not is_confirmed(cut_off):
        return replace(cut_off, target_wh=target)  # it goes out when the device is heard again
    if at - cut_off.written_at < REWRITE_MS:
        return cut_off
    return replace(cut_off, target_wh=target, attempts=0, due_at=at)


def next_request(cut_off: CutOffState, at: int) -> CutOffRequest | None:
    """Return what is to be sent now; nothing is written before the device just said what is there."""
    if at < cut_off.due_at:
        return None
    fresh = cut_off.slot_state is not SlotState.UNKNOWN and at - cut_off.reported_at <= ANSWER_VALID_MS
    if is_confirmed(cut_off) or not fresh or cut_off.slot_state in (SlotState.FOREIGN, SlotState.UNABLE):
        return CutOffRequest.ASK
    return CutOffRequest.WITHDRAW if cut_off.target_wh is None else CutOffRequest.WRITE


def after_request(cut_off: CutOffState, step: CutOffRequest, at: int) -> CutOffState:
    """Return the cut-off after a message went out; without an answer the next follows after a pause."""
    pause = min(FIRST_RETRY_MS << min(cut_off.attempts, 10), MAX_RETRY_MS)
    return replace(
        cut_off,
        attempts=cut_off.attempts + 1,
        due_at=at + pause,
        last_was_query=step is CutOffRequest.ASK,
        written_at=cut_off.written_at if step is CutOffRequest.ASK else at,
        sent_wh=cut_off.sent_wh
        if step is CutOffRequest.ASK
        else max(cut_off.sent_wh, _target_value(cut_off)),
    )


def _target_value(cut_off: CutOffState) -> int:
    return NO_CUT_OFF_WH if cut_off.target_wh is None else cut_off.target_wh


def observe(cut_off: CutOffState, held: SlotState, held_wh: int | None, at: int) -> CutOffState:
    """Return the cut-off after the device said what it holds, asked or not."""
    seen = replace(cut_off, slot_state=held, reported_wh=held_wh, reported_at=at)
    if is_confirmed(seen):
        return replace(seen, attempts=0, due_at=at + VERIFY_MS, sent_wh=0)
    if held in (SlotState.FOREIGN, SlotState.UNABLE):
        return replace(seen, due_at=at + MAX_RETRY_MS)
    if cut_off.attempts and not cut_off.last_was_query:
        return seen  # in the middle of a write, whose further answers are on their way
    urgent = seen.target_wh is None or _too_early(seen)
    return replace(seen, due_at=at if urgent else max(at, cut_off.written_at + REWRITE_MS))


def _too_early(cut_off: CutOffState) -> bool:
    held, wanted = reported_cut_off_wh(cut_off), cut_off.target_wh
    return held is not None and wanted is not None and held < wanted


def ask_again(cut_off: CutOffState, at: int) -> CutOffState:
    """Return the cut-off after its device was away or restarted: it is asked what it still holds."""
    if not is_confirmed(cut_off) and not cut_off.attempts:
        return cut_off
    return replace(cut_off, attempts=0, due_at=at)


def has_reached(cut_off: CutOffState, register_wh: int) -> bool:
    """Return whether a device that stands at a register value cuts, or has cut, by what it holds."""
    limit = reported_cut_off_wh(cut_off)
    return limit is not None and register_wh >= limit
