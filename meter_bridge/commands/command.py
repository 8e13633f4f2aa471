"""What a command is: its arguments and actions as data."""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Protocol

from meter_bridge.commands.parser import Parser, add_data_folder


class Addable(Protocol):
    """Whatever adds itself to a parser."""

    def add_to(self, parser: argparse._ActionsContainer) -> None:
        """Add an argument, or several."""


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument, as ``argparse`` takes it."""

    names: tuple[str, ...]
    options: Mapping[str, Any]

    @property
    def field(self) -> str:
        """Return the name of its value."""
        return self.names[0].removeprefix("--").replace("-", "_")

    def add_to(self, parser: argparse._ActionsContainer) -> None:
        """Add the argument to a parser."""
        parser.add_argument(*self.names, **self.options)


@dataclass(frozen=True, slots=True)
class Group:
    """Arguments under a title of their own; without a title, arguments that exclude each other."""

    title: str | None
    arguments: tuple[Argument, ...]

    def add_to(self, parser: argparse._ActionsContainer) -> None:
        """Add the arguments to a parser."""
        group = (
            parser.add_mutually_exclusive_group()
            if self.title is None
            else parser.add_argument_group(self.title)
        )
        for item in self.arguments:
            item.add_to(group)


def argument(*names: str, **options: object) -> Argument:
    """Return an argument."""
    return Argument(names, options)


def choice_of(*arguments: Argument) -> Group:
    """Return arguments of which only one may be given."""
    return Group(None, arguments)


type Run = Callable[[argparse.Namespace], int]
"""Runs a command and returns its exit code; raises ``CommandError`` if it fails."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command, or one of its actions."""

    run: Run | None
    """None where an action must be chosen."""
    arguments: tuple[Addable, ...] = ()
    epilog: str | None = None
    actions: Mapping[str, Command] = MappingProxyType({})
    summary: str | None = None
    """Help of an action; that of a command stands in the list of commands."""

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Add arguments and actions to a parser."""
        for item in self.arguments:
            item.add_to(parser)
        if self.run is not None:
            parser.set_defaults(run=self.run)
        if self.actions:
            choices = parser.add_subparsers(
                title="actions", metavar="ACTION", required=self.run is None, parser_class=Parser
            )
            for name, action in self.actions.items():
                inner = choices.add_parser(name, help=action.summary, epilog=action.epilog)
                action.add_to(inner)
                add_data_folder(inner)


def group(epilog: str, run: Run | None, /, *arguments: Addable, **actions: Command) -> Command:
    """Return a command with actions; ``run`` is what it does without one, None where one must be chosen."""
    return Command(run, arguments, epilog, actions)


def action(summary: str, run: Run, *arguments: Addable, epilog: str | None = None) -> Command:
    """Return an action of a command."""
    return Command(run, arguments, epilog, summary=summary)


ACCOUNT: Final = argument("account", metavar="ACCOUNT", help="account id, such as flat-1")
METER: Final = argument("meter", metavar="METER", help="meter id, such as flat-1/main")
KEY: Final = argument("--key", help="idempotency key; a repeated key counts once (default: a new one)")
YES: Final = argument(
    "--yes", action="store_true", help="book an amount far beyond what is usual without asking"
)
JSON: Final = argument("--json", action="store_true", help="print JSON as returned by the API")
JSON_OF_ACTION: Final = argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
"""For the actions of a command that can do without one: the option stands before or after the action."""


def given(arguments: argparse.Namespace, *names: str) -> dict[str, object]:
    """Return the named arguments that were given, or have a default other than False."""
    values = {name: getattr(arguments, name) for name in names}
    return {name: value for name, value in values.items() if value is not None and value is not False}
