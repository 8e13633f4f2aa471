"""Asking meters more often as their credit nears a warning or its end, so that the overshoot stays small.

A meter that reports every five minutes at 3 kW may use 250 Wh unseen. From two minutes before the credit
would be used up at the present load, the bridge asks for a fresh reading every few seconds.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from meter_bridge.engine.metering.fast_path import FastPath
from meter_bridge.engine.state.model import Installation, Meter
from meter_bridge.engine.state.transport import Transport

DEPLETION_NEAR_MS: Final = 120_000
POLL_INTERVAL_MS: Final = 5_000
METERS_PER_TICK: Final = 2_000
"""Meters that are looked at each time; where there are more, all have had their turn after ten times."""
TICKS_PER_ROUND: Final = 10


class DepletionPolling:
    """Remembers when each meter was asked."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._polled_at: dict[str, int] = {}
        self._round: Iterator[Meter] = iter(())
        self._near_depletion: list[Meter] = []
        """Those whose credit ended soon when they were looked at last."""

    def tick(self, installation: Installation, now: int) -> None:
        """Ask the meters whose credit ends soon; one that was just read or asked is left alone."""
        looked_at = dict.fromkeys((*self._next_meters(installation), *self._near_depletion))
        self._near_depletion = [
            meter
            for meter in looked_at
            if isinstance(meter.fast_path, FastPath)
            and meter.fast_path.depletes_by(now + DEPLETION_NEAR_MS)
            and installation.meters.get(meter.id) is meter
        ]
        for meter in self._near_depletion:
            if self._is_due(meter, now):
                self._polled_at[meter.id] = now
                self._transport.query(meter)

    def _next_meters(self, installation: Installation) -> list[Meter]:
        """Return the meters whose turn it is; up to a few thousand, all of them."""
        at_once = max(METERS_PER_TICK, len(installation.meters) // TICKS_PER_ROUND)
        turn = list(islice(self._round, at_once))
        if len(turn) < at_once:
            self._round = iter(list(installation.meters.values()))
            turn += islice(self._round, at_once - len(turn))
        return turn

    def _is_due(self, meter: Meter, now: int) -> bool:
        read_at = meter.register.at if meter.register else 0
        return now - max(self._polled_at.get(meter.id, 0), read_at) >= POLL_INTERVAL_MS
