"""Every setting of the bridge is in the documentation, and every option that it names in the help."""

from dataclasses import fields
from pathlib import Path
import re
from typing import Final

import pytest

from meter_bridge.cli import main
from meter_bridge.config.settings import Settings, variable_of

PAGE: Final = Path(__file__).parents[2] / "docs" / "command-line.md"
SETTINGS: Final = PAGE.read_text(encoding="utf-8").partition("## Settings of `run`")[2]


@pytest.mark.parametrize("name", [each.name for each in fields(Settings)])
def test_each_setting_is_in_the_table(name: str) -> None:
    assert f"`{variable_of(name)}`" in SETTINGS


def test_each_option_of_the_table_is_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    options = set(re.findall(r"`(--[a-z-]+)`", SETTINGS))
    assert "--keep-readings-days" in options
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    told = capsys.readouterr().out
    assert {option for option in options if option not in told} == set()
