"""What an audit of the ledger found, as its child process reports it to the bridge."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A supply whose ledger differs from its price list in a billing period; amounts of its currency."""

    account_id: str
    supply_id: str
    name: str
    currency: str
    period: str
    charged: int
    priced: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedSupply:
    """A supply that cannot be priced in sets, with the reason."""

    supply_id: str
    reason: str


@dataclass(slots=True, kw_only=True)
class AuditReport:
    """The findings of one audit."""

    upto: int
    supplies: int = 0
    """How many were priced again."""
    differences: list[Difference] = field(default_factory=list)
    skipped: list[SkippedSupply] = field(default_factory=list)
