"""Tables with a row for each account."""

import argparse
import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from meter_bridge.commands.connection import connected
from meter_bridge.commands.output import print_json, print_line, table
from meter_bridge.commands.settings import settings_of

NO_ACCOUNTS: Final = "There are no accounts yet; 'meter-bridge apply' adds those of a site file."


class PerAccount[T](Protocol):
    """An answer of the API with something for each account."""

    @property
    def accounts(self) -> Sequence[T]:
        """Return what there is for each account."""


@dataclass(frozen=True, slots=True)
class AccountTable[T]:
    """A command that shows the answer of a route as a table or as JSON."""

    answer: type[PerAccount[T]]
    route: str
    head: Sequence[str]
    right: Sequence[str]
    """Columns aligned to the right."""
    row: Callable[[T], Sequence[str]]

    def show(self, arguments: argparse.Namespace) -> int:
        """Request and print the answer."""
        found = asyncio.run(self._request(arguments))
        if arguments.json:
            print_json(msgspec.to_builtins(found))
        elif found.accounts:
            print_line(table(self.head, [self.row(each) for each in found.accounts], self.right))
        else:
            print_line(NO_ACCOUNTS)
        return 0

    async def _request(self, arguments: argparse.Namespace) -> PerAccount[T]:
        async with connected(settings_of(arguments)) as client:
            return await client.get(self.answer, self.route)
