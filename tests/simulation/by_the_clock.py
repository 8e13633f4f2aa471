"""Units with a price list by the clock: what they must have paid for energy, and when it was used."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Final

from meter_bridge.engine.engine import Engine
from meter_bridge.storage.sqlite import connect_read_only
from tests.simulation import tenancies
from tests.simulation.energy_trace import EnergyTrace
from tests.simulation.faults import Fault
from tests.simulation.machine import Machine
from tests.simulation.model import Truth
from tests.simulation.price_lists import Used

_USED: Final = (
    "SELECT start_ms, end_ms, wh FROM segment WHERE account_id = ? AND wh > 0 ORDER BY entry_seq, n"
)


def used_by(machine: Machine, unit: str) -> list[Used]:
    """Return the energy that was charged to a unit, in the order in which it was."""
    with closing(connect_read_only(machine.disk.database)) as connection:
        return [Used(*row) for row in connection.execute(_USED, (unit,)).fetchall()]


def balance(machine: Machine, truth: Truth, energy_wh: int, begin_ms: int, now_ms: int) -> int:
    """Return the balance that an account must have after the energy that was charged."""
    prices = truth.house.prices
    if truth.house.let:
        return tenancies.balance(machine, truth, begin_ms, now_ms)
    if prices is None:
        return truth.balance(energy_wh, begin_ms, now_ms)
    return truth.paid - prices.cost(used_by(machine, truth.house.id))


def differences(
    machine: Machine,
    engine: Engine,
    truths: Sequence[Truth],
    trace: EnergyTrace,
    faults: Sequence[Fault],
) -> Iterator[str]:
    """Yield energy that was charged for another time than that of its use."""
    now, followed = machine.clock.true(), {house.id for house in trace.followed(faults)}
    for truth in truths:
        house, prices = truth.house, truth.house.prices
        if prices is None:
            continue
        used = used_by(machine, house.id)
        charged = engine.session.installation.meters[house.meter_id].energy_wh or 0
        if (total := sum(each.wh for each in used)) != charged:
            yield f"{house.id}: {charged} Wh are charged, and {total} Wh of them are posted"
        for each in prices.mixed(used):
            yield f"{house.id}: {each} was charged at one price, and there are two at that time"
        if house.id not in followed:
            continue
        for change in prices.changes(truth.begun_ms, now):
            before = sum(each.wh for each in used if each.end_ms <= change)
            least, most = trace.used_before(house, change)
            if not least <= before <= most:
                yield (
                    f"{house.id}: {before} Wh were charged for the time before {change}, when another price"
                    f" began, but {least} to {most} Wh were used"
                )
