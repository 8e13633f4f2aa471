"""Find the database of an installation."""

from pathlib import Path

from meter_bridge.commands.errors import UNREACHABLE, CommandError
from meter_bridge.config.settings import Settings, variable_of
from meter_bridge.storage.errors import StorageError
from meter_bridge.storage.location import Location, shown
from meter_bridge.storage.migrate import schema_of


def database_of(settings: Settings) -> Location:
    """Return where the database is; raise ``CommandError`` if there is none."""
    location = settings.location
    if isinstance(location, Path):
        there, where = location.exists(), str(settings.data)
    else:
        there, where = _schema(location) is not None, shown(location)
    if not there:
        raise CommandError(
            f"there is no installation in {where}",
            "name its folder with --data, or create one with 'meter-bridge apply'",
            UNREACHABLE,
        )
    return location


def _schema(location: Location) -> str | None:
    """Return the schema of a server's database; raise ``CommandError`` if it is unreachable."""
    try:
        return schema_of(location)
    except StorageError as error:
        variable = variable_of("database")
        raise CommandError(
            str(error), f"check that {variable} is correct and the server is running", UNREACHABLE
        ) from error
