"""What a snapshot is to hold: the tables of a kind of page, of every unit or of one."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which tables a page needs; two pages with equal scopes share one snapshot."""

    kind: str = "portfolio"
    account_id: str = ""
    """The unit; empty where the page is about all of them."""
    own: bool = False
    """Only what belongs to the present tenancy: what a customer may see."""
    since: int = 0
    """Milliseconds UTC; older top-ups and closed alerts are left out where a page reads them by time."""


PORTFOLIO: Final = Scope()


def unit_scope(account_id: str, *, own: bool = False) -> Scope:
    """Return the scope of one unit with its history."""
    return Scope(kind="unit", account_id=account_id, own=own)
