"""The error that ends a command, and its exit codes."""

from typing import Final

REFUSED: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 3


class CommandError(Exception):
    """A command that failed: one line names the problem, one the remedy."""

    def __init__(self, what: str, remedy: str, code: int = REFUSED) -> None:
        """Keep both lines and the exit code."""
        super().__init__(what)
        self.what = what
        self.remedy = remedy
        self.code = code
