"""Rows of the state that several changes store."""

from meter_bridge.engine.state.model import Account


def tenancy_row(account: Account) -> dict[str, object]:
    """Return an account's tenancy as a row."""
    tenancy = account.tenancy
    return {
        "account_id": account.id,
        "n": tenancy.n,
        "customer": account.customer,
        "start_ms": tenancy.start,
        "end_ms": tenancy.end,
        "first_seq": tenancy.first_seq,
        "first_event": tenancy.first_event,
    }
