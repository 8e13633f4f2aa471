"""Near depletion the bridge asks the meter more often."""

from meter_bridge.engine.attention import Attention
from tests.engine.harness import HOUR, House


async def used_up_to(flat: House, wh: int, power_w: int) -> Attention:
    """Bring the flat's 50 kWh of credit down, then keep a load and return what watches it."""
    await flat.read(0)
    await flat.read(wh - 100, after=10 * HOUR)
    await flat.read(wh - 50, after=10_000, power_w=power_w)
    await flat.read(wh, after=10_000, power_w=power_w)
    return Attention(flat.transport)


async def test_a_meter_whose_credit_ends_soon_is_asked_every_few_seconds(flat: House) -> None:
    attention = await used_up_to(flat, 47_450, power_w=3_000)
    for _ in range(20):
        flat.time.forward(1_000)
        attention.tick(flat.engine.installation, flat.engine.clock.now())
    assert flat.transport.queried == ["flat-1/main"] * 4


async def test_a_meter_with_credit_for_long_is_left_alone(flat: House) -> None:
    attention = await used_up_to(flat, 20_000, power_w=3_000)
    for _ in range(20):
        flat.time.forward(1_000)
        attention.tick(flat.engine.installation, flat.engine.clock.now())
    assert flat.transport.queried == []


async def test_a_meter_that_reports_often_enough_is_not_asked(flat: House) -> None:
    attention = await used_up_to(flat, 47_450, power_w=3_000)
    for step in range(10):
        await flat.read(47_450 + step // 5, after=2_000, power_w=3_000)
        attention.tick(flat.engine.installation, flat.engine.clock.now())
    assert flat.transport.queried == []
