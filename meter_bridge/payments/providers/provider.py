"""The base of all payment providers; each adapter is one file."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from meter_bridge.payments.order import Order, ProviderEvent


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider(ABC):
    """A provider of payments as it was configured."""

    id: str
    """Part of the address of its webhook."""
    name: str
    """The name that customers read."""
    secrets: Sequence[str] = field(repr=False)
    """Secrets with which webhooks are signed."""
    currencies: frozenset[str] = frozenset()
    sites: frozenset[str] = frozenset()

    def accepts(self, currency: str, site_id: str) -> bool:
        """Return whether customers of a site may pay with it; if nothing is named, all may."""
        return (not self.currencies or currency in self.currencies) and (
            not self.sites or site_id in self.sites
        )

    @abstractmethod
    async def start_checkout(self, order: Order, links: ReturnLinks | None) -> Checkout:
        """Let a customer pay an order, which is started only once; raises ``ProviderDownError``."""

    @abstractmethod
    async def fetch_events(self, order: Order, handle: str) -> Sequence[ProviderEvent]:
        """Return an order's events so far, none if there is no API to ask; raises ``ProviderDownError``."""

    @abstractmethod
    def parse_webhook(self, headers: Mapping[str, str], body: bytes, now: int) -> Sequence[ProviderEvent]:
        """Return what a webhook tells; nothing where it speaks of what does not matter here.

        ``now`` is in milliseconds. Raises ``WrongSignatureError`` or ``UnreadableError``.
        """
