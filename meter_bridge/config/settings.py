"""Settings of the process: environment variables, each of which a keyword may override."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from pathlib import Path
import re
from typing import Final

from meter_bridge.devices.broker import DEFAULT_EMBEDDED_PORT
from meter_bridge.storage.location import (
    EXAMPLE,
    Location,
    LocationError,
    location_of,
    shown,
    split_address,
)

PREFIX: Final = "PREPAID_METER_"
LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
DEFAULT_LISTEN: Final = "127.0.0.1:8126"
DEFAULT_EXPORT_EVERY_S: Final = 900
KEEP_EVERYTHING: Final = 0
SHORTEST_KEPT_DAYS: Final = 62
"""Two months: what was paid in advance, and corrections of the last month, are looked up in the database."""
LONGEST_KEPT_DAYS: Final = 36_500
SECONDS_PER_DAY: Final = 86_400
MAX_PORT: Final = 65_535
_SERVICE_LINK: Final = re.compile(
    r"\w+?_(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?"
    r"|(?P<port>PORT))"
)
_SERVICE_ADDRESS: Final = re.compile(r"(?:tcp|udp|sctp)://")
YES: Final = frozenset({"1", "yes", "true", "on"})
NO: Final = frozenset({"0", "no", "false", "off"})


class SettingsError(ValueError):
    """A setting that cannot be accepted: which one, its value, and the remedy."""

    def __init__(self, variable: str, value: str, message: str, remedy: str) -> None:
        super().__init__(f"{variable}={value!r}: {message}; {remedy}")
        self.variable = variable
        self.value = value
        self.message = message
        self.remedy = remedy


def variable_of(setting: str) -> str:
    """Return the environment variable of a setting, such as ``PREPAID_METER_DATA``."""
    return PREFIX + setting.upper()


class _InvalidValueError(ValueError):
    """What is wrong with a value, and its remedy."""


def _invalid(name: str, value: str, message: str, remedy: str) -> SettingsError:
    return SettingsError(variable_of(name), value, message, remedy)


def _path(value: str) -> Path:
    return Path(value).expanduser()


def _broker(value: str) -> str | None:
    return None if value == "embedded" else value


def _flag(value: str) -> bool:
    word = value.lower()
    if word not in YES | NO:
        raise _InvalidValueError("is neither yes nor no", "write yes or no")
    return word in YES


def _whole(value: str, most: int) -> int:
    """Return a whole number with no more digits than the largest one, or -1."""
    numeric = value.isascii() and value.isdigit() and len(value) <= len(str(most))
    return int(value) if numeric else -1


def _seconds(value: str) -> int:
    seconds = _whole(value, SECONDS_PER_DAY)
    if seconds < 0:
        raise _InvalidValueError("is not a number of seconds", "write whole seconds, for example 900")
    return seconds


def _days(value: str) -> int:
    days = _whole(value, LONGEST_KEPT_DAYS)
    if days != KEEP_EVERYTHING and not SHORTEST_KEPT_DAYS <= days <= LONGEST_KEPT_DAYS:
        remedy = f"write {SHORTEST_KEPT_DAYS} to {LONGEST_KEPT_DAYS} days, for example 400, or 0 to keep all"
        raise _InvalidValueError("is not a number of days to keep", remedy)
    return days


def _port(value: str) -> int:
    port = _whole(value, MAX_PORT)
    if not 0 <= port <= MAX_PORT:
        remedy = f"write a port up to {MAX_PORT}, for example {DEFAULT_EMBEDDED_PORT}, or 0 for any free one"
        raise _InvalidValueError("is not a port", remedy)
    return port


def setting[T, D](read: Callable[[str], T], default: D, *, secret: bool = False) -> T | D:
    """Declare a setting, with the reader of its value and its default."""
    declared: T | D = field(default=default, repr=not secret, metadata={"read": read})
    return declared


@dataclass(frozen=True, slots=True)
class Settings:
    """How this process runs; what it serves is in the site file."""

    data: Path
    """Folder of the database, the exported files and the embedded broker's state."""
    broker: str | None = setting(_broker, None, secret=True)
    """``mqtt://`` or ``mqtts://`` address, which may carry a password; None for the embedded broker."""
    broker_ca: Path | None = setting(_path, None)
    """Certificate authority of an ``mqtts://`` broker; None for those that the system trusts."""
    embedded_port: int = setting(_port, DEFAULT_EMBEDDED_PORT)
    """Port of the embedded broker on this machine; 0 takes any free one."""
    listen: str = setting(lambda value: value or DEFAULT_LISTEN, DEFAULT_LISTEN)
    """Host and port of the API; port 0 takes any free one."""
    tls_certificate: Path | None = setting(_path, None)
    tls_key: Path | None = setting(_path, None)
    allow_plain_http: bool = setting(_flag, default=False)
    """Serve the API without TLS to other hosts: tokens can then be read by anyone on that network."""
    announce: bool = setting(_flag, default=False)
    """Announce the API on the local network (zeroconf)."""
    log_level: str = setting(lambda value: value.upper() or "INFO", "INFO")
    export_every_s: int = setting(_seconds, DEFAULT_EXPORT_EVERY_S)
    """Time between two exports for the dashboard."""
    keep_readings_days: int = setting(_days, KEEP_EVERYTHING)
    """Days of quarter hours that stay in the database; older ones are in exported files alone. 0 for all."""
    keep_events_days: int = setting(_days, KEEP_EVERYTHING)
    """Days of events, of settled relay commands and of ended messages that stay. 0 for all."""
    database: str | None = setting(str, None, secret=True)
    """``postgresql://`` address, which may carry a password; None for a file of SQLite in the data folder."""
    standby: bool = setting(_flag, default=False)
    """Wait until the installation has no bridge, and take it over then (PostgreSQL)."""
    worker_address: str | None = setting(str, None)
    """Where other workers reach this one's API; None for where it listens."""

    def __post_init__(self) -> None:
        _check_broker(self)
        _check_tls(self)
        _check_listen(self)
        _check_choices(self)
        _check_database(self)
        _check_worker(self)

    @property
    def location(self) -> Location:
        """Return where the database is."""
        return location_of(self.data, self.database)

    @property
    def address(self) -> tuple[str, int]:
        """Return host and port of the API."""
        return _host_and_port(self.listen)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what the owner should know about these settings."""
        if not _is_open(self):
            return ()
        pair = f"{variable_of('tls_certificate')} and {variable_of('tls_key')}"
        openly = f"The API listens on {self.listen} without TLS"
        return (f"{openly}: anyone on that network can read its tokens. Set {pair}.",)


def load_settings(environment: Mapping[str, str], **overrides: str | int | bool | Path | None) -> Settings:
    """Return the settings of an environment; a keyword that is not None comes before its variable.

    Raises ``SettingsError`` for a value that cannot be read, an unknown variable with our prefix, or settings
    that contradict each other.
    """
    _check_names(environment)
    texts = {name: text for name in _names() if (text := environment.get(variable_of(name), "").strip())}
    texts |= {name: str(value) for name, value in overrides.items() if value is not None}
    declared = [(entry.name, entry.metadata["read"]) for entry in fields(Settings) if entry.metadata]
    values = {name: _read(name, read, texts[name]) for name, read in declared if name in texts}
    return Settings(Path(texts.get("data") or default_data(environment)).expanduser(), **values)


def _read[T](name: str, read: Callable[[str], T], value: str) -> T:
    try:
        return read(value)
    except _InvalidValueError as error:
        raise _invalid(name, value, *error.args) from None


def default_data(environment: Mapping[str, str]) -> Path:
    """Return the folder for data where none is named (XDG base directories)."""
    base = environment.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base) / "prepaid-meter"


def _names() -> tuple[str, ...]:
    return tuple(entry.name for entry in fields(Settings))


def _check_names(environment: Mapping[str, str]) -> None:
    """Reject a variable with our prefix that is no setting: it would silently do nothing."""
    known = {variable_of(name) for name in _names()}
    for variable in sorted(environment):
        # The password of a device is named by the site file and may well share the prefix.
        foreign = variable.endswith("_PASSWORD") or _is_service_link(variable, environment[variable])
        if variable.startswith(PREFIX) and variable not in known and not foreign:
            remedy = "unset it, or write one of " + ", ".join(sorted(known))
            raise SettingsError(variable, environment[variable], "is not a setting of the bridge", remedy)


def _is_service_link(variable: str, value: str) -> bool:
    """Return whether Kubernetes sets this variable in every container beside a Service of our name."""
    found = _SERVICE_LINK.fullmatch(variable)
    # The port is an address like tcp://10.0.0.1:8126, which no setting of ours is.
    return found is not None and (found["port"] is None or _SERVICE_ADDRESS.match(value) is not None)


def _check_broker(settings: Settings) -> None:
    if settings.broker is not None:
        parts = split_address(settings.broker)
        if parts is None or parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname:
            remedy = "write mqtt://host:1883, mqtts://user:password@host:8883, or embedded"
            raise _invalid("broker", shown(settings.broker), "is not the address of an MQTT broker", remedy)
    with_tls = settings.broker is not None and settings.broker.startswith("mqtts://")
    if settings.broker_ca is not None and not with_tls:
        remedy = f"set {variable_of('broker')} to an mqtts:// address, or unset this variable"
        raise _invalid("broker_ca", str(settings.broker_ca), "is only used with TLS", remedy)


def _check_database(settings: Settings) -> None:
    if settings.database is not None:
        _check_server(settings, settings.database)
    if settings.standby and settings.database is None:
        remedy = f"set {variable_of('database')} to the database that both bridges use"
        raise _invalid("standby", "yes", "needs a database that can be shared", remedy)
    if settings.standby and settings.broker is None:
        remedy = f"set {variable_of('broker')} to the broker that both bridges use"
        raise _invalid("standby", "yes", "needs a broker that can be shared", remedy)


def _check_server(settings: Settings, address: str) -> None:
    try:
        location = settings.location
    except LocationError as error:
        raise _invalid("database", error.shown, error.message, error.remedy) from error
    if isinstance(location, Path):
        remedy = f"write {EXAMPLE}, or leave it out: a file of SQLite is in the data folder"
        raise _invalid("database", address, "is not the address of a database server", remedy)


def _check_worker(settings: Settings) -> None:
    if settings.worker_address is not None:
        parts = split_address(settings.worker_address)
        if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname or parts.path:
            remedy = "write for example https://bridge-2.example:8126"
            raise _invalid("worker_address", settings.worker_address, "is not the address of an API", remedy)


def _check_tls(settings: Settings) -> None:
    pair = {"tls_certificate": settings.tls_certificate, "tls_key": settings.tls_key}
    missing = [name for name, path in pair.items() if path is None]
    if len(missing) == 1:
        present = next(name for name in pair if name not in missing)
        remedy = f"set {variable_of(missing[0])} as well, or neither"
        message = f"needs {variable_of(missing[0])}"
        raise _invalid(present, str(pair[present]), message, remedy)


def _check_listen(settings: Settings) -> None:
    _host_and_port(settings.listen)
    if _is_open(settings) and not settings.allow_plain_http:
        remedy = (
            f"set {variable_of('tls_certificate')} and {variable_of('tls_key')}, listen on 127.0.0.1, or set"
            f" {variable_of('allow_plain_http')}=yes where you trust everyone on that network"
        )
        message = "would send tokens in plain text to other machines"
        raise _invalid("listen", settings.listen, message, remedy)


def _is_open(settings: Settings) -> bool:
    return settings.tls_certificate is None and not _is_loopback(settings.address[0])


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _host_and_port(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    bracketed = host.startswith("[") and host.endswith("]")
    number = _whole(port, MAX_PORT)
    if (
        not 0 <= number <= MAX_PORT
        or not bare
        or (":" in bare and not bracketed)
        or any(mark in bare for mark in " /[]")
    ):
        remedy = f"write for example {DEFAULT_LISTEN} or [::1]:8126"
        raise _invalid("listen", listen, "is not host:port", remedy)
    return bare, number


def _check_choices(settings: Settings) -> None:
    if settings.log_level not in LOG_LEVELS:
        remedy = "write one of " + ", ".join(LOG_LEVELS)
        raise _invalid("log_level", settings.log_level, "is not a log level", remedy)
    if not 1 <= settings.export_every_s <= SECONDS_PER_DAY:
        remedy = f"write between 1 and {SECONDS_PER_DAY} seconds"
        message = "is not between one second and a day"
        raise _invalid("export_every_s", str(settings.export_every_s), message, remedy)
