"""The three states of a relay: requested, reported, confirmed.

An acknowledgement is not an open contact. A requested position is confirmed by a reading newer than the
command that shows the relay there and, for an open one, the load gone; where there was no load before the
command nothing can prove it.
"""

from dataclasses import dataclass, replace
from typing import Final

from meter_bridge.core.calendar import DAY_MS
from meter_bridge.protocol.vocabulary import RelayPosition, RelayProof

NO_LOAD_MW: Final = 5_000
"""Power below which a load counts as gone: measurement noise and the meter's own draw stay under 5 W."""
GRACE_MS: Final = 1_500
"""Time that a device is given to move before it counts as disobeying."""
FIRST_RETRY_MS: Final = 2_000
MAX_RETRY_MS: Final = 60_000
ATTEMPTS_BEFORE_REST: Final = 15
"""Commands, over ten minutes or so, until a relay of which no report proves anything is told more rarely."""
MAX_REST_MS: Final = 3_600_000
"""Longest pause then: who mends the device waits for an hour at most, and a report that shows it elsewhere
ends the rest at once."""
RETRY_RESET_MS: Final = 600_000
"""A relay that obeyed this long starts with short pauses again."""


PROVEN: Final = (RelayProof.CONFIRMED, RelayProof.NO_LOAD)
"""All that a requested position can be proven."""
SETTLED: Final = (*PROVEN, RelayProof.NO_ANSWER)
"""Proven, or proven until its device went away: there is nothing to tell it before it is back."""


@dataclass(frozen=True, slots=True)
class Relay:
    """State of one relay; instants in milliseconds."""

    requested: RelayPosition | None = None
    requested_at: int = 0
    revision: int = 0
    reported: RelayPosition | None = None
    reported_at: int = 0
    proof: RelayProof = RelayProof.PENDING
    load_before: bool | None = None
    """Whether there was a load when the command was given; None if unknown."""
    attempts: int = 0
    sent_at: int = 0


@dataclass(frozen=True, slots=True)
class Observation:
    """What a device says of its relay and load; ``None`` where it says nothing."""

    at: int
    position: RelayPosition | None
    power_mw: int | None
    stale: bool = False


def with_command(
    relay: Relay, position: RelayPosition, revision: int, at: int, power_mw: int | None
) -> Relay:
    """Return the relay with a new command; the same position again keeps the one in force."""
    if relay.requested is position:
        return relay
    return replace(
        relay,
        requested=position,
        requested_at=at,
        revision=revision,
        proof=RelayProof.PENDING,
        load_before=None if power_mw is None else _is_load(power_mw),
        attempts=0,
        sent_at=0,
    )


def _is_load(power_mw: int) -> bool:
    return abs(power_mw) > NO_LOAD_MW


def after_restart(relay: Relay) -> Relay:
    """Return the relay to be commanded again after its device was away, unless the customer had opened it."""
    chosen = relay.requested is RelayPosition.CLOSED and relay.reported is RelayPosition.OPEN
    if chosen and relay.proof is RelayProof.NO_ANSWER:
        return replace(relay, proof=RelayProof.CONFIRMED)
    if relay.requested is None or (chosen and relay.proof in PROVEN):
        return relay
    return after_reassert(relay)


def after_absence(relay: Relay) -> Relay:
    """Return the relay of a device that went away: what was proven may have changed since."""
    return replace(relay, proof=RelayProof.NO_ANSWER) if relay.proof in PROVEN else relay


def after_deafness(relay: Relay) -> Relay:
    """Return the relay once reports of it were missed: what was proven open may have been closed since."""
    return after_reassert(relay) if relay.requested is RelayPosition.OPEN and relay.proof in PROVEN else relay


def after_reassert(relay: Relay) -> Relay:
    """Return the relay with what it was told still to be obeyed, though it may have obeyed once."""
    return replace(relay, proof=RelayProof.PENDING, attempts=0, sent_at=0)


def after_sent(relay: Relay, at: int) -> Relay:
    """Return the relay after its command went out once more."""
    return replace(relay, attempts=relay.attempts + 1, sent_at=at)


def observe(relay: Relay, observation: Observation) -> Relay:
    """Return the relay after a report of the device.

    A stale one only fills what was never reported; where it shows a relay closed that was proven open, it may
    be newer than the proof, which is gone then.
    """
    before = relay.reported
    if observation.position is not None and (not observation.stale or before is None):
        relay = replace(relay, reported=observation.position, reported_at=observation.at)
    if observation.stale:
        return _after_stale(relay, observation)
    if relay.requested is None or relay.attempts == 0 or observation.at < relay.sent_at:
        return relay
    proof = _proof(relay, observation, before)
    calm = proof in PROVEN and observation.at - relay.sent_at > RETRY_RESET_MS
    return replace(relay, proof=proof, attempts=min(relay.attempts, 1) if calm else relay.attempts)


def _after_stale(relay: Relay, observation: Observation) -> Relay:
    """Drop the proof of an open relay that may have been closed since, as by the device's button."""
    if observation.position is not RelayPosition.CLOSED or relay.requested is not RelayPosition.OPEN:
        return relay
    return replace(relay, proof=RelayProof.PENDING) if relay.proof in SETTLED else relay


def _proof(relay: Relay, observation: Observation, before: RelayPosition | None) -> RelayProof:
    """Return how far a fresh report proves the requested position; ``before`` is the last reported one."""
    if observation.position is not None and observation.position is not relay.requested:
        return _proof_of_contradiction(relay, observation)
    unheard = observation.position is None and relay.proof is RelayProof.NO_ANSWER
    if unheard or relay.reported is not relay.requested or relay.reported_at < relay.sent_at:
        return relay.proof
    if observation.power_mw is None:
        still_loaded = relay.proof is RelayProof.DISOBEYS and before is relay.requested
        return relay.proof if relay.proof in PROVEN or still_loaded else RelayProof.REPORTED
    if relay.requested is RelayPosition.CLOSED:
        return RelayProof.CONFIRMED
    if _is_load(observation.power_mw):
        return RelayProof.DISOBEYS if observation.at - relay.sent_at >= GRACE_MS else RelayProof.REPORTED
    if relay.load_before or relay.proof is RelayProof.CONFIRMED:
        return RelayProof.CONFIRMED
    return RelayProof.NO_LOAD


def _proof_of_contradiction(relay: Relay, observation: Observation) -> RelayProof:
    # A closed relay that is opened at the device is the customer's choice; an open one that closes is not.
    settled = relay.proof in SETTLED
    if settled and relay.requested is RelayPosition.CLOSED:
        return relay.proof
    late = settled or observation.at - relay.sent_at >= GRACE_MS
    return RelayProof.DISOBEYS if late else relay.proof


def retry_at(relay: Relay) -> int | None:
    """Return when to send the command (again), with growing pauses; None once obeyed."""
    if relay.requested is None or relay.proof in SETTLED:
        return None
    if relay.attempts == 0:
        return relay.requested_at
    return relay.sent_at + retry_pause_ms(relay)


def retry_pause_ms(relay: Relay) -> int:
    """Return the pause in milliseconds after a command that went out.

    It doubles up to a minute; where no report says anything of the relay, after a while up to an hour.
    """
    if is_unproven_for_long(relay):
        return min(MAX_RETRY_MS << min(relay.attempts - ATTEMPTS_BEFORE_REST, 10), MAX_REST_MS)
    return min(FIRST_RETRY_MS << min(relay.attempts - 1, 10), MAX_RETRY_MS)


def is_unproven_for_long(relay: Relay) -> bool:
    """Return whether a relay was told again and again, and no report says where it is."""
    unproven = relay.proof in (RelayProof.PENDING, RelayProof.REPORTED)
    return relay.requested is not None and unproven and relay.attempts > ATTEMPTS_BEFORE_REST


MAX_SWITCHINGS: Final = 200
"""Most switchings a day that a policy may name; also how many are remembered."""


def switching_blocked_until(switchings: tuple[int, ...], limit: int | None, at: int) -> int | None:
    """Return until when a cut has to wait because credit switched ``most`` times within a day, or None."""
    recent = _last_day(switchings, at)
    if limit is None or len(recent) < limit:
        return None
    return recent[len(recent) - limit] + DAY_MS


def add_switching(switchings: tuple[int, ...], at: int) -> tuple[int, ...]:
    """Return the switchings of the last day with one more."""
    return (*_last_day(switchings, at), at)[-MAX_SWITCHINGS:]


def _last_day(switchings: tuple[int, ...], at: int) -> tuple[int, ...]:
    return tuple(switching for switching in switchings if at - switching < DAY_MS)
