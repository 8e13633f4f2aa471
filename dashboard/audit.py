"""The child process of the nightly audit: ``python -m dashboard.audit DIR [SHARD]`` prints its findings.

As JSON: of the whole ledger, or where bridges share the sites of a shard's accounts.
"""

from dataclasses import asdict
import json
import os
from pathlib import Path
import sys
from typing import Final

from meter_bridge.storage import import_guard

NICENESS: Final = 10


def main(arguments: list[str]) -> int:
    """Audit a data folder at low priority."""
    import_guard.block_imports()
    from dashboard.data.snapshot import SnapshotError  # noqa: PLC0415 - as above
    from dashboard.pricing.audit import audit  # noqa: PLC0415 - without what is refused
    from dashboard.settings import settings  # noqa: PLC0415 - as above

    if len(arguments) not in {1, 2}:
        print("give a data folder, and where there are several shards one", file=sys.stderr)  # noqa: T201
        return 2
    os.nice(NICENESS)
    try:
        shard = int(arguments[1]) if len(arguments) > 1 else None
        found = audit(Path(arguments[0]), settings().database, shard)
    except SnapshotError as error:
        print(f"audit failed: {error}", file=sys.stderr)  # noqa: T201
        return 1
    print(json.dumps(asdict(found)))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
