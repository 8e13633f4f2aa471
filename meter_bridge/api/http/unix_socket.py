"""The Unix socket in the data folder: whoever may open it is the local operator."""

from contextlib import suppress
import os
from pathlib import Path
import socket
from typing import Final

SOCKET_NAME: Final = "bridge.sock"
_MODE_0600: Final = 0o177
"""File mode creation mask that leaves reading and writing to the owner alone."""


class SocketError(OSError):
    """A Unix socket that cannot be listened on; the message says why and what to do."""


def bind(path: Path) -> socket.socket:
    """Return a socket bound to the path, which nobody but the owner can open at any instant."""
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # The mask and not a later chmod: between the two anybody could connect.
        before = os.umask(_MODE_0600)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
    except OSError as error:
        listener.close()
        raise SocketError(
            f"cannot listen on {path}: {error}; choose a data folder that is writable and has a shorter name"
        ) from error
    listener.setblocking(False)  # noqa: FBT003 - the standard library's own signature
    return listener


def remove(path: Path) -> None:
    """Remove the socket's file."""
    with suppress(FileNotFoundError):
        path.unlink()


def is_listening(path: Path) -> bool:
    """Return whether anybody listens on the path; raise ``PermissionError`` where that is another user's."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except PermissionError:
            raise
        except OSError:
            return False
    return True


def _remove_stale(path: Path) -> None:
    """Remove what a killed bridge left behind; raise where another one still listens."""
    if path.is_socket():
        if is_listening(path):
            raise SocketError(f"another bridge listens on {path}; end it first")
        remove(path)
