"""``meter-bridge check``, and how commands read site files."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from meter_bridge.commands.command import JSON, Command, argument
from meter_bridge.commands.installation import settings_of
from meter_bridge.commands.output import Output, read_text
from meter_bridge.commands.parser import USAGE, CommandError
from meter_bridge.config.plan import InstallationPlan, SitePlan
from meter_bridge.config.private_file import FileProblem
from meter_bridge.config.problems import SiteFileError
from meter_bridge.config.site_file import load, load_tariffs
from meter_bridge.config.yaml_text import MAX_BYTES
from meter_bridge.devices.broker.url import AuthorityError, authority_context

SITE_FILE: Final = argument("file", type=Path, metavar="FILE", help="site file, in YAML")
EPILOG: Final = """\
Needs no bridge. Lists all problems at once, each with its line, field and remedy. If payments.yaml and
notify.yaml are in the data folder, they are checked as well, and so is the certificate authority that
PREPAID_METER_BROKER_CA names. Exit code 1 means that problems were found.

examples:
  meter-bridge check house.yaml
  meter-bridge check house.yaml --json
"""


def read(path: Path) -> str:
    """Return the text of a site file."""
    text = read_text(path, "name a site file that exists")
    if len(text.encode()) > MAX_BYTES:
        raise CommandError(
            f"{path} is larger than {MAX_BYTES} bytes", "split it between several bridges", USAGE
        )
    return text


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
    remedy = "\n  ".join(str(error).splitlines())
    what = f"{path}: {_counted('problems', len(error.problems))}"
    return CommandError(what, remedy, answer={"problems": error.problems})


def private_problems(data: Path) -> tuple[FileProblem, ...]:
    """Return what is wrong with the payments and notifications of an installation."""
    # Imported here because their libraries take long to load, and a site file needs neither.
    from meter_bridge.notify.people import load_people  # noqa: PLC0415
    from meter_bridge.payments.settings_file import load_providers  # noqa: PLC0415

    return (*load_providers(data).problems, *load_people(data).problems)


def authority_problems(file: Path | None) -> tuple[FileProblem, ...]:
    """Return what keeps the broker's certificate authority from being used."""
    try:
        authority_context(None if file is None else str(file))
    except AuthorityError as error:
        return (FileProblem(error.file, 0, "", error.message, error.remedy),)
    return ()


def raise_problems(data: Path, problems: Sequence[FileProblem]) -> None:
    """Raise ``CommandError`` with all problems of files in a folder, if there are any."""
    if problems:
        what = f"{data}: {_counted('problems', len(problems))}"
        raise CommandError(what, "\n  ".join(map(str, problems)), answer={"problems": problems})


def run(arguments: Namespace) -> int:
    """Print a summary of a site file, or all of its problems."""
    plan = plan_of(arguments.file, read(arguments.file))
    settings = settings_of(arguments)
    raise_problems(settings.data, (*private_problems(settings.data), *authority_problems(settings.broker_ca)))
    accounts = [account for site in plan.sites for account in site.accounts]
    counts = {
        "sites": len(plan.sites),
        "tariffs": sum(len(site.tariffs) for site in plan.sites),
        "accounts": len(accounts),
        "meters": sum(len(supply.meters) for account in accounts for supply in account.supplies),
    }
    summary = ", ".join(_counted(*count) for count in counts.items())
    Output(counts | {"problems": ()}, f"{arguments.file} is valid: {summary}").print(arguments)
    return 0


def _counted(plural: str, count: int) -> str:
    return f"{count} {plural.removesuffix('s') if count == 1 else plural}"


COMMANDS: Final = {"check": Command(run, (SITE_FILE, JSON), EPILOG)}
