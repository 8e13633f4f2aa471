"""Reads site files for commands."""

from pathlib import Path

from meter_bridge.commands.errors import USAGE, CommandError
from meter_bridge.config.plan import InstallationPlan, SitePlan
from meter_bridge.config.problems import SiteFileError
from meter_bridge.config.site_file import load, load_tariffs
from meter_bridge.config.yaml_text import MAX_BYTES


def read(path: Path) -> str:
    """Return the text of a site file."""
    try:
        raw = path.read_bytes()
        if len(raw) > MAX_BYTES:
            raise CommandError(
                f"{path} is larger than {MAX_BYTES} bytes", "split it between several bridges", USAGE
            )
        return raw.decode()
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}", "name a site file that exists", USAGE) from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{path} is not text in UTF-8", "save it as UTF-8", USAGE) from error


def plan_of(path: Path, text: str) -> InstallationPlan:
    """Return the plan of a site file; raise ``CommandError`` with all problems."""
    try:
        return load(text)
    except SiteFileError as error:
        raise _wrong(path, error) from error


def tariffs_of(path: Path, text: str) -> tuple[SitePlan, ...]:
    """Return the sites of a site file with only their tariffs; raise ``CommandError`` with all problems."""
    try:
        return load_tariffs(text)
    except SiteFileError as error:
        raise _wrong(path, error) from error


def _wrong(path: Path, error: SiteFileError) -> CommandError:
    count = len(error.problems)
    remedy = "\n  ".join(str(error).splitlines())
    return CommandError(f"{path}: {count} {'problem' if count == 1 else 'problems'}", remedy)
