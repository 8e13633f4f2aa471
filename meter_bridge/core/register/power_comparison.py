"""The register compared with the power that the same device reports.

A register that counts in another unit than it did, stands still under load or counts twice looks right by
itself. The reports of power say otherwise: between two of them flowed at least the lower and at most the
higher power for the time between. Summed up from one rise of the register to another, about a quarter of an
hour later, that bounds the energy that the register should have counted; from rise to rise, so that its
step and how often it is brought up to date play no part.

What cannot be compared is not judged: a device that reports no power, or nothing but 0 W; few reports, or a
gap between them, as after a restart; energy that flows back on any phase.

A register that is right must not be doubted for a power that is wrong, so a mismatch alone is only told.
Energy that was counted far beyond what the power allows is not charged until a person has decided.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from meter_bridge.core.energy import max_energy_wh

MW_MS_PER_WH: Final = 3_600_000_000
WINDOW_MS: Final = 10 * 60_000
"""Least time that is compared; the readings that end a quarter of an hour are, and come a little early or
late."""
LEAST_REPORTS: Final = 30
"""Reports of power for a comparison. A load that runs 30 % of the time in bursts is missed by all of them
with a probability of 2 in 100,000 (0.7 to the power of 30)."""
DENSE_MS: Final = 90_000
"""Longest pause between reports that can show that a little too much was counted: a burst in between is not
seen. One report a minute, as plugs on Wi-Fi and polled Zigbee plugs send, with half a minute of delay."""
SPARSE_MS: Final = 20 * 60_000
"""Longest pause that can show that too little was counted; firmware for plugs reports every 5 minutes by
default, and a load that is on in thirty reports is on in between."""
POWER_STEP_W: Final = 20
"""By how much a report may be too low or too high: two steps of the coarsest power (10 W, DSMR telegrams with
two decimals of a kilowatt); the metering chips of plugs (HLW8012, BL0937) show 0 W below about 3 W."""
TOLERANCE_PERCENT: Final = 50
"""Mismatch that is told: doubled totals are 100 %, and the power of plugs without a factor up to 30 %."""
AGREEMENT_PERCENT: Final = 20
"""Mismatch up to which register and power agree; plugs are right to 5 % or so."""
LEAST_AGREEMENT_WH: Final = 50
"""Energy that shows agreement; with less the step of the power hides what is wrong."""
COMPARISONS_UNTIL_TOLD: Final = 4
"""Comparisons in a row with a moderate mismatch until it is told: an hour, as a load that switches in time
with the reports may look like one for some minutes."""
FAR: Final = 20
"""Factor that is told at once, and beyond which nothing is charged. Units differ by 100 or 1000; a power that
is wrong by a decade, as with some Tuya plugs, stays below it with a register that is right."""
RARELY_FAR: Final = 100
"""The same factor where reports are rarer than ``DENSE_MS``, as of firmware that reports every 5 minutes.
With the step of the power that is 2 kW on average, of which none of thirty reports or more saw anything: a
load of 10 kW that ran for a fifth of the time is missed by all with a probability of 1 in 800 (0.8 to the
power of 30). One that is switched in step with the reports is missed for longer; a person is asked then."""
SLOWEST_UPDATE_MS: Final = 3_600_000
"""How long a register may lag behind: Nordic HAN ports tell it once an hour."""
STILL_WH: Final = 2_000
"""Energy after which every register rises: two steps of the coarsest, 1 kWh."""
_VOID: Final = 2**62


class Finding(StrEnum):
    """What a comparison shows."""

    UNCLEAR = "unclear"
    AGREES = "agrees"
    STANDS_STILL = "stands_still"
    TOO_LITTLE = "too_little"
    FAR_TOO_LITTLE = "far_too_little"
    TOO_MUCH = "too_much"
    FAR_TOO_MUCH = "far_too_much"


@dataclass(slots=True)
class PowerRecord:
    """What reports of power say of a device since a rise of its register; moved on with each of them."""

    at: int = 0
    """Instant of the newest report."""
    power_mw: int = 0
    low: int = 0
    """Energy that flowed at least, in mW·ms."""
    high: int = 0
    """Energy that flowed at most, but for bursts that no report saw."""
    reports: int = 0
    longest_pause_ms: int = _VOID
    """Between two reports; as good as endless where there is nothing to compare."""
    begun_at: int = 0
    counted_wh: int = 0
    """What the register had counted then."""
    from_rise: bool = False
    """Whether it began as the register rose."""
    rose_at: int = 0
    low_at_rise: int = 0
    high_at_rise: int = 0
    """When the register rose last, and what had flowed until then."""
    still_at: int = 0
    """When it should have risen since; of an earlier rise if that is before ``rose_at``."""
    mismatches: int = 0
    """Comparisons in a row that showed a moderate mismatch; below zero where too little was counted."""

    def add(self, power_mw: int, at: int) -> None:
        """Take a report of power."""
        before, pause = self.power_mw, at - self.at
        if pause < 0:
            return
        self.at, self.power_mw = at, power_mw
        self.reports += 1
        if pause > self.longest_pause_ms:  # noqa: PLR1730 - this is done for every message
            self.longest_pause_ms = pause
        if power_mw < before:
            power_mw, before = before, power_mw
        if before < 0:
            self.longest_pause_ms = _VOID
            return
        self.low += before * pause
        self.high += power_mw * pause

    def rise(self, at: int) -> None:
        """Note that the register rose."""
        self.rose_at, self.low_at_rise, self.high_at_rise = at, self.low, self.high

    def begin(self, at: int, counted_wh: int, *, from_rise: bool) -> None:
        """Begin anew to compare."""
        self.low = self.high = self.reports = self.longest_pause_ms = 0
        self.begun_at = at
        self.rise(at)
        self.counted_wh, self.from_rise = counted_wh, from_rise

    def invalidate(self) -> None:
        """Note that what is counted from now on is no measure of what flowed."""
        self.longest_pause_ms = _VOID


def possible_by_power_wh(record: PowerRecord, at: int, rating_w: int) -> int | None:
    """Return the largest rise at an instant that the reported power does not rule out; None if unknown."""
    if not record.high or max(record.longest_pause_ms, at - record.at) > DENSE_MS:
        return None
    flowed = _at_most_wh(record.high - record.high_at_rise, at - record.rose_at)
    return FAR * flowed + max_energy_wh(rating_w, DENSE_MS)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Register and power over the same time."""

    finding: Finding
    counted_wh: int
    flowed_wh: int
    """By the power, halfway between least and most."""
    power_mw: int
    """Mean of it."""


def compare(record: PowerRecord, counted_wh: int, at: int, step_wh: int, *, rose: bool) -> Comparison | None:
    """Compare what the register counted with the power, and begin anew where that is done or cannot be.

    ``rose`` says that the register rises now, and ``step_wh`` is its resolution. None as long as the record
    is too short.
    """
    if at - record.begun_at < WINDOW_MS:
        return None
    pause, lacking = max(record.longest_pause_ms, at - record.at), record.reports < LEAST_REPORTS
    if pause > SPARSE_MS or counted_wh < record.counted_wh or (rose and not record.from_rise):
        record.begin(at, counted_wh, from_rise=rose)
        return None
    if lacking:
        return None
    if not rose:
        return _still(record, at)
    counted = counted_wh - record.counted_wh
    finding = _ratio(record, counted, at - record.begun_at, step_wh, dense=pause <= DENSE_MS)
    found = _comparison(finding, counted, record.low + record.high, at - record.begun_at)
    record.mismatches = _mismatches_after(record.mismatches, finding)
    record.begin(at, counted_wh, from_rise=True)
    return found


def _still(record: PowerRecord, at: int) -> Comparison | None:
    """Return that the register has not risen for long under load, or None."""
    lasted, low = at - record.rose_at, record.low - record.low_at_rise
    if _at_least_wh(low, lasted) < STILL_WH:
        return None
    if record.still_at <= record.rose_at:
        record.still_at = at
    if at - record.still_at < SLOWEST_UPDATE_MS:
        return None
    return _comparison(Finding.STANDS_STILL, 0, low + record.high - record.high_at_rise, lasted)


def _comparison(finding: Finding, counted_wh: int, low_and_high: int, lasted_ms: int) -> Comparison:
    flowed = low_and_high // 2
    return Comparison(finding, counted_wh, flowed // MW_MS_PER_WH, flowed // lasted_ms)


def _ratio(record: PowerRecord, counted_wh: int, lasted_ms: int, step_wh: int, *, dense: bool) -> Finding:
    most, least = _at_most_wh(record.high, lasted_ms), _at_least_wh(record.low, lasted_ms)
    beyond = 100 + TOLERANCE_PERCENT
    if record.high and counted_wh - step_wh > (FAR if dense else RARELY_FAR) * most:
        return Finding.FAR_TOO_MUCH
    if least > FAR * (counted_wh + step_wh):
        return Finding.FAR_TOO_LITTLE
    if dense and record.high and 100 * (counted_wh - step_wh) > beyond * most:
        return Finding.TOO_MUCH
    if 100 * least > beyond * (counted_wh + step_wh):
        return Finding.TOO_LITTLE
    return Finding.AGREES if _agrees(record, counted_wh, step_wh) else Finding.UNCLEAR


def _agrees(record: PowerRecord, counted_wh: int, step_wh: int) -> bool:
    within = 100 + AGREEMENT_PERCENT
    most, least = record.high // MW_MS_PER_WH + 1, record.low // MW_MS_PER_WH
    return (
        counted_wh >= LEAST_AGREEMENT_WH + step_wh
        and 100 * (counted_wh - step_wh) <= within * most
        and 100 * least <= within * (counted_wh + step_wh)
    )


def _mismatches_after(before: int, finding: Finding) -> int:
    """Return how many comparisons in a row showed a moderate mismatch, below zero for too little."""
    match finding:
        case Finding.TOO_MUCH:
            return max(before, 0) + 1
        case Finding.TOO_LITTLE:
            return min(before, 0) - 1
        case Finding.UNCLEAR:
            return before
        case _:
            return 0


def is_told(finding: Finding, mismatches: int) -> bool:
    """Return whether a finding is to be told, with the moderate mismatches in a row that it ends."""
    if finding in (Finding.STANDS_STILL, Finding.FAR_TOO_LITTLE, Finding.FAR_TOO_MUCH):
        return True
    return finding in (Finding.TOO_LITTLE, Finding.TOO_MUCH) and abs(mismatches) >= COMPARISONS_UNTIL_TOLD


def _at_most_wh(flowed: int, lasted_ms: int) -> int:
    return -(-(flowed + POWER_STEP_W * 1000 * lasted_ms) // MW_MS_PER_WH)


def _at_least_wh(flowed: int, lasted_ms: int) -> int:
    return max(flowed - POWER_STEP_W * 1000 * lasted_ms, 0) // MW_MS_PER_WH
