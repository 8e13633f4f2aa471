"""The one interface of payment providers; each adapter is one file that implements it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from meter_bridge.payments.order import Order
from meter_bridge.payments.provider_event import ProviderEvent


class WrongSignatureError(Exception):
    """A message that its provider did not sign, or not lately; the text says which."""


class UnreadableError(Exception):
    """A message that is signed and yet makes no sense; the text names what is missing."""


class ProviderDownError(Exception):
    """A provider that cannot be reached or does not do what is asked; the text is for the log."""


@dataclass(frozen=True, slots=True)
class ReturnLinks:
    """Where a provider sends the customer afterwards."""

    done: str
    cancelled: str


@dataclass(frozen=True, slots=True)
class Checkout:
    """A payment that a customer may now make: a page to go to, or what to do."""

    url: str | None = None
    instructions: str | None = None
    handle: str | None = None
    """What the provider calls it, to ask for it."""


class Provider(Protocol):
    """A provider of payments as it was configured."""

    @property
    def id(self) -> str:
        """Return the id under which it was configured; part of the address of its webhook."""

    @property
    def name(self) -> str:
        """Return the name that customers read."""

    def accepts(self, currency: str, site_id: str) -> bool:
        """Return whether customers of a site may pay with it."""

    async def start_checkout(self, order: Order, links: ReturnLinks | None) -> Checkout:
        """Let a customer pay an order; the same order again starts nothing new.

        Raises ``ProviderDownError``.
        """

    async def fetch_events(self, order: Order, handle: str) -> Sequence[ProviderEvent]:
        """Return what has become of an order by now, for when no webhook comes.

        Raises ``ProviderDownError``; a provider that cannot be asked returns nothing.
        """

    def parse_webhook(self, headers: Mapping[str, str], body: bytes, now: int) -> Sequence[ProviderEvent]:
        """Return what a webhook tells; nothing where it speaks of what does not matter here.

        ``now`` is in milliseconds. Raises ``WrongSignatureError`` or ``UnreadableError``.
        """
