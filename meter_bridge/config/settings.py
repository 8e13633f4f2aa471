"""Settings of the process: environment variables, each of which a keyword may override."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

if TYPE_CHECKING:
    from meter_bridge.storage.location import Location

PREFIX: Final = "PREPAID_METER_"
LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
DEFAULT_LISTEN: Final = "127.0.0.1:8126"
DEFAULT_EMBEDDED_PORT: Final = 18830
DEFAULT_EXPORT_EVERY_S: Final = 900
KEEP_EVERYTHING: Final = 0
SHORTEST_KEPT_DAYS: Final = 62
"""Two months: what was paid in advance, and corrections of the last month, are looked up in the database."""
LONGEST_KEPT_DAYS: Final = 36_500
SECONDS_PER_DAY: Final = 86_400
MAX_PORT: Final = 65_535
YES: Final = frozenset({"1", "yes", "true", "on"})
NO: Final = frozenset({"0", "no", "false", "off"})


class SettingsError(ValueError):
    """A setting that cannot be accepted: which one, its value, and the way out."""

    def __init__(self, variable: str, value: str, message: str, remedy: str) -> None:
        """Keep the parts, so that an interface can show them apart."""
        super().__init__(f"{variable}={value!r}: {message}; {remedy}")
        self.variable = variable
        self.value = value
        self.message = message
        self.remedy = remedy


def variable_of(setting: str) -> str:
    """Return the environment variable of a setting, such as ``PREPAID_METER_DATA``."""
    return PREFIX + setting.upper()


@dataclass(frozen=True, slots=True)
class Settings:
    """How this process runs; the site file says what it serves."""

    data: Path
    """Folder of the database, the exported files and the embedded broker's state."""
    broker: str | None = field(default=None, repr=False)
    """``mqtt://`` or ``mqtts://`` address, which may carry a password; None for the embedded broker."""
    broker_ca: Path | None = None
    """Certificate authority of an ``mqtts://`` broker; None for those that the system trusts."""
    embedded_port: int = DEFAULT_EMBEDDED_PORT
    """Port of the embedded broker on this machine; 0 takes any free one."""
    listen: str = DEFAULT_LISTEN
    """Host and port of the API; port 0 takes any free one."""
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    allow_plain_http: bool = False
    """Serve the API without TLS to other hosts: tokens can then be read by anyone on that network."""
    announce: bool = False
    """Announce the API on the local network (zeroconf)."""
    log_level: str = "INFO"
    export_every_s: int = DEFAULT_EXPORT_EVERY_S
    """Time between two exports for the dashboard."""
    keep_readings_days: int = KEEP_EVERYTHING
    """Days of quarter hours that stay in the database; older ones are in exported files alone. 0 for all."""
    keep_events_days: int = KEEP_EVERYTHING
    """Days of events, of settled relay commands and of ended messages that stay. 0 for all."""
    database: str | None = field(default=None, repr=False)
    """``postgresql://`` address, which may carry a password; None for a file of SQLite in the data folder."""
    standby: bool = False
    """Wait until the installation has no bridge, and take it over then (PostgreSQL)."""
    worker_address: str | None = None
    """Where other workers reach this one's API; None for where it listens."""

    def __post_init__(self) -> None:
        """Refuse what cannot work together."""
        _check_broker(self)
        _check_tls(self)
        _check_listen(self)
        _check_choices(self)
        _check_database(self)
        _check_worker(self)

    @property
    def location(self) -> Location:
        """Return where the database is."""
        # Imported here because a command of a running bridge does without SQLAlchemy.
        from meter_bridge.storage.location import location_of  # noqa: PLC0415

        return location_of(self.data, self.database)

    @property
    def address(self) -> tuple[str, int]:
        """Return host and port of the API."""
        return _host_and_port(self.listen)

    @property
    def broker_shown(self) -> str:
        """Return the broker's address without its password, for logs and messages."""
        return "embedded" if self.broker is None else without_password(self.broker)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what the owner should know about these settings."""
        found = []
        if _is_open(self):
            found.append(
                f"The API listens on {self.listen} without TLS: anyone on that network can read its tokens."
                f" Set {variable_of('tls_certificate')} and {variable_of('tls_key')}."
            )
        return tuple(found)


def load_settings(environment: Mapping[str, str], **overrides: str | int | bool | Path | None) -> Settings:
    """Return the settings of an environment; a keyword that is not None comes before its variable.

    Raises ``SettingsError`` for a value that cannot be read, an unknown variable of ours, or settings that do
    not go together.
    """
    _check_names(environment)
    given = {name: value for name, value in overrides.items() if value is not None}
    texts = {name: text for name in _names() if (text := environment.get(variable_of(name), "").strip())}
    data = given.get("data") or texts.get("data") or default_data(environment)
    return Settings(
        data=Path(str(data)).expanduser(),
        broker=_broker(_text(given, texts, "broker")),
        broker_ca=_path(given, texts, "broker_ca"),
        embedded_port=_port(given, texts, "embedded_port"),
        listen=_text(given, texts, "listen") or DEFAULT_LISTEN,
        tls_certificate=_path(given, texts, "tls_certificate"),
        tls_key=_path(given, texts, "tls_key"),
        allow_plain_http=_flag(given, texts, "allow_plain_http"),
        announce=_flag(given, texts, "announce"),
        log_level=(_text(given, texts, "log_level") or "INFO").upper(),
        export_every_s=_seconds(given, texts, "export_every_s"),
        keep_readings_days=_days(given, texts, "keep_readings_days"),
        keep_events_days=_days(given, texts, "keep_events_days"),
        database=_text(given, texts, "database"),
        standby=_flag(given, texts, "standby"),
        worker_address=_text(given, texts, "worker_address"),
    )


def default_data(environment: Mapping[str, str]) -> Path:
    """Return the folder for data where none is named (XDG base directories)."""
    base = environment.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base) / "prepaid-meter"


def without_password(address: str) -> str:
    """Return an address with its password, if any, replaced by stars."""
    head, at, host = address.rpartition("@")
    scheme, separator, credentials = head.rpartition("//")
    user, colon, _ = credentials.partition(":")
    return f"{scheme}{separator}{user}:***@{host}" if at and colon else address


type _Given = Mapping[str, str | int | bool | Path]
type _Texts = Mapping[str, str]


def _names() -> tuple[str, ...]:
    return tuple(each.name for each in fields(Settings))


def _check_names(environment: Mapping[str, str]) -> None:
    """Refuse a variable with our prefix that is none of ours: a setting that silently does nothing."""
    known = {variable_of(name) for name in _names()}
    for variable in sorted(environment):
        # The password of a device is named by the site file and may well share the prefix.
        if variable.startswith(PREFIX) and variable not in known and not variable.endswith("_PASSWORD"):
            remedy = "unset it, or write one of " + ", ".join(sorted(known))
            raise SettingsError(variable, environment[variable], "is no setting of the bridge", remedy)


def _text(given: _Given, texts: _Texts, name: str) -> str | None:
    value = given.get(name, texts.get(name))
    return None if value is None else str(value)


def _path(given: _Given, texts: _Texts, name: str) -> Path | None:
    text = _text(given, texts, name)
    return None if text is None else Path(text).expanduser()


def _flag(given: _Given, texts: _Texts, name: str) -> bool:
    value = given.get(name, texts.get(name, False))
    word = str(value).lower()
    if word not in YES | NO:
        raise SettingsError(variable_of(name), str(value), "is neither yes nor no", "write yes or no")
    return word in YES


def _seconds(given: _Given, texts: _Texts, name: str) -> int:
    value = str(given.get(name, texts.get(name, DEFAULT_EXPORT_EVERY_S)))
    if not (value.isascii() and value.isdigit()) or len(value) > len(str(SECONDS_PER_DAY)):
        remedy = "write whole seconds, for example 900"
        raise SettingsError(variable_of(name), value, "is not a number of seconds", remedy)
    return int(value)


def _days(given: _Given, texts: _Texts, name: str) -> int:
    value = str(given.get(name, texts.get(name, KEEP_EVERYTHING)))
    numeric = value.isascii() and value.isdigit() and len(value) <= len(str(LONGEST_KEPT_DAYS))
    days = int(value) if numeric else -1
    if days != KEEP_EVERYTHING and not SHORTEST_KEPT_DAYS <= days <= LONGEST_KEPT_DAYS:
        remedy = f"write {SHORTEST_KEPT_DAYS} to {LONGEST_KEPT_DAYS} days, for example 400, or 0 to keep all"
        raise SettingsError(variable_of(name), value, "is not how long it can be kept", remedy)
    return days


def _port(given: _Given, texts: _Texts, name: str) -> int:
    value = str(given.get(name, texts.get(name, DEFAULT_EMBEDDED_PORT)))
    numeric = value.isascii() and value.isdigit() and len(value) <= len(str(MAX_PORT))
    if not numeric or int(value) > MAX_PORT:
        remedy = f"write a port up to {MAX_PORT}, for example {DEFAULT_EMBEDDED_PORT}, or 0 for any free one"
        raise SettingsError(variable_of(name), value, "is not a port", remedy)
    return int(value)


def _broker(text: str | None) -> str | None:
    return None if text in (None, "embedded") else text


def _check_broker(settings: Settings) -> None:
    """Refuse an address that no MQTT client can use, and a certificate authority without TLS."""
    if settings.broker is not None:
        parts = _split(settings.broker)
        if parts is None or parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname:
            remedy = "write mqtt://host:1883, mqtts://user:password@host:8883, or embedded"
            shown = without_password(settings.broker)
            raise SettingsError(variable_of("broker"), shown, "is no address of an MQTT broker", remedy)
    if settings.broker_ca is None:
        return
    if settings.broker is None or not settings.broker.startswith("mqtts://"):
        remedy = f"set {variable_of('broker')} to an mqtts:// address, or unset this variable"
        raise SettingsError(
            variable_of("broker_ca"), str(settings.broker_ca), "is only used with TLS", remedy
        )
    _check_file("broker_ca", settings.broker_ca)


def _check_database(settings: Settings) -> None:
    """Refuse an address that names no server's database, and a standby that nobody could hand over to."""
    variable = variable_of("database")
    if settings.database is not None:
        _check_server(settings, settings.database)
    if settings.standby and settings.database is None:
        remedy = f"set {variable} to the database that both bridges use"
        raise SettingsError(variable_of("standby"), "yes", "needs a database that can be shared", remedy)
    if settings.standby and settings.broker is None:
        remedy = f"set {variable_of('broker')} to the broker that both bridges use"
        raise SettingsError(variable_of("standby"), "yes", "needs a broker that can be shared", remedy)


def _check_server(settings: Settings, address: str) -> None:
    """Refuse an address that names no server's database."""
    from meter_bridge.storage.location import EXAMPLE, LocationError  # noqa: PLC0415 - as above

    variable = variable_of("database")
    try:
        location = settings.location
    except LocationError as error:
        raise SettingsError(variable, error.shown, error.message, error.remedy) from error
    if isinstance(location, Path):
        remedy = f"write {EXAMPLE}, or leave it out: a file of SQLite is in the data folder"
        raise SettingsError(variable, address, "is no database of a server", remedy)


def _split(address: str) -> SplitResult | None:
    """Return the parts of an address, or None where it has no readable host or port."""
    try:
        parts = urlsplit(address)
        usable = parts.port is None or parts.port > 0
    except ValueError:
        return None
    return parts if usable else None


def _check_worker(settings: Settings) -> None:
    """Refuse an address that no other worker could ask."""
    if settings.worker_address is not None:
        parts = _split(settings.worker_address)
        if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname or parts.path:
            remedy = "write for example https://bridge-2.example:8126"
            message = "is no address of an API"
            raise SettingsError(variable_of("worker_address"), settings.worker_address, message, remedy)


def _check_tls(settings: Settings) -> None:
    """Refuse half a pair of certificate and key, and files that are not there."""
    pair = {"tls_certificate": settings.tls_certificate, "tls_key": settings.tls_key}
    missing = [name for name, path in pair.items() if path is None]
    if len(missing) == 1:
        present = next(name for name in pair if name not in missing)
        remedy = f"set {variable_of(missing[0])} as well, or neither"
        message = f"needs {variable_of(missing[0])}"
        raise SettingsError(variable_of(present), str(pair[present]), message, remedy)
    for name, path in pair.items():
        if path is not None:
            _check_file(name, path)


def _check_file(name: str, path: Path) -> None:
    if not path.is_file():
        remedy = "name a file that exists and that the bridge may read"
        raise SettingsError(variable_of(name), str(path), "is not a file", remedy)


def _check_listen(settings: Settings) -> None:
    """Refuse to serve other hosts in plain text unless the owner says so."""
    _host_and_port(settings.listen)
    if _is_open(settings) and not settings.allow_plain_http:
        remedy = (
            f"set {variable_of('tls_certificate')} and {variable_of('tls_key')}, listen on 127.0.0.1, or set"
            f" {variable_of('allow_plain_http')}=yes where you trust everyone on that network"
        )
        message = "would send tokens in plain text beyond this machine"
        raise SettingsError(variable_of("listen"), settings.listen, message, remedy)


def _is_open(settings: Settings) -> bool:
    """Say whether the API can be reached from other hosts without TLS."""
    return settings.tls_certificate is None and not _is_loopback(settings.address[0])


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _host_and_port(listen: str) -> tuple[str, int]:
    """Return host and port of ``host:port`` or ``[address]:port``."""
    host, _, port = listen.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    bracketed = host.startswith("[") and host.endswith("]")
    numeric = port.isascii() and port.isdigit() and len(port) <= len(str(MAX_PORT)) and int(port) <= MAX_PORT
    if not numeric or not bare or (":" in bare and not bracketed) or any(mark in bare for mark in " /[]"):
        remedy = f"write for example {DEFAULT_LISTEN} or [::1]:8126"
        raise SettingsError(variable_of("listen"), listen, "is not host:port", remedy)
    return bare, int(port)


def _check_choices(settings: Settings) -> None:
    """Refuse a log level or an interval that does not exist."""
    if settings.log_level not in LOG_LEVELS:
        remedy = "write one of " + ", ".join(LOG_LEVELS)
        raise SettingsError(variable_of("log_level"), settings.log_level, "is no log level", remedy)
    if not 1 <= settings.export_every_s <= SECONDS_PER_DAY:
        remedy = f"write between 1 and {SECONDS_PER_DAY} seconds"
        value = str(settings.export_every_s)
        raise SettingsError(variable_of("export_every_s"), value, "is not within a day", remedy)
