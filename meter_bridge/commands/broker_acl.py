"""``meter-bridge broker-acl``."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from meter_bridge.commands.broker_files import (
    access_list,
    fresh_passwords,
    read_or_empty,
    replace_file,
    with_ours,
    with_passwords,
)
from meter_bridge.commands.errors import REFUSED, USAGE, CommandError
from meter_bridge.commands.output import print_line, print_note, table
from meter_bridge.commands.site_file import plan_of, read
from meter_bridge.config.plan import InstallationPlan
from meter_bridge.devices.broker.access_list import AccessListError, BrokerUser, users_of

EPILOG: Final = """\
Creates one user for each MQTT device in the site file, limited to the device's own topics, and one for the
bridge. Without --acl, prints the access list. With --acl and --passwords, updates mosquitto's two files:
other entries and existing passwords are kept. New passwords are shown only once. Then reload mosquitto with
'systemctl reload mosquitto', or send it SIGHUP.

examples:
  meter-bridge broker-acl house.yaml
  sudo meter-bridge broker-acl house.yaml --acl /etc/mosquitto/acl --passwords /etc/mosquitto/passwords
  sudo meter-bridge broker-acl house.yaml --acl /etc/mosquitto/acl --passwords /etc/mosquitto/passwords \\
      --new-password tasmota-flat-1
"""
HEAD: Final = ("USER", "PASSWORD", "FOR")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="site file, in YAML")
    parser.add_argument("--acl", type=Path, metavar="FILE", help="mosquitto's access list file to update")
    parser.add_argument("--passwords", type=Path, metavar="FILE", help="mosquitto's password file to update")
    parser.add_argument(
        "--new-password",
        action="append",
        default=[],
        metavar="USER",
        help="generate a new password for this user; repeatable",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print mosquitto's access list, or update its files."""
    users = _users(arguments.file)
    if (arguments.acl is None) != (arguments.passwords is None):
        raise CommandError(
            "--acl and --passwords must be given together",
            "name both files, or neither to print the list",
            USAGE,
        )
    if arguments.acl is None:
        _refuse_renewal(arguments.new_password, ())
        print_line(access_list(users).rstrip("\n"))
        return 0
    _refuse_renewal(arguments.new_password, users)
    _write(arguments, users)
    return 0


def _users(path: Path) -> tuple[BrokerUser, ...]:
    plan = plan_of(path, read(path))
    try:
        return users_of(addresses_of(plan))
    except AccessListError as error:
        raise CommandError(f"{path}: {error.what}", error.remedy, REFUSED) from error


def addresses_of(plan: InstallationPlan) -> list[str]:
    """Return the addresses of MQTT devices; a meter with a ``host`` is reached without a broker."""
    accounts = (account for site in plan.sites for account in site.accounts)
    meters = (meter for account in accounts for supply in account.supplies for meter in supply.meters)
    pairs = ((each.energy_address, each.relay_address) for each in meters if each.host is None)
    return [address for pair in pairs for address in pair if address is not None]


def _refuse_renewal(names: Sequence[str], users: Sequence[BrokerUser]) -> None:
    known = [each.name for each in users]
    for name in names:
        if name not in known:
            remedy = f"choose from {', '.join(known)}" if known else "name --acl and --passwords as well"
            raise CommandError(f"--new-password: there is no user '{name}'", remedy, USAGE)


def _write(arguments: argparse.Namespace, users: Sequence[BrokerUser]) -> None:
    """Write passwords first: rights without a password are useless, a password without rights is harmless."""
    before = read_or_empty(arguments.passwords)
    listed = with_ours(read_or_empty(arguments.acl), access_list(users))
    fresh = fresh_passwords(before, [each.name for each in users], arguments.new_password)
    replace_file(arguments.passwords, with_passwords(before, fresh))
    replace_file(arguments.acl, listed)
    _tell(users, fresh)


def _tell(users: Sequence[BrokerUser], fresh: Mapping[str, str]) -> None:
    rows = [(each.name, fresh[each.name], each.what) for each in users if each.name in fresh]
    if rows:
        print_line(table(HEAD, rows))
        print_note("Passwords are shown only once. Enter them on the devices, then reload mosquitto.")
    else:
        print_note("Every user already has a password. Reload mosquitto if its access list changed.")
