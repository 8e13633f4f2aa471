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
every option may also be set as PREPAID_METER_<OPTION>, such as PREPAID_METER_BROKER; a password belongs there
and not on the command line, where other users of the machine can read it.

examples:
  meter-bridge run
      with a broker of its own, on this machine only
  PREPAID_METER_BROKER=mqtt://bridge:secret@localhost meter-bridge run
      with the broker that is there already
  PREPAID_METER_DATABASE=postgresql://bridge:secret@db/prepaid meter-bridge run --standby
      as one of two bridges on a database of PostgreSQL, of which one serves
  meter-bridge run --listen 0.0.0.0:8126 --tls-certificate cert.pem --tls-key key.pem
      for Home Assistant on another machine, which finds the bridge by itself
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    _add_broker(parser)
    _add_api(parser)
    _add_database(parser)
    parser.add_argument("--log-level", choices=LOG_LEVELS, help="how much to log (default: INFO)")
    parser.add_argument(
        "--export-every-s",
        metavar="S",
        help=f"seconds between exports for the dashboard (default: {DEFAULT_EXPORT_EVERY_S})",
    )
    parser.add_argument(
        "--keep-readings-days",
        metavar="DAYS",
        help="days of quarter hours kept in the database, older ones in exported files alone (default: all)",
    )
    parser.add_argument(
        "--keep-events-days",
        metavar="DAYS",
        help="days of events, settled relay commands and sent messages that are kept (default: all)",
    )
    parser.add_argument(
        "--decode-only",
        action="store_true",
        default=None,
        help="receive and decode only, charge nothing: the base line of the benchmark",
    )


def _add_broker(parser: argparse.ArgumentParser) -> None:
    broker = parser.add_argument_group("broker")
    broker.add_argument(
        "--broker", metavar="URL", help="mqtt://host:1883, mqtts://host:8883 or embedded (default)"
    )
    broker.add_argument("--broker-ca", metavar="FILE", help="certificate authority of an mqtts:// broker")


def _add_database(parser: argparse.ArgumentParser) -> None:
    database = parser.add_argument_group("database")
    database.add_argument(
        "--database",
        metavar="URL",
        help="postgresql://user@host/name (default: a file of SQLite in the folder)",
    )
    database.add_argument(
        "--standby",
        action="store_true",
        default=None,
        help="wait while another bridge serves that database, and take over when it ends or dies",
    )


def _add_api(parser: argparse.ArgumentParser) -> None:
    api = parser.add_argument_group("API")
    api.add_argument("--listen", metavar="HOST:PORT", help=f"where to serve it (default: {DEFAULT_LISTEN})")
    api.add_argument("--tls-certificate", metavar="FILE", help="serve it over TLS with this certificate")
    api.add_argument("--tls-key", metavar="FILE", help="key of the certificate")
    api.add_argument(
        "--allow-plain-http",
        action="store_true",
        default=None,
        help="serve other hosts without TLS, where everyone on that network is trusted",
    )
    api.add_argument(
        "--announce",
        action="store_true",
        default=None,
        help="announce it on the local network also where it only listens on this machine",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the bridge until a signal ends it."""
    names = (
        "broker",
        "broker_ca",
        "listen",
        "tls_certificate",
        "tls_key",
        "allow_plain_http",
        "announce",
        "log_level",
        "decode_only",
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
    # Imported here so that '--help' and a wrong option are answered at once.
    from meter_bridge.app import run as run_bridge  # noqa: PLC0415
    from meter_bridge.devices.broker.embedded import EmbeddedBrokerError  # noqa: PLC0415
    from meter_bridge.storage.errors import LeaseLostError, LockedError, StorageError  # noqa: PLC0415

    try:
        run_bridge(settings)
    except SettingsError as error:
        raise unusable(error) from error
    except LeaseLostError as error:
        raise _cannot(str(error), "start it again, with --standby where it is to wait") from error
    except LockedError as error:
        raise _cannot(
            str(error), "end the other bridge, name another folder with --data, or wait with --standby"
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
        raise _cannot(what, "give both in PEM form, and the key that belongs to the certificate") from error
    except OSError as error:
        remedy = f"see whether {settings.data} is writable and {settings.listen} is free"
        raise _cannot(f"the bridge cannot start: {error}", remedy) from error


def _cannot(what: str, remedy: str) -> CommandError:
    """Return what keeps the bridge from running, with the way out."""
    return CommandError(what, remedy, UNREACHABLE)
