"""What an export runs as: its child process, without what it does not need from the first import on."""

import sys

from meter_bridge.storage import import_guard

if __name__ == "__main__":
    import_guard.block_imports("numpy")
    from meter_bridge.engine.export.export_child import main

    sys.exit(main())
