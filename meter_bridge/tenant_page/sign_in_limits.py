"""How many wrong codes are looked at: by number, by address of the sender, and by device that is known.

A code is one of 31^8, so what has to be bounded is the rate of guesses, not their number for ever. A stranger
locks for an hour nothing but the stranger's own address; what strangers try at a number holds up other
strangers for some minutes, and never a device on which the customer has signed in before.
"""

from typing import Final

from meter_bridge.engine.access.lockout import (
    WRONG_WEIGHT,
    FailedAttempts,
    Lockout,
    LockoutLimits,
    Verdict,
)
from meter_bridge.engine.access.secret_key import SecretKey
from meter_bridge.engine.access.throttle import peer_key
from meter_bridge.engine.state.session import Session
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode

NUMBER_AND_PEER: Final = "code"
NUMBER: Final = "number"
NO_ROOM: Final = "no room"
"""Numbers that name no room: counted like others, and never stored."""
PEER: Final = "place"
DEVICE: Final = "device"
MAX_PER_NUMBER_AND_PEER: Final = 5
"""Wrong codes for a number from one sender, or on a known device, in ten minutes that lock for an hour."""
MAX_PER_NUMBER: Final = 30
"""The same from all senders."""
MAX_PER_PEER: Final = 20
"""The same from one sender for all numbers."""
NUMBER_LOCK_MS: Final = 300_000
"""How long strangers wait for a number at which too many of them guessed."""
_NO_LIMIT: Final = 10**9


class SignInLimits:
    """Counts wrong codes.

    A number is counted as it was typed, and alike whether or not there is such a room, so that the count
    reveals nothing. Behind a proxy on this machine senders have no address: then only numbers and known
    devices count. Counts survive a restart, but for numbers that name no room: a stranger can think of any
    number of those, so they take neither room nor work on the disk.
    """

    def __init__(self, session: Session, key: SecretKey) -> None:
        one = LockoutLimits(
            per_person=MAX_PER_NUMBER_AND_PEER * WRONG_WEIGHT,
            # A flood must not turn a customer's one slip into the lock of an hour.
            strict_from_total=_NO_LIMIT,
        )
        number = LockoutLimits(
            per_person=MAX_PER_NUMBER * WRONG_WEIGHT,
            lock_ms=NUMBER_LOCK_MS,
            strict_from_total=_NO_LIMIT,
        )
        peer = LockoutLimits(per_person=MAX_PER_PEER * WRONG_WEIGHT, strict_from_total=_NO_LIMIT)
        stored = {
            NUMBER_AND_PEER: Lockout(one),
            NUMBER: Lockout(number),
            PEER: Lockout(peer),
            DEVICE: Lockout(one),
        }
        self._lockouts = stored | {NO_ROOM: Lockout(number)}
        self._failed_attempts = FailedAttempts(session, key, stored)

    def counted_keys(
        self, number: str, peer: str | None, device: str | None, *, is_room: bool
    ) -> list[tuple[str, str]]:
        """Return under which names a try is counted; the first is that of the sender alone."""
        if device is not None:
            keys = [(DEVICE, device)]
        elif peer is None:
            keys = [(NUMBER if is_room else NO_ROOM, number)]
        else:
            sender = peer_key(peer)
            keys = [
                (NUMBER_AND_PEER, f"{number} {sender}"),
                (NUMBER if is_room else NO_ROOM, number),
                (PEER, sender),
            ]
        return [(name, self._failed_attempts.hash_of(who)) for name, who in keys]

    async def check(self, keys: list[tuple[str, str]], at: int) -> None:
        """Raise ``RequestRefused`` while one of the names is locked, by whatever shard."""
        await self._failed_attempts.refresh(_stored(keys))
        until = max(self._lockouts[name].locked_until(who, at) or 0 for name, who in keys)
        if until:
            minutes = max((until - at + 59_999) // 60_000, 1)
            raise RequestRefused(
                ErrorCode.TOO_MANY_REQUESTS,
                "too many wrong codes; none is looked at for a while",
                field="code",
                remedy=f"try again in {minutes} minute{'s' if minutes > 1 else ''}, or open your link",
            )

    async def count_wrong_code(self, keys: list[tuple[str, str]], number: str, mark: str, at: int) -> bool:
        """Count and store a wrong code; return whether it was one too many."""
        # One code tried at many rooms is a guess at each.
        mark = self._failed_attempts.hash_of(f"{number} {mark}")[:12]
        verdicts = [self._lockouts[name].record_wrong(who, mark, WRONG_WEIGHT, at) for name, who in keys]
        if set(verdicts) != {Verdict.KNOWN}:
            await self._failed_attempts.save(_stored(keys))
        return Verdict.LOCKED in verdicts

    async def clear(self, keys: list[tuple[str, str]]) -> None:
        """Forget the wrong codes of a sender who has now shown the right one."""
        name, who = keys[0]
        if self._lockouts[name].clear(who):
            await self._failed_attempts.save(_stored([(name, who)]))


def _stored(keys: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, who) for name, who in keys if name != NO_ROOM]
