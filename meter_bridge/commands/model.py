"""``meter-bridge model``: models of meters as data; a new one is tried before it is used."""

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
import sys
from typing import Final

from meter_bridge.commands.check import plan_of, read
from meter_bridge.commands.command import JSON, action, argument, group
from meter_bridge.commands.output import NOT_KNOWN, Output, plain, table
from meter_bridge.commands.parser import REFUSED, USAGE, CommandError
from meter_bridge.config.problems import suggest
from meter_bridge.devices.family import NO_SETTINGS, Attempt, ModelCatalogue
from meter_bridge.devices.registry import families

EPILOG: Final = """\
A model describes where the MQTT messages of a device contain which value, and how it is switched. The bridge
comes with some; the site file, named with --site, may contain others. 'try' reads a message you captured,
with 'mosquitto_sub -v' for example, and shows what it found, what it did not find and where it looked. Exit
code 1 means that the message was not read, or that it should contain the register and does not.

examples:
  meter-bridge model list
  meter-bridge model show esphome
  meter-bridge model try my-meter --topic meters/kitchen/state payload.json --site house.yaml
"""
HEAD: Final = ("MODEL", "CHANNELS", "FOR", "READS")
FOUND: Final = ("VALUE", "LOOKED FOR", "FOUND", "READ AS")
LARGEST: Final = 1_000_000
REGISTER: Final = "register"
SITE: Final = argument("--site", type=Path, metavar="FILE", help="site file with models of its own")
MODEL: Final = argument("model", metavar="MODEL", help="name of a model, as 'model list' shows it")


def _catalogues(arguments: Namespace) -> Iterator[ModelCatalogue]:
    """Yield the models of each family that has some."""
    path = arguments.site
    settings = NO_SETTINGS if path is None else plan_of(path, read(path)).families
    for family in families().values():
        if family.models is not None:
            yield family.models(settings.get(family.name, NO_SETTINGS))


def _catalogue_of(arguments: Namespace) -> ModelCatalogue:
    known: list[str] = []
    for catalogue in _catalogues(arguments):
        if catalogue.text(arguments.model) is not None:
            return catalogue
        known += [each.name for each in catalogue.summaries()]
    raise CommandError(f"there is no model '{arguments.model}'", suggest(arguments.model, known), USAGE)


def _list(arguments: Namespace) -> int:
    summaries = [each for catalogue in _catalogues(arguments) for each in catalogue.summaries()]
    rows = [(each.name, each.channels, each.title, ", ".join(each.can)) for each in summaries]
    Output({"models": summaries}, table(HEAD, rows)).print(arguments)
    return 0


def _show(arguments: Namespace) -> int:
    text = _catalogue_of(arguments).text(arguments.model) or ""
    Output({"model": arguments.model, "text": text}, text.rstrip("\n")).print(arguments)
    return 0


def _try(arguments: Namespace) -> int:
    attempt = _catalogue_of(arguments).attempt(arguments.model, arguments.topic, _payload(arguments.payload))
    Output(attempt, "\n".join(_lines(attempt)), error=_failure(attempt, arguments)).print(arguments)
    return 0


def _payload(path: Path) -> bytes:
    try:
        content = sys.stdin.buffer.read(LARGEST) if str(path) == "-" else path.read_bytes()[:LARGEST]
    except OSError as error:
        remedy = "name a file with the payload, or - for standard input"
        raise CommandError(f"{path}: {error.strerror}", remedy, USAGE) from error
    return content.rstrip(b"\r\n")


def _lines(attempt: Attempt) -> Iterator[str]:
    if attempt.address is not None:
        yield f"address: {attempt.address}"
    if attempt.found:
        cells = [(each.name, each.looked_for, each.value, each.read) for each in attempt.found]
        yield table(FOUND, [tuple(plain(cell or NOT_KNOWN) for cell in row) for row in cells])
    for refused in attempt.refused:
        yield f"not read: {plain(refused)}"
    yield f"payload: {plain(attempt.payload)}"


def _failure(attempt: Attempt, arguments: Namespace) -> CommandError | None:
    if attempt.address is None:
        topics = ", ".join(attempt.topics)
        return CommandError(
            f"model {arguments.model} reads no topic '{arguments.topic}'",
            f"its topics are {topics}; correct the model or the topic",
            REFUSED,
        )
    missing = [each for each in attempt.found if each.name == REGISTER and each.read is None]
    if missing:
        return CommandError(
            f"{missing[0].looked_for} is not in the payload, or is no register",
            "correct path and unit of the register in the model",
            REFUSED,
        )
    if attempt.refused or not any(each.read for each in attempt.found):
        return CommandError("the message was not read whole", "correct the model where it looks", REFUSED)
    return None


COMMANDS: Final = {
    "model": group(
        EPILOG,
        None,
        list=action("list all models", _list, SITE, JSON),
        show=action("show a model as it is written", _show, MODEL, SITE, JSON),
        **{
            "try": action(
                "read a captured message with a model",
                _try,
                MODEL,
                argument(
                    "payload",
                    type=Path,
                    metavar="PAYLOAD",
                    help="file with the payload, - for standard input",
                ),
                argument("--topic", required=True, metavar="TOPIC", help="topic of the message"),
                SITE,
                JSON,
            )
        },
    )
}
