"""``meter-bridge run``."""

import argparse
import logging
import ssl
from typing import Final

from meter_bridge.commands.errors import UNREACHABLE, CommandError
from meter_bridge.commands.logs import set_up
from meter_bridge.commands.settings import settings_of, unusable
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
  PREPAID_METER_BROKER=mqtt://bridge:secret@localhost meter-bridge run
      with an existing broker
  PREPAID_METER_DATABASE=postgresql://bridge:secret@db/prepaid meter-bridge run --standby
      as one of two bridges on a PostgreSQL database, only one of which is active
  meter-bridge run --listen 0.0.0.0:8126 --tls-certificate cert.pem --tls-key key.pem
      for Home Assistant on another machine, which discovers the bridge
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    _add_broker(parser)
    _add_api(parser)
    _add_database(parser)
    parser.add_argument("--log-level", choices=LOG_LEVELS, help="log level (default: INFO)")
    parser.add_argument(
        "--export-every-s",
        metavar="S",
        help=f"seconds between exports for the dashboard (default: {DEFAULT_EXPORT_EVERY_S})",
    )
    parser.add_argument(
        "--keep-readings-days",
        metavar="DAYS",
        help="days of quarter-hour readings to keep; older ones stay in exported files (default: all)",
    )
    parser.add_argument(
        "--keep-events-days",
        metavar="DAYS",
        help="days of events, completed relay commands and sent messages to keep (default: all)",
    )


def _add_broker(parser: argparse.ArgumentParser) -> None:
    broker = parser.add_argument_group("broker")
    broker.add_argument(
        "--broker", metavar="URL", help="mqtt://host:1883, mqtts://host:8883 or embedded (default)"
    )
    broker.add_argument("--broker-ca", metavar="FILE", help="CA certificate for an mqtts:// broker")


def _add_database(parser: argparse.ArgumentParser) -> None:
    database = parser.add_argument_group("database")
    database.add_argument(
        "--database",
        metavar="URL",
        help="postgresql://user@host/name (default: a SQLite file in the installation folder)",
    )
    database.add_argument(
        "--standby",
        action="store_true",
        default=None,
        help="wait while another bridge is active on that database, and take over when it stops or fails",
    )


def _add_api(parser: argparse.ArgumentParser) -> None:
    api = parser.add_argument_group("API")
    api.add_argument(
        "--listen", metavar="HOST:PORT", help=f"address to listen on (default: {DEFAULT_LISTEN})"
    )
    api.add_argument("--tls-certificate", metavar="FILE", help="TLS certificate for the API")
    api.add_argument("--tls-key", metavar="FILE", help="private key of the certificate")
    api.add_argument(
        "--allow-plain-http",
        action="store_true",
        default=None,
        help="serve other hosts without TLS, if everyone on that network is trusted",
    )
    api.add_argument(
        "--announce",
        action="store_true",
        default=None,
        help="announce the API on the local network even if it only listens on this machine",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the bridge until a signal stops it."""
    names = (
        "broker",
        "broker_ca",
        "listen",
        "tls_certificate",
        "tls_key",
        "allow_plain_http",
        "announce",
        "log_level",
        "export_every_s",
        "keep_readings_days",
        "keep_events_days",
        "database",
        "standby",
    )
    settings = settings_of(arguments, **{name: getattr(arguments, name) for name in names})
    set_up(settings.log_level)
    for warning in settings.warnings:
        logging.getLogger("meter_bridge").warning(warning)
    _run(settings)
    return 0


def _run(settings: Settings) -> None:
    # Imported here so that '--help' and usage errors are fast.
    from meter_bridge.app import run as run_bridge  # noqa: PLC0415
    from meter_bridge.devices.broker.embedded import EmbeddedBrokerError  # noqa: PLC0415
    from meter_bridge.storage.errors import LeaseLostError, LockedError, StorageError  # noqa: PLC0415

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
