"""Every action of the integration, in a real Home Assistant with a real bridge."""

import csv
from decimal import Decimal
from pathlib import Path

import pytest
import pytest_asyncio

from scripts.lib.demo.bridge import BridgeApi, BridgeProcess
from scripts.lib.demo.homeassistant import HomeAssistant, Json, RefusedError
from scripts.lib.demo.waiting import until

SOON_S = 40.0
ACCOUNT = {"entity_id": "sensor.calm_balance"}


async def act(home: HomeAssistant, name: str, **data: object) -> Json:
    return await home.action(f"prepaid_meter.{name}", {**ACCOUNT, **data}, answer=True)


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def there(home: HomeAssistant) -> None:
    async def known() -> bool | None:
        return (await home.state("sensor.calm_balance")) not in {None, "unknown", "unavailable"} or None

    await until("the account is there", known, SOON_S)


async def test_the_status_equals_that_of_the_bridge(home: HomeAssistant, api: BridgeApi) -> None:
    response, account = await act(home, "account_status"), await api.account("calm")
    assert (response["account"], response["currency"]) == (account.name, "ZAR")
    assert abs(Decimal(response["balance"]) - Decimal(account.available).scaleb(-6)) < Decimal("0.05")
    assert response["supply"]["state"] == "connected"


async def test_a_voucher_is_redeemed_once(
    home: HomeAssistant, bridge: BridgeProcess, api: BridgeApi, tmp_path: Path
) -> None:
    sheet = tmp_path / "vouchers.csv"
    await bridge.run("voucher", "create", "--count", "1", "--amount", "7.00", "--csv", str(sheet))
    with sheet.open(encoding="utf-8", newline="") as file:
        code = next(csv.DictReader(file))["code"]
    response = await act(home, "redeem_voucher", code=code)
    assert (response["amount"], response["split"]) == ("7.00", {"balance": "7.00"})
    newest = (await api.account("calm")).last_top_up
    assert newest is not None
    assert newest.id == response["id"]
    with pytest.raises(RefusedError) as refused:
        await act(home, "redeem_voucher", code=code)
    assert refused.value.status == 400
    assert "already been redeemed" in refused.value.body
    with pytest.raises(RefusedError):
        await act(home, "redeem_voucher", code="1234 5678 9012 3456 7890")


async def test_a_statement_leads_from_the_opening_to_the_closing_balance(home: HomeAssistant) -> None:
    response = await act(home, "statement", detail="day")
    assert response["currency"] == "ZAR"
    moved = Decimal(response["closing"]) - Decimal(response["opening"])
    assert moved == Decimal(response["credits"]) - Decimal(response["charges"])


async def test_the_current_tariff_equals_that_of_the_entities(home: HomeAssistant) -> None:
    response = await act(home, "tariff_now")
    assert Decimal(response["price_per_kwh"]) == Decimal(str(await home.state("sensor.calm_price")))


async def test_thresholds_are_set_and_restored(home: HomeAssistant, api: BridgeApi) -> None:
    before = (await api.account("calm")).low_credit_thresholds
    response = await act(home, "set_thresholds", thresholds=["3.50", "1"])
    assert response["thresholds"] == ["3.50", "1.00"]
    assert (await api.account("calm")).low_credit_thresholds == (3_500_000, 1_000_000)
    back = [f"{Decimal(each).scaleb(-6):f}" for each in before]
    await act(home, "set_thresholds", thresholds=back)
    assert (await api.account("calm")).low_credit_thresholds == before
