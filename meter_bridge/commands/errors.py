"""What a command ends in when it does not do what was asked."""

from typing import Final

REFUSED: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 3


class CommandError(Exception):
    """A command that was not carried out: one line that says what, one that says what to do."""

    def __init__(self, what: str, remedy: str, code: int = REFUSED) -> None:
        """Keep both lines and the exit code."""
        super().__init__(what)
        self.what = what
        self.remedy = remedy
        self.code = code
