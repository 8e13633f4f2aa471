"""``meter-bridge broker-acl``: in mosquitto's files our section is rewritten, everything else is kept."""

from argparse import Namespace
import base64
from collections.abc import Iterable, Mapping, Sequence
import hashlib
import os
from pathlib import Path
import secrets
import tempfile
from typing import Final

from meter_bridge.commands.check import SITE_FILE, plan_of, read
from meter_bridge.commands.command import JSON, Command, argument
from meter_bridge.commands.output import Output, table
from meter_bridge.commands.parser import REFUSED, USAGE, CommandError
from meter_bridge.config.plan import InstallationPlan
from meter_bridge.devices.addresses import is_same_device
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
BEGIN: Final = "# prepaid-meter: begin; 'meter-bridge broker-acl' writes what stands up to the end"
END: Final = "# prepaid-meter: end"
LETTERS: Final = "abcdefghijkmnpqrstuvwxyz23456789"
"""32 letters and digits that are not easily confused when a password is typed."""
PASSWORD_LETTERS: Final = 26
"""130 random bits; some devices take 32 letters and no more."""
ITERATIONS: Final = 1_000
"""A random password needs no slow hash."""
SALT_BYTES: Final = 12
"""What mosquitto reads (``SALT_LEN`` of its ``password_mosq.h``)."""


def run(arguments: Namespace) -> int:
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
        listed = access_list(users)
        Output({"access_list": listed}, listed.rstrip("\n")).print(arguments)
        return 0
    _refuse_renewal(arguments.new_password, users)
    _write(arguments, users).print(arguments)
    return 0


def _users(path: Path) -> tuple[BrokerUser, ...]:
    plan = plan_of(path, read(path))
    try:
        return users_of(addresses_of(plan), plan.families)
    except AccessListError as error:
        raise CommandError(f"{path}: {error.what}", error.remedy, REFUSED) from error


def addresses_of(plan: InstallationPlan) -> list[str]:
    """Return the addresses of MQTT devices; a device with a ``host`` is reached without a broker."""
    accounts = (account for site in plan.sites for account in site.accounts)
    meters = (meter for account in accounts for supply in account.supplies for meter in supply.meters)
    return [
        address
        for meter in meters
        for address in (meter.energy_address, meter.relay_address)
        if address is not None
        and not (meter.host is not None and is_same_device(meter.energy_address, address))
    ]


def _refuse_renewal(names: Sequence[str], users: Sequence[BrokerUser]) -> None:
    known = [user.name for user in users]
    for name in names:
        if name not in known:
            remedy = f"choose from {', '.join(known)}" if known else "name --acl and --passwords as well"
            raise CommandError(f"--new-password: there is no user '{name}'", remedy, USAGE)


def _write(arguments: Namespace, users: Sequence[BrokerUser]) -> Output:
    """Write passwords first: rights without a password are useless, a password without rights is harmless."""
    before = read_or_empty(arguments.passwords)
    listed = with_ours(read_or_empty(arguments.acl), access_list(users))
    fresh = fresh_passwords(before, [user.name for user in users], arguments.new_password)
    replace_file(arguments.passwords, with_passwords(before, fresh))
    replace_file(arguments.acl, listed)
    return _passwords(users, fresh)


def _passwords(users: Sequence[BrokerUser], fresh: Mapping[str, str]) -> Output:
    rows = [(user.name, fresh[user.name], user.what) for user in users if user.name in fresh]
    answer = {"users": [{"user": name, "password": password, "for": what} for name, password, what in rows]}
    if rows:
        note = "Passwords are shown only once. Enter them on the devices, then reload mosquitto."
        return Output(answer, table(HEAD, rows), note)
    return Output(
        answer, "", "Every user already has a password. Reload mosquitto if its access list changed."
    )


def access_list(users: Sequence[BrokerUser]) -> str:
    """Return mosquitto's access list of the users, between the two marker lines."""
    lines = [BEGIN]
    for user in users:
        lines += ["", f"# {user.what}", f"user {user.name}"]
        lines += [f"topic write {topic}" for topic in user.writes if topic not in user.reads]
        lines += [f"topic read {topic}" for topic in user.reads if topic not in user.writes]
        lines += [f"topic readwrite {topic}" for topic in user.reads if topic in user.writes]
    return "\n".join([*lines, "", END, ""])


def with_ours(text: str, ours: str) -> str:
    """Return a file's text with our section replaced, or appended."""
    if (BEGIN in text) != (END in text) or text.count(BEGIN) > 1:
        raise CommandError(
            f"the lines '{BEGIN[:22]}' and '{END}' are not a pair",
            "remove both and everything between them, then repeat the command",
        )
    if BEGIN not in text:
        return text + ("\n" if text and not text.endswith("\n") else "") + ours
    before, _, rest = text.partition(BEGIN)
    return before + ours.rstrip("\n") + rest.partition(END)[2]


def fresh_passwords(text: str, names: Iterable[str], renewed: Iterable[str]) -> Mapping[str, str]:
    """Return a new password for each user without one in a password file, and for those to be renewed."""
    known = {line.partition(":")[0] for line in text.splitlines()} - set(renewed)
    return {name: new_password() for name in names if name not in known}


def with_passwords(text: str, fresh: Mapping[str, str]) -> str:
    """Return a password file's text with the hashes of new passwords."""
    kept = [line for line in text.splitlines() if line.partition(":")[0] not in fresh]
    return "".join(f"{line}\n" for line in (*kept, *(hashed(*entry) for entry in fresh.items())))


def new_password() -> str:
    """Return a password from the system's secure source."""
    return "".join(secrets.choice(LETTERS) for _ in range(PASSWORD_LETTERS))


def hashed(name: str, password: str) -> str:
    """Return a line of mosquitto's password file (``$7$``: PBKDF2 with SHA-512, mosquitto 2.0 and later)."""
    salt = secrets.token_bytes(SALT_BYTES)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
    salt_text, digest_text = (base64.b64encode(part).decode() for part in (salt, digest))
    return f"{name}:" + "$".join(("", "7", str(ITERATIONS), salt_text, digest_text))


def read_or_empty(path: Path) -> str:
    """Return a file's text, empty if there is no such file."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(
            f"{path} cannot be read ({error})", "run the command as the file's owner, or name another file"
        ) from error


def replace_file(path: Path, text: str) -> None:
    """Replace a file atomically, keeping owner and mode; a new file is readable by its owner only."""
    try:
        before = path.stat() if path.exists() else None
        number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(number, "w", encoding="utf-8") as file:
                if before is not None:
                    os.fchmod(number, before.st_mode & 0o777)
                    os.fchown(number, before.st_uid, before.st_gid)
                file.write(text)
                file.flush()
                os.fsync(number)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CommandError(
            f"{path} cannot be written ({error.strerror})",
            "run the command as the owner of the file and its folder",
        ) from error


COMMANDS: Final = {
    "broker-acl": Command(
        run,
        (
            SITE_FILE,
            argument("--acl", type=Path, metavar="FILE", help="mosquitto's access list file to update"),
            argument("--passwords", type=Path, metavar="FILE", help="mosquitto's password file to update"),
            argument(
                "--new-password",
                action="append",
                default=[],
                metavar="USER",
                help="generate a new password for this user; repeatable",
            ),
            JSON,
        ),
        EPILOG,
    )
}
