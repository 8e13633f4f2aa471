"""The settings of a command: environment variables, overridden by the command line."""

import argparse
import os
from pathlib import Path

from meter_bridge.commands.errors import USAGE, CommandError
from meter_bridge.config.settings import Settings, SettingsError, load_settings


def settings_of(arguments: argparse.Namespace, **overrides: str | int | bool | Path | None) -> Settings:
    """Return the settings; raise ``CommandError`` for an invalid one."""
    try:
        return load_settings(os.environ, data=arguments.data, **overrides)
    except SettingsError as error:
        raise unusable(error) from error


def unusable(error: SettingsError) -> CommandError:
    """Return the error for an invalid setting."""
    return CommandError(f"{error.variable}={error.value!r}: {error.message}", error.remedy, USAGE)
