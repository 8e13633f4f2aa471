"""``meter-bridge simulate``."""

from argparse import Namespace, _ActionsContainer
import asyncio
from typing import Final

from meter_bridge.commands.command import Command
from meter_bridge.devices.simulators.cli import EXAMPLE, add_arguments, run_from_args

EPILOG: Final = f"""\
Simulated meters publish the same payloads as real ones through a real broker, so the bridge cannot tell the
difference. Requires a broker, but no bridge.

examples:
  meter-bridge simulate --tasmota 1 --load 1500
  meter-bridge simulate --shelly 20 --fault recloses
  meter-bridge simulate --file meters.yaml

{EXAMPLE}"""


class SimulatorOptions:
    """The options that the simulators themselves describe."""

    def add_to(self, parser: _ActionsContainer) -> None:
        """Add the options to a parser."""
        add_arguments(parser)


def _run(arguments: Namespace) -> int:
    return asyncio.run(run_from_args(arguments))


COMMANDS: Final = {"simulate": Command(_run, (SimulatorOptions(),), EPILOG)}
