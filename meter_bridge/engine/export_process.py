"""What an export runs as: its child process, without what it does not need.

ADBC imports pandas and polars where they are installed, for tables that nobody asks for here. That took four
tenths of the time in which an export starts.
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


if __name__ == "__main__":
    sys.meta_path.insert(0, _Refusing())
    from meter_bridge.engine.export_child import main

    sys.exit(main())
