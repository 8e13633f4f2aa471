"""Find the database of an installation."""

from pathlib import Path

from meter_bridge.commands.errors import UNREACHABLE, CommandError
from meter_bridge.config.settings import Settings, variable_of
from meter_bridge.storage.errors import StorageError
from meter_bridge.storage.location import Location, shown
from meter_bridge.storage.migrate import schema_of


def database_of(settings: Settings) -> Location:
    """Return where the database is; raise ``CommandError`` where there is none."""
    location = settings.location
    if isinstance(location, Path):
        there, where = location.exists(), str(settings.data)
    else:
        there, where = _schema(location) is not None, shown(location)
    if not there:
        raise CommandError(
            f"there is no installation in {where}",
            "name its folder with --data, or make one with 'meter-bridge apply'",
            UNREACHABLE,
        )
    return location


def _schema(location: Location) -> str | None:
    """Return the schema of a server's database; raise ``CommandError`` where it cannot be reached."""
    try:
        return schema_of(location)
    except StorageError as error:
        variable = variable_of("database")
        raise CommandError(str(error), f"see whether {variable} is right and it runs", UNREACHABLE) from error
