"""Where a request goes: to one shard, to all, or to the first, which keeps what is everybody's."""

from collections.abc import Callable
from dataclasses import dataclass
import re
from typing import Final
from urllib.parse import unquote

from meter_bridge.cluster.directory import ShardDirectory
from meter_bridge.storage.shards import shard_of

_OF_ACCOUNT: Final = re.compile(r"/api/v1/accounts/([^/]+)(?:/.*)?")
_OF_METER: Final = re.compile(r"/api/v1/meters/([^/]+)/.*")
_OF_ALERT: Final = re.compile(r"/api/v1/alerts/alert-(\d+)/.*")
ALL_SHARDS: Final = frozenset(
    {
        "/api/v1/accounts",
        "/api/v1/meters",
        "/api/v1/exposure",
        "/api/v1/alerts",
        "/api/v1/debts",
        "/api/v1/notices",
        "/api/v1/payments/waiting",
    }
)
ROOT: Final = "/"
PAGE: Final = "/my/"
SOCKET: Final = "/api/v1/ws"
HEALTH: Final = "/health"
HISTORY: Final = "/api/v1/history"
METRICS: Final = "/metrics"
SIGN_IN: Final = "/api/v1/page/sign-in"
PAYMENT_EVENTS: Final = "/api/v1/payment-events/"
FILES: Final = ("/api/v1/site", "/api/v1/payments/reconciliation/")
"""Routes to which whole files are sent."""
PAYMENT_DECISION: Final = "/api/v1/payments/decide"
FIRST: Final = 0
"""The shard that keeps tokens, vouchers and site files, and answers where a thing is nobody's."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes."""

    shard: int = FIRST
    to_all_shards: bool = False


def route(method: str, path: str, directory: ShardDirectory) -> Route:
    """Return where a request goes; ``path`` is as it was sent, percent signs included."""
    if method in {"GET", "HEAD"} and path in ALL_SHARDS:
        return Route(to_all_shards=True)
    finders: tuple[tuple[re.Pattern[str], Callable[[str], int | None]], ...] = (
        (_OF_ACCOUNT, directory.shard_of_account),
        (_OF_METER, directory.shard_of_meter),
        (_OF_ALERT, lambda number: shard_of(int(number))),
    )
    for pattern, find in finders:
        found = pattern.fullmatch(path)
        if found is not None:
            return Route(find(unquote(found[1])) or FIRST)
    return Route()
