"""A small disk that can be filled and made read-only.

As root it is a file system in memory with a size; otherwise the kernel's limit of a file's size and the
folder's rights do the same to the one process.
"""

from collections.abc import Iterator
from contextlib import contextmanager
import errno
import os
from pathlib import Path
import resource
import subprocess
from typing import Final

SIZE_MB: Final = 96
CHUNK: Final = 64 * 1024
FILLER: Final = "filler"


class Volume:
    """The disk of the bridge's data."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self._mounts = os.geteuid() == 0
        if self._mounts:
            _run("mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m,mode=700", "tmpfs", str(folder))

    def remove(self) -> None:
        if self._mounts:
            _run("umount", "--lazy", str(self.folder))

    @contextmanager
    def full(self, pid: int) -> Iterator[None]:
        """Leave no room on the disk for a process."""
        if self._mounts:
            self._fill()
            try:
                yield
            finally:
                (self.folder / FILLER).unlink()
            return
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, before[1]))
        try:
            yield
        finally:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)

    def _fill(self) -> None:
        """Fill the disk to its last block."""
        with (self.folder / FILLER).open("wb", buffering=0) as filler:
            for size in (CHUNK, 1):
                try:
                    while True:
                        filler.write(b"\0" * size)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Refuse all writes."""
        paths = [self.folder, *self.folder.glob("bridge.*")]
        if self._mounts:
            _run("mount", "-o", "remount,ro", str(self.folder))
        else:
            for path in paths:
                path.chmod(0o500)
        try:
            yield
        finally:
            if self._mounts:
                _run("mount", "-o", "remount,rw", str(self.folder))
            else:
                for path in paths:
                    path.chmod(0o700)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
