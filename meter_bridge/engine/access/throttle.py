"""Count wrong tokens by peer, within bounded memory."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address
import time
from typing import Final

MAX_WRONG_TOKENS: Final = 20
WINDOW_S: Final = 60.0
MAX_PEERS: Final = 1024


@dataclass(slots=True)
class _Window:
    started_at: float
    wrong: int = 0


class Throttle:
    """Says when a peer has sent too many wrong tokens within a minute.

    It guards the log and the processor, not the secrets: those have 256 bits and are not guessed. So a right
    token is served also from a peer that is throttled: behind a proxy all clients are one peer, and one that
    is set up wrongly must not lock out the others.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Start with no peer known."""
        self._monotonic = monotonic
        self._windows: OrderedDict[str, _Window] = OrderedDict()

    def __len__(self) -> int:
        """Return how many peers are remembered."""
        return len(self._windows)

    def count_wrong_token(self, address: str) -> bool:
        """Count a wrong token; return whether the peer has now sent too many."""
        window = self._window(peer_key(address))
        window.wrong += 1
        return window.wrong > MAX_WRONG_TOKENS

    def _window(self, peer: str) -> _Window:
        now = self._monotonic()
        window = self._windows.get(peer)
        if window is None or now - window.started_at >= WINDOW_S:
            self._windows.pop(peer, None)
            window = self._windows[peer] = _Window(now)
            if len(self._windows) > MAX_PEERS:
                self._windows.popitem(last=False)
        return window


def peer_key(address: str) -> str:
    """Return what counts as one peer: an IPv4 address, or the /64 that one IPv6 host has to itself."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is None:
        return str(IPv6Network((int(ip), 64), strict=False))
    return str(ip)
