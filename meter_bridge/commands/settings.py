"""The settings of a command: the environment, and what the command line says instead."""

import argparse
import os
from pathlib import Path

from meter_bridge.commands.errors import USAGE, CommandError
from meter_bridge.config.settings import Settings, SettingsError, load_settings


def settings_of(arguments: argparse.Namespace, **overrides: str | int | bool | Path | None) -> Settings:
    """Return the settings; raise ``CommandError`` for one that cannot be used."""
    try:
        return load_settings(os.environ, data=arguments.data, **overrides)
    except SettingsError as error:
        raise unusable(error) from error


def unusable(error: SettingsError) -> CommandError:
    """Return what is said of a setting that cannot be used."""
    return CommandError(f"{error.variable}={error.value!r}: {error.message}", error.remedy, USAGE)
