"""`broker-acl`: two files of mosquitto, of which only our part is ours."""

from pathlib import Path

import pytest

from meter_bridge.commands.broker_acl import BEGIN, END, hashed
from tests.commands.conftest import Command

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "house-with-flats.yaml"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return a copy of the example of the documentation."""
    path = tmp_path / "site.yaml"
    path.write_text(EXAMPLE.read_text())
    return path


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, ...]:
    """Return the options that name both files."""
    return "--acl", str(tmp_path / "acl"), "--passwords", str(tmp_path / "passwords")


def users_in(path: Path) -> list[str]:
    return [line.partition(":")[0] for line in path.read_text().splitlines()]


def test_without_files_the_list_is_shown_and_nothing_is_written(run: Command, site: Path) -> None:
    code, out, _ = run("broker-acl", str(site))
    assert code == 0
    assert out.startswith(BEGIN)
    assert "user tasmota-flat-1\ntopic write tele/flat-1/+\n" in out
    assert [each.name for each in site.parent.iterdir()] == ["site.yaml"]


def test_both_files_are_written_for_their_owner_alone_and_passwords_shown_once(
    run: Command, site: Path, files: tuple[str, ...], tmp_path: Path
) -> None:
    _, out, err = run("broker-acl", str(site), *files)
    told = dict(line.split()[:2] for line in out.splitlines()[1:])
    assert list(told) == users_in(tmp_path / "passwords")
    assert {"prepaid-meter", "tasmota-flat-1", "zigbee2mqtt"} <= told.keys()
    assert all(len(set(each)) > 8 for each in told.values())
    assert len(set(told.values())) == len(told)
    text = (tmp_path / "passwords").read_text() + (tmp_path / "acl").read_text()
    assert not any(password in text for password in told.values())
    assert "only once" in err
    for name in ("acl", "passwords"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


def test_a_second_run_changes_nothing(
    run: Command, site: Path, files: tuple[str, ...], tmp_path: Path
) -> None:
    run("broker-acl", str(site), *files)
    before = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
    code, out, err = run("broker-acl", str(site), *files)
    assert (code, out) == (0, "")
    assert "already has a password" in err
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == before


def test_what_others_wrote_stays_and_so_do_a_files_rights(
    run: Command, site: Path, files: tuple[str, ...], tmp_path: Path
) -> None:
    acl, passwords = tmp_path / "acl", tmp_path / "passwords"
    acl.write_text("user homeassistant\ntopic readwrite #")
    passwords.write_text(hashed("homeassistant", "x") + "\n")
    acl.chmod(0o640)
    theirs = passwords.read_text()
    run("broker-acl", str(site), *files)
    with acl.open("a") as file:
        file.write("user later\ntopic read a\n")
    site.write_text(site.read_text().replace("tasmota:flat-1/1", "tasmota:flat-one/1"))
    run("broker-acl", str(site), *files)
    text = acl.read_text()
    assert text.startswith("user homeassistant\ntopic readwrite #\n# prepaid-meter: begin")
    assert text.endswith(END + "\nuser later\ntopic read a\n")
    assert "flat-one" in text
    assert "flat-1" not in text
    assert acl.stat().st_mode & 0o777 == 0o640
    assert passwords.read_text().startswith(theirs)


def test_a_new_password_is_made_for_who_is_named_alone(
    run: Command, site: Path, files: tuple[str, ...], tmp_path: Path
) -> None:
    run("broker-acl", str(site), *files)
    before = set((tmp_path / "passwords").read_text().splitlines())
    _, out, _ = run("broker-acl", str(site), *files, "--new-password", "zigbee2mqtt")
    assert [line.split()[0] for line in out.splitlines()[1:]] == ["zigbee2mqtt"]
    changed = set((tmp_path / "passwords").read_text().splitlines()) - before
    assert [each.partition(":")[0] for each in changed] == ["zigbee2mqtt"]
    assert len(users_in(tmp_path / "passwords")) == len(set(users_in(tmp_path / "passwords")))


def test_an_unknown_user_gets_no_password(run: Command, site: Path, files: tuple[str, ...]) -> None:
    code, _, err = run("broker-acl", str(site), *files, "--new-password", "flat-1")
    assert (code, err.splitlines()[0]) == (2, "error: --new-password: there is no user 'flat-1'")
    assert "tasmota-flat-1" in err


def test_one_file_without_the_other_is_refused(run: Command, site: Path, tmp_path: Path) -> None:
    assert run("broker-acl", str(site), "--acl", str(tmp_path / "acl"))[0] == 2
    assert not (tmp_path / "acl").exists()


def test_half_a_part_of_ours_is_refused_and_nothing_written(
    run: Command, site: Path, files: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "acl").write_text(BEGIN + "\n")
    code, _, err = run("broker-acl", str(site), *files)
    assert code == 1
    assert "pair" in err
    assert not (tmp_path / "passwords").exists()


def test_devices_that_cannot_be_kept_apart_are_refused(run: Command, site: Path) -> None:
    site.write_text(site.read_text().replace("tasmota:flat-1/1", "tasmota:zigbee2mqtt/1"))
    code, _, err = run("broker-acl", str(site))
    assert code == 1
    assert "rename one of them" in err


def test_a_file_that_cannot_be_written_is_told(run: Command, site: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    options = "--acl", str(nowhere / "acl"), "--passwords", str(nowhere / "passwords")
    code, _, err = run("broker-acl", str(site), *options)
    assert code == 1
    assert "cannot be written" in err
