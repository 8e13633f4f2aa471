"""Lock-out at the door: how often somebody may be wrong, whatever rooms exist."""

from typing import Final

from meter_bridge.engine.access.failed_attempts import FailedAttempts
from meter_bridge.engine.access.lockout_rules import WRONG_WEIGHT, Lockout, LockoutLimits, Verdict
from meter_bridge.engine.access.secret_key import SecretKey
from meter_bridge.engine.access.throttle import peer_key
from meter_bridge.engine.state.session import Session
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode

NUMBER_AND_PEER: Final = "code"
NUMBER: Final = "number"
PEER: Final = "place"
_NO_LIMIT: Final = 10**9
MAX_PER_NUMBER_AND_PEER: Final = 5
"""Wrong codes for a number from one place within ten minutes, before it is not heard for an hour."""
MAX_PER_NUMBER: Final = 30
"""The same from wherever."""
MAX_PER_PEER: Final = 20
"""The same for whatever numbers."""


class SignInLimits:
    """Counts wrong codes by number, by place, and by both.

    A number is counted as it was typed, whether or not there is such a room, so that the count tells nothing.
    A proxy on this machine hides places: then only numbers count. A restart forgets nothing.
    """

    def __init__(self, session: Session, key: SecretKey) -> None:
        """Take up what was tried before the start."""
        self._lockouts = {
            NUMBER_AND_PEER: Lockout(LockoutLimits(per_person=MAX_PER_NUMBER_AND_PEER * WRONG_WEIGHT)),
            NUMBER: Lockout(
                LockoutLimits(per_person=MAX_PER_NUMBER * WRONG_WEIGHT, strict_from_total=_NO_LIMIT)
            ),
            PEER: Lockout(LockoutLimits(per_person=MAX_PER_PEER * WRONG_WEIGHT, strict_from_total=_NO_LIMIT)),
        }
        self._failed_attempts = FailedAttempts(session, key, self._lockouts)

    def _counted_keys(self, number: str, peer: str | None) -> list[tuple[str, str]]:
        """Return the guards that a try goes through, with whom each counts."""
        place = None if peer is None else peer_key(peer)
        found = [(NUMBER_AND_PEER, f"{number} {place}"), (NUMBER, number)]
        named = found if place is None else [*found, (PEER, place)]
        return [(name, self._failed_attempts.hash_of(who)) for name, who in named]

    async def refresh(self, number: str, peer: str | None) -> None:
        """Take up what was tried where somebody whose code is of another shard comes in."""
        await self._failed_attempts.refresh(self._counted_keys(number, peer))

    def check(self, number: str, peer: str | None, at: int) -> None:
        """Raise ``RequestRefused`` while somebody is not heard."""
        known = [self._lockouts[name].locked_until(who, at) for name, who in self._counted_keys(number, peer)]
        until = max((each for each in known if each is not None), default=0)
        if until:
            minutes = max((until - at + 59_999) // 60_000, 1)
            raise RequestRefused(
                ErrorCode.TOO_MANY_REQUESTS,
                "too many wrong codes; none is looked at for a while",
                field="code",
                remedy=f"try again in {minutes} minute{'s' if minutes > 1 else ''}, or open your link",
            )

    async def count_wrong_code(self, number: str, peer: str | None, mark: str, at: int) -> bool:
        """Count a wrong code, and store that; say whether it was one too many."""
        # One code tried at many rooms is a guess at each.
        mark = self._failed_attempts.hash_of(f"{number} {mark}")[:12]
        keys = self._counted_keys(number, peer)
        verdicts = [self._lockouts[name].record_wrong(who, mark, WRONG_WEIGHT, at) for name, who in keys]
        if set(verdicts) != {Verdict.KNOWN}:
            await self._failed_attempts.save(keys)
        return Verdict.LOCKED in verdicts

    async def clear(self, number: str, peer: str | None) -> None:
        """Forget the slips of who has now shown the right code."""
        name, who = self._counted_keys(number, peer)[0]
        if self._lockouts[name].clear(who):
            await self._failed_attempts.save([(name, who)])
