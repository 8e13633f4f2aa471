"""A unit of change: rows to commit together, and what goes out only after they are on disk."""

from collections.abc import Callable
from dataclasses import dataclass, field

from meter_bridge.engine.state.model import Account, Supply
from meter_bridge.protocol.messages import Event
from meter_bridge.storage.changeset import Changeset


@dataclass(slots=True)
class Transaction:
    """Rows and effects of one change of state."""

    at: int
    actor: str = "bridge"
    changeset: Changeset = field(default_factory=Changeset)
    events: list[Event] = field(default_factory=list)
    effects: list[Callable[[], None]] = field(default_factory=list)
    supplies: dict[Supply, None] = field(default_factory=dict)
    """Supplies whose state is stored with the unit, because its rows only make sense together with it."""
    accounts: dict[Account, None] = field(default_factory=dict)
    """Accounts whose state is stored with it."""
    touched: dict[Account, None] = field(default_factory=dict)
    """Accounts of whose state anything changed, stored or not: their meters leave the fast path."""

    def touch(self, account: Account) -> None:
        """Note that an account's state changes; whatever decides how its readings are taken is part of it."""
        self.touched[account] = None

    def save_supply(self, supply: Supply) -> None:
        """Store a supply's state in the same transaction: what a posting settled is settled there as well."""
        self.supplies[supply] = None
        self.touch(supply.account)

    def save_account(self, account: Account) -> None:
        """Store an account's state in the same transaction, as it is when that is submitted."""
        self.accounts[account] = None
        self.touch(account)

    def after_commit(self, effect: Callable[[], None]) -> None:
        """Run an effect after the commit; it never runs if the commit fails (invariant 10)."""
        self.effects.append(effect)
