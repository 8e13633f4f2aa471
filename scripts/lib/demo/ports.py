"""Ports of this machine."""

import socket
from typing import Final

LOOPBACK: Final = "127.0.0.1"


def free_port(preferred: int = 0) -> int:
    """Return the preferred port, or any free one if it is in use."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("this machine has no free port")
