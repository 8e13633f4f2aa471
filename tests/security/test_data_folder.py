"""A data folder that others may enter is closed, or the bridge does not start."""

from pathlib import Path
import stat

import pytest

from meter_bridge.runtime.bridge import prepare
from meter_bridge.storage.database import InstallationLock
from meter_bridge.storage.private_folder import OpenFolderError, make_private


def mode_of(folder: Path) -> int:
    return stat.S_IMODE(folder.stat().st_mode)


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o777, 0o711, 0o701])
def test_an_open_folder_is_closed_and_that_is_said(
    tmp_path: Path, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(mode)
    lock = InstallationLock(folder)
    lock.acquire()
    lock.release()
    assert mode_of(folder) == 0o700
    assert f"was open to others (mode {mode:04o})" in caplog.text


@pytest.mark.sqlite("the folder is the same on a server")
def test_a_bridge_closes_its_folder_and_a_new_one_is_closed_from_the_first(tmp_path: Path) -> None:
    for name in ("there", "new"):
        folder = tmp_path / name
        if name == "there":
            folder.mkdir(mode=0o755)
        prepare(folder)
        assert mode_of(folder) == 0o700


def test_a_private_folder_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    make_private(folder)
    assert caplog.text == ""


@pytest.mark.parametrize("mode, refused", [(0o755, True), (0o770, False), (0o701, True)])
def test_a_folder_of_somebody_else_may_be_open_to_its_group_alone(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    mode: int,
    *,
    refused: bool,
) -> None:
    folder = tmp_path / "volume"
    folder.mkdir()
    folder.chmod(mode)

    def not_permitted(_folder: Path, _mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", not_permitted)
    if refused:
        with pytest.raises(OpenFolderError, match="chmod 700"):
            make_private(folder)
    else:
        make_private(folder)
        assert "The group of the data folder" in caplog.text
