"""What an export runs as: its child process, without what it does not need from the first import on."""

import sys

from meter_bridge.engine import lean

if __name__ == "__main__":
    lean.refuse("numpy")
    from meter_bridge.engine.export_child import main

    sys.exit(main())
