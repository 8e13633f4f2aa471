"""Where the broker is: its URL in the site file, checked before anything connects."""

from dataclasses import dataclass, field
import secrets
import ssl
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
EXAMPLE: Final = "mqtt://user:password@192.168.1.10:1883"
CLIENT_ID_LENGTH: Final = 64


class BrokerSettingsError(ValueError):
    """A broker setting that cannot work; the text names place, value and remedy."""


class AuthorityError(BrokerSettingsError):
    """The broker's certificate authority cannot be used yet: whose certificate to trust is not known."""

    def __init__(self, file: str, message: str, *, readable: bool) -> None:
        self.file = file
        self.readable = readable
        self.message = message
        self.remedy = "provide it in PEM format, readable for the bridge's user"
        super().__init__(f"the broker's certificate authority {file} {message}; {self.remedy}")


def authority_context(file: str | None) -> ssl.SSLContext:
    """Return a context that trusts a file's authority, or those of the system; raise ``AuthorityError``."""
    try:
        return ssl.create_default_context(cafile=file)
    except OSError as error:
        readable = isinstance(error, ssl.SSLError)
        message = "holds no certificate" if readable else f"cannot be read: {error.strerror}"
        raise AuthorityError(str(file), message, readable=readable) from error


def fresh_client_id() -> str:
    """Return a client id that no other client of the broker has."""
    return f"prepaid-meter-{secrets.token_hex(6)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttSettings:
    """How to reach the broker; the client id stays the same for the life of an installation."""

    host: str
    port: int = PORTS["mqtt"]
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    ca_file: str | None = None
    verify: bool = True
    client_id: str = field(default_factory=fresh_client_id)
    keepalive_s: int = 20
    in_flight: int = 64
    """Most QoS 1 messages awaiting the broker's acknowledgement; the broker may allow fewer."""

    def place(self) -> str:
        """Return the broker's address for people, without credentials."""
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"

    def context(self) -> ssl.SSLContext | None:
        """Return the TLS context, or None without TLS; raise ``AuthorityError`` for an unusable CA file."""
        if not self.tls:
            return None
        context = authority_context(self.ca_file)
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def parse_broker_url(
    url: str, *, ca_file: str | None = None, verify: bool = True, client_id: str | None = None
) -> MqttSettings:
    """Read ``mqtt[s]://`` with optional user, password and port; raise ``BrokerSettingsError``."""
    parts = urlsplit(url)
    if parts.scheme not in PORTS:
        raise _url_error(parts, f"has the scheme '{parts.scheme}': begin with mqtt:// or, with TLS, mqtts://")
    if ca_file is not None and parts.scheme == "mqtt":
        raise _url_error(parts, "has a ca_file but no TLS: begin with mqtts://, or leave ca_file out")
    host, port = _host_and_port(parts)
    return MqttSettings(
        host=host,
        port=port,
        username=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        tls=parts.scheme == "mqtts",
        ca_file=ca_file,
        verify=verify,
        client_id=_client_id(client_id),
    )


def _host_and_port(parts: SplitResult) -> tuple[str, int]:
    try:
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _url_error(parts, f"has no usable port ({error}): write a number up to 65535") from error
    if not host:
        raise _url_error(parts, f"names no host: write for example {EXAMPLE}")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise _url_error(
            parts, "goes on after the port: end it there, and write %2F for a slash in a password"
        )
    return host, port or PORTS[parts.scheme]


def _client_id(client_id: str | None) -> str:
    if client_id is None:
        return fresh_client_id()
    if not 0 < len(client_id) <= CLIENT_ID_LENGTH:
        raise BrokerSettingsError(
            f"mqtt client_id '{client_id[:80]}' must have 1 to {CLIENT_ID_LENGTH} characters"
        )
    return client_id


def _url_error(parts: SplitResult, problem: str) -> BrokerSettingsError:
    """Show the URL without its password."""
    place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    return BrokerSettingsError(f"mqtt url '{place}' {problem}")
