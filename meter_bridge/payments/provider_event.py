"""What a provider reports of a payment."""

from dataclasses import dataclass
from enum import StrEnum


class ProviderEventKind(StrEnum):
    """What a provider may tell."""

    STARTED = "started"
    """The customer was sent to pay; told by the bridge itself."""
    PENDING = "pending"
    """The money is on its way."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    """Money of a payment, or some of it, went back to who paid."""
    CHARGED_BACK = "charged_back"
    """The payer's bank took it back."""
    REINSTATED = "reinstated"
    """A refund or charge-back was undone: the money is here again."""


REVERSALS = frozenset({ProviderEventKind.REFUNDED, ProviderEventKind.CHARGED_BACK})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEvent:
    """What a provider told once, in words that are the same for all of them."""

    event_id: str
    """The provider's own; kept for ever."""
    kind: ProviderEventKind
    order_id: str | None = None
    reference: str | None = None
    payment_id: str | None = None
    reversal_id: str | None = None
    """Of a refund, a charge-back, or what undoes one."""
    amount: int | None = None
    currency: str | None = None
    happened_at: int | None = None
    detail: str = ""
    """Of a start: where the customer was sent."""
