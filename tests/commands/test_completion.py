"""The completion script of each shell offers every command, action and option."""

import shutil
import subprocess

import pytest

from meter_bridge.cli import SUMMARIES
from tests.commands.conftest import Command

LINES = {
    "meter-bridge ": set(SUMMARIES),
    "meter-bridge vou": {"voucher"},
    "meter-bridge voucher cr": {"create"},
    "meter-bridge voucher create --nee": {"--needs-sale"},
    "meter-bridge --data /tmp voucher create --nee": {"--needs-sale"},
    "meter-bridge top-up flat-1 --re": {"--reference", "--receipt"},
    "meter-bridge simulate --tas": {"--tasmota"},
    "meter-bridge alerts --j": {"--json"},
}


@pytest.mark.parametrize("line,expected", LINES.items(), ids=list(LINES))
def test_bash_completes(run: Command, line: str, expected: set[str]) -> None:
    script = run("completion", "bash")[1]
    words = line.split(" ")
    program = (
        f'{script}\nCOMP_WORDS=({" ".join(words)} ); [[ "{words[-1]}" ]] || COMP_WORDS+=("")\n'
        "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _meter_bridge; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert expected <= set(done.stdout.split())
    if words[-1]:
        assert all(word.startswith(words[-1]) for word in done.stdout.split())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_that_the_shell_reads(run: Command, shell: str) -> None:
    code, script, _ = run("completion", shell)
    assert code == 0
    assert all(name in script for name in SUMMARIES)
    if shutil.which(shell):
        option = "--no-execute" if shell == "fish" else "-n"
        subprocess.run([shell, option], input=script, text=True, check=True)


def test_an_unknown_shell_is_refused(run: Command) -> None:
    assert run("completion", "csh")[0] == 2
