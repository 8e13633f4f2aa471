"""The installation that a command is about: its settings, and where its database is."""

import argparse
import os
from pathlib import Path

from meter_bridge.commands.parser import UNREACHABLE, USAGE, CommandError
from meter_bridge.config.settings import Settings, SettingsError, load_settings, variable_of
from meter_bridge.storage.errors import StorageError
from meter_bridge.storage.location import Location, shown


def settings_of(arguments: argparse.Namespace, **overrides: str | int | bool | Path | None) -> Settings:
    """Return the environment's settings, overridden by the command line; raises ``CommandError``."""
    try:
        return load_settings(os.environ, data=arguments.data, **overrides)
    except SettingsError as error:
        raise unusable(error) from error


def unusable(error: SettingsError) -> CommandError:
    """Return the error for an invalid setting."""
    return CommandError(f"{error.variable}={error.value!r}: {error.message}", error.remedy, USAGE)


def database_of(settings: Settings) -> Location:
    """Return where the database is; raise ``CommandError`` if there is none."""
    location = settings.location
    if isinstance(location, Path):
        exists, where = location.exists(), str(settings.data)
    else:
        exists, where = _schema(location) is not None, shown(location)
    if not exists:
        raise CommandError(
            f"there is no installation in {where}",
            "name its folder with --data, or create one with 'meter-bridge apply'",
            UNREACHABLE,
        )
    return location


def _schema(location: Location) -> str | None:
    # Imported here because most commands do not open the database themselves.
    from meter_bridge.storage.migrate import schema_of  # noqa: PLC0415

    try:
        return schema_of(location)
    except StorageError as error:
        variable = variable_of("database")
        raise CommandError(
            str(error), f"check that {variable} is correct and the server is running", UNREACHABLE
        ) from error
