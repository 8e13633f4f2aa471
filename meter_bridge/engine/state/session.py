"""The session: state, clock and storage, and the one way in which a change is committed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Health:
    """Health of the bridge: ``ok``, ``degraded`` or ``down``, with reasons for people."""

    status: str
    reasons: tuple[str, ...]
