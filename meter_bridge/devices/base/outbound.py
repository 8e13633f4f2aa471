"""A message to publish."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One message to publish."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
