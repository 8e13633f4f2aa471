"""``meter-bridge run``."""

from argparse import Namespace
import logging
import ssl
import sys
from typing import Final, override

from meter_bridge.commands.command import Command, Group, argument
from meter_bridge.commands.installation import settings_of, unusable
from meter_bridge.commands.output import plain
from meter_bridge.commands.parser import UNREACHABLE, CommandError
from meter_bridge.config.settings import (
    DEFAULT_EXPORT_EVERY_S,
    DEFAULT_LISTEN,
    LOG_LEVELS,
    Settings,
    SettingsError,
    variable_of,
)

EPILOG: Final = """\
Every option can also be set as an environment variable PREPAID_METER_<OPTION>, such as PREPAID_METER_BROKER.
Pass passwords that way: other users of the machine can read the command line.

examples:
  meter-bridge run
      with an embedded broker, on this machine only
  PREPAID_METER_BROKER=mqtt://prepaid-meter:secret@localhost meter-bridge run
      with an existing broker
  PREPAID_METER_DATABASE=postgresql://bridge:secret@db/prepaid meter-bridge run --standby
      as one of two bridges on a PostgreSQL database, only one of which is active
  meter-bridge run --listen 0.0.0.0:8126 --tls-certificate cert.pem --tls-key key.pem
      for Home Assistant on another machine, which discovers the bridge
"""
FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
OURS: Final = "meter_bridge"
TALKATIVE: Final = ("apprise", "stripe", "urllib3")
"""Libraries that log passwords or providers' answers; the bridge itself logs their failures."""


BROKER: Final = (
    argument("--broker", metavar="URL", help="mqtt://host:1883, mqtts://host:8883 or embedded (default)"),
    argument("--broker-ca", metavar="FILE", help="CA certificate for an mqtts:// broker"),
)
API: Final = (
    argument("--listen", metavar="HOST:PORT", help=f"address to listen on (default: {DEFAULT_LISTEN})"),
    argument("--tls-certificate", metavar="FILE", help="TLS certificate for the API"),
    argument("--tls-key", metavar="FILE", help="private key of the certificate"),
    argument(
        "--allow-plain-http",
        action="store_true",
        default=None,
        help="serve other hosts without TLS, if everyone on that network is trusted",
    ),
    argument(
        "--announce",
        action="store_true",
        default=None,
        help="announce the API on the local network even if it only listens on this machine",
    ),
)
DATABASE: Final = (
    argument(
        "--database",
        metavar="URL",
        help="postgresql://user@host/name (default: a SQLite file in the installation folder)",
    ),
    argument(
        "--standby",
        action="store_true",
        default=None,
        help="wait while another bridge is active on that database, and take over when it stops or fails",
    ),
)
OTHERS: Final = (
    argument("--log-level", choices=LOG_LEVELS, help="log level (default: INFO)"),
    argument(
        "--export-every-s",
        metavar="S",
        help=f"seconds between exports for the dashboard (default: {DEFAULT_EXPORT_EVERY_S})",
    ),
    argument(
        "--keep-readings-days",
        metavar="DAYS",
        help="days of quarter-hour readings to keep; older ones stay in exported files (default: all)",
    ),
    argument(
        "--keep-events-days",
        metavar="DAYS",
        help="days of events, completed relay commands and sent messages to keep (default: all)",
    ),
)


class OneLine(logging.Formatter):
    """Keeps each message on one line, so that no topic or name can forge another entry."""

    @override
    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = plain(record.message)
        return super().formatMessage(record)


def set_up_logging(level: str) -> None:
    """Log to standard error: our own messages at the chosen level, libraries' only from warnings up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine(FORMAT))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger(OURS).setLevel(level)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _run(arguments: Namespace) -> int:
    options = (*BROKER, *API, *DATABASE, *OTHERS)
    settings = settings_of(
        arguments, **{option.field: getattr(arguments, option.field) for option in options}
    )
    set_up_logging(settings.log_level)
    for warning in settings.warnings:
        logging.getLogger(OURS).warning(warning)
    _serve(settings)
    return 0


def _serve(settings: Settings) -> None:
    # Imported here so that '--help' and usage errors are fast.
    from meter_bridge.app import run as run_bridge  # noqa: PLC0415
    from meter_bridge.devices.broker.embedded import EmbeddedBrokerError  # noqa: PLC0415
    from meter_bridge.storage.errors import LeaseLostError, LockedError, SchemaError, StorageError  # noqa: PLC0415

    try:
        run_bridge(settings)
    except SettingsError as error:
        raise unusable(error) from error
    except LeaseLostError as error:
        raise _cannot(str(error), "start it again, with --standby to wait for the other bridge") from error
    except LockedError as error:
        raise _cannot(
            str(error), "stop the other bridge, name another folder with --data, or wait with --standby"
        ) from error
    except SchemaError as error:
        raise _cannot(str(error), error.remedy) from error
    except StorageError as error:
        raise _cannot(str(error), "see 'meter-bridge verify', or restore the newest backup") from error
    except EmbeddedBrokerError as error:
        remedy = f"set {variable_of('embedded_port')} to a free port or to 0, or name a broker with --broker"
        raise _cannot(str(error), remedy) from error
    except ssl.SSLError as error:
        what = (
            f"the certificate {settings.tls_certificate} and its key cannot be used: {error.reason or error}"
        )
        raise _cannot(
            what, "provide both in PEM format, with the key that matches the certificate"
        ) from error
    except OSError as error:
        remedy = f"check that {settings.data} is writable and {settings.listen} is free"
        raise _cannot(f"the bridge cannot start: {error}", remedy) from error


def _cannot(what: str, remedy: str) -> CommandError:
    return CommandError(what, remedy, UNREACHABLE)


COMMANDS: Final = {
    "run": Command(
        _run,
        (Group("broker", BROKER), Group("API", API), Group("database", DATABASE), *OTHERS),
        EPILOG,
    )
}
