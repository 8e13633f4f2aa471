"""Find the database of an installation."""

from pathlib import Path

from meter_bridge.commands.errors import UNREACHABLE, CommandError
from meter_bridge.config.settings import Settings
from meter_bridge.storage.database import DATABASE_NAME


def database_of(settings: Settings) -> Path:
    """Return the path of the database; raise ``CommandError`` where there is none."""
    path = settings.data / DATABASE_NAME
    if not path.exists():
        raise CommandError(
            f"there is no installation in {settings.data}",
            "name its folder with --data, or make one with 'meter-bridge apply'",
            UNREACHABLE,
        )
    return path
