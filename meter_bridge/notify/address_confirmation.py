"""A customer's new address takes messages once a code that was sent there came back.

Otherwise anybody with a session could let the landlord pay for messages to whomever they like. What waits for
its code is kept in memory: after a restart it is saved again.
"""

from collections import deque
from dataclasses import dataclass, field, replace
import hmac
import secrets
from typing import Final

from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.protocol.payments import NotificationSettings

KINDS: Final = ("email", "phone")
CODE_DIGITS: Final = 6
VALID_MS: Final = 3_600_000
MAX_TRIES: Final = 5
"""Wrong codes after which a new one has to be sent."""
DAY_MS: Final = 86_400_000
MAX_PER_ACCOUNT: Final = 6
"""Codes and test messages that a customer can cause in a day."""
MAX_PER_ADDRESS: Final = 3
"""The same to one address, whoever asks."""
MAX_IN_ALL: Final = 300
"""The same of all customers."""
_ALL: Final = ""


def with_address(settings: NotificationSettings, kind: str, address: str) -> NotificationSettings:
    """Return settings with another address of a kind."""
    return replace(settings, email=address) if kind == "email" else replace(settings, phone=address)


class DailyLimit:
    """Counts what customers cause to be sent in any 24 hours, within bounded memory."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._sent: deque[tuple[int, str, str]] = deque()

    def count(self, account: Account, address: str) -> None:
        """Count a message to an address; raise ``RequestRefused`` where there were too many."""
        now = self._session.clock.steady_ms()
        while self._sent and now - self._sent[0][0] >= DAY_MS:
            self._sent.popleft()
        of_account = sum(who == account.id for _, who, _ in self._sent)
        to_address = sum(where == address for _, _, where in self._sent)
        if of_account >= MAX_PER_ACCOUNT or to_address >= MAX_PER_ADDRESS or len(self._sent) >= MAX_IN_ALL:
            raise RequestRefused(
                ErrorCode.TOO_MANY_REQUESTS,
                "no more messages of this kind are sent today",
                remedy="try again tomorrow, or ask the landlord to enter the address",
            )
        self._sent.append((now, account.id, address))


@dataclass(slots=True)
class _Waiting:
    """New addresses of one tenancy, with the code that was sent to each."""

    tenancy: int
    until: int
    codes: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Address and code of each kind."""
    tries: int = 0


class AddressConfirmation:
    """Keeps the addresses of customers that wait for their code."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._waiting: dict[str, _Waiting] = {}

    def new_code(self, account: Account, kind: str, address: str) -> str:
        """Return a new code for a new address."""
        now = self._session.clock.steady_ms()
        waiting = self._current(account) or _Waiting(account.tenancy.n, now)
        code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
        waiting.codes[kind], waiting.until, waiting.tries = (address, code), now + VALID_MS, 0
        self._waiting[account.id] = waiting
        return code

    def confirmed(self, account: Account, code: str, stored: NotificationSettings) -> NotificationSettings:
        """Return the settings with the address that the code was sent to; raises ``RequestRefused``.

        The code stays good until the address is stored (``forget``).
        """
        waiting = self._current(account)
        found = (
            []
            if waiting is None
            else [kind for kind, (_, sent) in waiting.codes.items() if hmac.compare_digest(sent, code)]
        )
        if waiting is None or not found:
            self._count_wrong(account, waiting)
            raise RequestRefused(
                ErrorCode.BAD_REQUEST,
                "the code is wrong or has expired",
                field="code",
                remedy="compare it with the message, or save the address again for another one",
            )
        for kind in found:
            stored = with_address(stored, kind, waiting.codes[kind][0])
        return replace(stored, unconfirmed=tuple(kind for kind in waiting.codes if kind not in found))

    def addresses(self, account: Account) -> dict[str, str]:
        """Return the new addresses of each kind that wait for their code."""
        waiting = self._current(account)
        return {} if waiting is None else {kind: address for kind, (address, _) in waiting.codes.items()}

    def forget(self, account: Account, stored: NotificationSettings) -> None:
        """Forget the codes of addresses that are stored now."""
        waiting = self._current(account)
        if waiting is not None:
            waiting.codes = {
                kind: (address, code)
                for kind, (address, code) in waiting.codes.items()
                if address != getattr(stored, kind)
            }

    def _count_wrong(self, account: Account, waiting: _Waiting | None) -> None:
        if waiting is not None:
            waiting.tries += 1
            if waiting.tries >= MAX_TRIES:
                del self._waiting[account.id]

    def _current(self, account: Account) -> _Waiting | None:
        """Return what waits of the present customer, and forget what does no longer."""
        waiting = self._waiting.get(account.id)
        now = self._session.clock.steady_ms()
        if waiting is not None and (waiting.tenancy != account.tenancy.n or waiting.until <= now):
            del self._waiting[account.id]
            return None
        return waiting
