"""``meter-bridge simulate``."""

import argparse
import asyncio
from typing import Final

from meter_bridge.devices.simulators.cli import (
    EXAMPLE,
    add_arguments as add_simulator_arguments,
    run_from_args,
)

EPILOG: Final = f"""\
Simulated meters publish the same payloads as real ones through a real broker, so the bridge cannot tell the
difference. Requires a broker, but no bridge.

examples:
  meter-bridge simulate --tasmota 1 --load 1500
  meter-bridge simulate --shelly 20 --fault recloses
  meter-bridge simulate --file meters.yaml

{EXAMPLE}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's arguments."""
    epilog = parser.epilog
    add_simulator_arguments(parser)
    parser.epilog = epilog


def run(arguments: argparse.Namespace) -> int:
    """Run the simulated meters until interrupted."""
    return asyncio.run(run_from_args(arguments))
