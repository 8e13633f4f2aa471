"""Work goes on after a failure only where the disk has room for more than one more unit."""

import errno
import os
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from meter_bridge.storage.errors import StorageError
from meter_bridge.storage.sqlite import open_writer
from meter_bridge.storage.writer import NEEDED_BYTES, check_disk_space


def test_room_is_seen_and_nothing_is_left_of_it(tmp_path: Path) -> None:
    check_disk_space(open_writer(tmp_path / "bridge.db"))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_with_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def full(_file: int, _begin: int, size: int) -> None:
        asked.append(size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(StorageError, match=r"no room for 4 MiB \(No space left on device\)"):
        check_disk_space(open_writer(tmp_path / "bridge.db"))
    assert asked == [NEEDED_BYTES]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_gone_has_no_room(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file or directory"):
        check_disk_space(open_writer(tmp_path / "gone" / "bridge.db"))


def test_the_disk_of_a_server_is_its_own_matter() -> None:
    check_disk_space(create_engine("postgresql+psycopg://nobody@nowhere/prepaid"))
