"""Posting what closed at the end of a quarter of an hour in turn, so that no decision waits for all of it.

What closes is noted with the instant and the readings of its entry, and stored with the supply's state. Its
turn comes soon after; anything else that is booked on the account comes after it. So entries, amounts and
instants are those of posting at once, and only the moment of their commit moves.
"""

from dataclasses import replace
from heapq import heappop, heappush
from itertools import count
from typing import Final
from zlib import crc32

from meter_bridge.core.rating.closing import close_segments, segments_closing_at
from meter_bridge.core.rating.rating import LineKind
from meter_bridge.engine.ledger.journal import book_charges
from meter_bridge.engine.ledger.register_trail import newest_readings
from meter_bridge.engine.state.model import Account, DeferredPosting, Installation, Supply
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction

MAX_DEFER_MS: Final = 30_000
"""Longest time that a posting waits for its turn while nothing else hinders it."""
DEFER_PER_METER_MS: Final = 3
"""Time of the turns for each meter: a household posts at once, ten thousand meters within the longest."""


def may_defer(supply: Supply, at: int) -> bool:
    """Return whether what closed may be posted later with the same result: plain consumption.

    Values to date depend on all that was used until they are settled.
    """
    closing = [part for parts in segments_closing_at(supply.rating, at).values() for part in parts]
    return all(
        part.key.kind == LineKind.CONSUMPTION and not supply.timeline.has_period_to_date(part.key.period)
        for part in closing
    )


def post_deferred(installation: Installation, account: Account, tx: Transaction) -> None:
    """Post what waits of an account as part of a unit, before the unit books anything else."""
    for supply in account.supplies:
        due, supply.deferred_posting = supply.deferred_posting, None
        if due is None:
            continue
        charges = close_segments(supply.rating, supply.timeline, upto=due.at)
        book_charges(installation, supply, replace(tx, at=due.at, actor="bridge"), charges, due.readings)
        _leave_posted_fast_paths(supply)


def _leave_posted_fast_paths(supply: Supply) -> None:
    """Leave the lanes of meters whose newest segment was posted."""
    for meter in supply.meters:
        parts = supply.rating.open_segments.get(meter.id)
        if meter.fast_path is not None and (not parts or parts[-1] is not meter.fast_path.segment):
            meter.leave_fast_path()


class DeferredPostings:
    """The supplies with something to post, in the order of their turns."""

    def __init__(self, session: Session) -> None:
        """Take up what waited when the state was stored."""
        self._session = session
        self.attach()

    def attach(self) -> None:
        """Begin with the session's present state."""
        installation = self._installation = self._session.installation
        self._heap: list[tuple[int, int, Supply]] = []
        self._positions = count()
        for account in installation.accounts.values():
            for supply in account.supplies:
                if supply.deferred_posting is not None:
                    self._queue(supply, supply.deferred_posting.at)

    def defer(self, supply: Supply, at: int) -> None:
        """Note what closed at an instant, to be posted as of then. Of an account only one supply waits."""
        closing = segments_closing_at(supply.rating, at)
        supply.deferred_posting = DeferredPosting(at, newest_readings(supply, closing))
        self._queue(supply, at)

    def _queue(self, supply: Supply, at: int) -> None:
        """Give a supply its turn, always the same within the time that all supplies take."""
        within = min(len(self._installation.meters) * DEFER_PER_METER_MS, MAX_DEFER_MS)
        turn = at + crc32(supply.id.encode()) % (within + 1)
        heappush(self._heap, (turn, next(self._positions), supply))

    def next_account(self, now: int) -> Account | None:
        """Return the account whose turn it is, or None; what was posted meanwhile is passed over."""
        while self._heap and self._heap[0][0] <= now:
            supply = heappop(self._heap)[2]
            if supply.deferred_posting is not None:
                return supply.account
        return None
