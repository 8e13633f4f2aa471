"""What the bridge's children do without, so that they start in a fraction of the time.

Arrow and ADBC import pandas and polars where they are installed, for tables that nobody asks for here.
"""

from importlib.abc import MetaPathFinder
import sys
from typing import Final

REFUSED: Final = frozenset({"pandas", "polars"})


class _Refusing(MetaPathFinder):
    """Finds nothing, and says so of what is refused."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:  # noqa: ARG002
        """Raise ``ModuleNotFoundError`` for what is refused."""
        if fullname in REFUSED:
            raise ModuleNotFoundError(f"{fullname} is not needed here", name=fullname)


def refuse() -> None:
    """Let this process, which is a child of the bridge, never load what it does not need."""
    sys.meta_path.insert(0, _Refusing())
