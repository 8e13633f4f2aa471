"""What can be used beyond credit if bridge or broker stop now, as it goes over the wire."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountExposure:
    """Exposure of one account; amounts are integers of ``10**-amount_digits`` of the currency."""

    account_id: str
    name: str
    currency: str
    amount_digits: int
    policies: tuple[str, ...]
    """What its meters do without the bridge: ``hold``, ``close`` or ``local_cut_off``."""
    limited: bool
    """False if credit does not cut the supply (never cut, credit mode, held on); nothing exceeds it then."""
    meters: int
    """Meters that the bridge can switch."""
    in_force: int
    """Meters whose device has confirmed that it cuts by itself."""
    once_wh: int
    """The most energy that these can use beyond credit before their devices cut."""
    once_amount: int
    hourly_wh: int
    """The most energy that all others can use in an hour, without end."""
    hourly_amount: int
