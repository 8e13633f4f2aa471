"""What the bridge's children do without, so that they start in a fraction of the time.

Arrow, ADBC and DuckDB import pandas, polars and NumPy where they are installed; nobody asks for them here.
"""

from collections.abc import Collection
from importlib.abc import MetaPathFinder
import sys
from typing import Final

TABLES: Final = ("pandas", "polars")


class _Refusing(MetaPathFinder):
    """Finds nothing, and says so of what is refused."""

    def __init__(self, refused: Collection[str]) -> None:
        self._refused = refused

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:  # noqa: ARG002
        """Raise ``ModuleNotFoundError`` for what is refused."""
        if fullname in self._refused:
            raise ModuleNotFoundError(f"{fullname} is not needed here", name=fullname)


def refuse(*more: str) -> None:
    """Let this process, which is a child of the bridge, never load what it does not need."""
    sys.meta_path.insert(0, _Refusing({*TABLES, *more}))
