"""A new installation's database, made once per process and copied: migrations take a second."""

import atexit
from functools import cache
from pathlib import Path
import shutil
import tempfile

from meter_bridge.app import prepare
from meter_bridge.storage.database import DATABASE_NAME

CREATED_AT = 1_793_527_200_000
"""2026-11-01 12:00 in Johannesburg, a Sunday."""


@cache
def _template() -> Path:
    """Return an empty database at the newest schema."""
    folder = Path(tempfile.mkdtemp(prefix="prepaid-template-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return prepare(folder, CREATED_AT)


def new_database(folder: Path) -> Path:
    """Put a new installation's database into a folder and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copyfile(_template(), folder / DATABASE_NAME))
