"""``scripts/setup`` takes a Python that the service of docs/installation.md can run, or says why not."""

from collections.abc import Iterator
import os
from pathlib import Path
import shutil
import subprocess
import sys
import tempfile
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
NOBODY: Final = "65534"
PYTHON: Final = f"python{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def machine() -> Iterator[Path]:
    """Provide a folder that every user may enter, with a checkout in ``opt`` and somebody's home."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        machine = Path(folder)
        machine.chmod(0o755)
        for name in ("opt", "home", "bin", "empty"):
            (machine / name).mkdir(mode=0o755)
        shutil.copytree(ROOT / "scripts" / "lib", machine / "opt" / "scripts" / "lib")
        yield machine


def python_in(folder: Path) -> Path:
    """Write a Python whose base is in a folder."""
    folder.mkdir(parents=True)
    program = folder / PYTHON
    program.write_text(
        f'#!/bin/sh\ncase "$2" in\n*base_prefix*) echo {folder} ;;\n*) exec {sys.executable} "$@" ;;\nesac\n'
    )
    program.chmod(0o755)
    return program


def bash(machine: Path, script: str, *path: Path, checkout: str = "opt") -> tuple[str, str]:
    """Run a script with the functions of a checkout; return what it printed, and its last message."""
    source = f'. "{machine}/{checkout}/scripts/lib/all.sh"\nuse_python_series 3.14\nUV={machine}/bin/uv\n'
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", source + script],
        env={"PATH": os.pathsep.join(map(str, (*path, "/usr/bin", "/bin"))), "HOME": str(machine / "home")},
        capture_output=True,
        text=True,
        check=False,
        umask=0o077,
    )
    return done.stdout.strip(), done.stderr.strip()


def uv_answers(machine: Path, script: str) -> None:
    uv = machine / "bin" / "uv"
    uv.write_text(f"#!/bin/sh\n{script}\n")
    uv.chmod(0o755)


FIND: Final = "find_python; echo $PYTHON"


def test_a_python_in_a_home_is_not_taken_and_setup_says_why(machine: Path) -> None:
    program = python_in(machine / "home" / ".local" / "share" / "uv")
    other = python_in(machine / "opt" / ".venvs" / "python" / "usr" / "bin")
    uv_answers(machine, "exit 2")
    found, said = bash(machine, FIND, program.parent)
    assert found == str(other)
    assert f"not taking {program}: {program.parent} is in a home, which a service cannot enter" in said


def test_a_python_in_a_folder_closed_to_others_is_not_taken(machine: Path) -> None:
    program = python_in(machine / "closed" / "bin")
    (machine / "closed").chmod(0o700)
    other = python_in(machine / "opt" / ".venvs" / "python" / "usr" / "bin")
    uv_answers(machine, "exit 2")
    found, said = bash(machine, FIND, program.parent)
    assert found == str(other)
    assert f"other users cannot enter {machine}/closed; run 'chmod o+x {machine}/closed'" in said


def test_a_checkout_in_a_home_may_use_a_python_there(machine: Path) -> None:
    program = python_in(machine / "home" / "bin")
    shutil.copytree(machine / "opt", machine / "home" / "checkout")
    uv_answers(machine, "exit 2")
    assert bash(machine, FIND, program.parent, checkout="home/checkout")[0] == str(program)


def test_uv_keeps_its_pythons_in_the_checkout(machine: Path) -> None:
    program = python_in(machine / "opt" / ".venvs" / "uv-python" / "bin")
    uv_answers(machine, f'[ "$UV_PYTHON_INSTALL_DIR" = "{machine}/opt/.venvs/uv-python" ] && echo {program}')
    assert bash(machine, FIND)[0] == str(program)


def test_a_uv_that_is_silent_when_asked_to_be_quiet_still_tells_its_python(machine: Path) -> None:
    program = python_in(machine / "opt" / ".venvs" / "uv-python" / "bin")
    uv_answers(machine, f'case "$*" in *--quiet*) ;; *) echo {program} ;; esac')
    assert bash(machine, FIND)[0] == str(program)


def test_an_empty_answer_of_uv_is_no_python(machine: Path) -> None:
    other = python_in(machine / "opt" / ".venvs" / "python" / "usr" / "bin")
    uv_answers(machine, "exit 0")
    assert bash(machine, FIND)[0] == str(other)


def test_setup_installs_what_others_may_read_whatever_the_mask_of_its_user(machine: Path) -> None:
    assert bash(machine, "umask")[0] == "0022"


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root can be another user"
)
def test_what_setup_calls_reachable_is_what_another_user_can_run(machine: Path) -> None:
    for name, mode in (("open", 0o755), ("closed", 0o700)):
        program = python_in(machine / name / "bin")
        (machine / name).chmod(mode)
        as_nobody = ["setpriv", f"--reuid={NOBODY}", "--clear-groups", "test", "-x", str(program)]
        runs = subprocess.run(as_nobody, check=False).returncode == 0
        obstacle, _ = bash(machine, f"obstacle_to_python {program} || true")
        assert runs == (obstacle == "")
