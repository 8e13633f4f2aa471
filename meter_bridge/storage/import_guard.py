"""Keeps needless packages out of the bridge's child processes, which then start in a fraction of the time.

Arrow, ADBC and DuckDB import pandas, polars and NumPy where they are installed; nobody asks for them here.
"""

from collections.abc import Collection
from importlib.abc import MetaPathFinder
import sys
from typing import Final

TABLES: Final = ("pandas", "polars")


class _Blocker(MetaPathFinder):
    """Refuses to find blocked packages."""

    def __init__(self, blocked: Collection[str]) -> None:
        self._blocked = blocked

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:  # noqa: ARG002
        """Raise ``ModuleNotFoundError`` for a blocked package."""
        if fullname in self._blocked:
            raise ModuleNotFoundError(f"{fullname} is not needed here", name=fullname)


def block_imports(*more: str) -> None:
    """Block imports in this process of table libraries, and of more packages if named."""
    sys.meta_path.insert(0, _Blocker({*TABLES, *more}))
