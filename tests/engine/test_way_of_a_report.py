"""How many files a report passes on its way to the relay; docs/architecture.md shows the way."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
import sys
from types import CodeType

import meter_bridge
from meter_bridge.devices.base.driver import Report
from meter_bridge.protocol.vocabulary import SupplyState
from tests.engine.harness import HOUR, house

PRODUCT = Path(meter_bridge.__file__).parent
BEFORE = 49
"""At 515b651, counted in the same way."""
ADDED_SINCE = {"core/register/power_comparison.py", "engine/metering/power_check.py"}
"""What 515b651 did not do: compare the register with the power."""


@contextmanager
def files_run() -> Iterator[set[str]]:
    """Collect the product's files whose functions are called."""
    files: set[str] = set()

    def called(code: CodeType, _offset: int) -> None:
        path = Path(code.co_filename)
        if path.is_relative_to(PRODUCT):
            files.add(str(path.relative_to(PRODUCT)))

    tool = next(number for number in range(6) if sys.monitoring.get_tool(number) is None)
    sys.monitoring.use_tool_id(tool, "files of a report")
    sys.monitoring.register_callback(tool, sys.monitoring.events.PY_START, called)
    sys.monitoring.set_events(tool, sys.monitoring.events.PY_START)
    try:
        yield files
    finally:
        sys.monitoring.set_events(tool, 0)
        sys.monitoring.free_tool_id(tool)


async def test_a_report_that_opens_the_relay_passes_fewer_files_than_before(tmp_path: Path) -> None:
    async with house(tmp_path, credit="1.00") as home:
        address = home.meter.plan.energy_address
        home.intake.handle([Report(address, register_wh=10_000, power_mw=1_000)])
        await home.tick(HOUR)
        with files_run() as files:
            home.intake.handle([Report(address, register_wh=12_000, power_mw=1_000)])
        assert home.account.state is SupplyState.DISCONNECTED
    assert files >= ADDED_SINCE
    assert len(files - ADDED_SINCE) < BEFORE - 5, sorted(files)
