"""A bridge moves from SQLite to PostgreSQL while meters report and people pay, and nothing is lost."""

import asyncio
from pathlib import Path

import pytest

from meter_bridge.storage.location import written
from scripts.lib.demo.mosquitto import Mosquitto
from scripts.lib.demo.waiting import until
from tests import postgresql_server
from tests.e2e.test_bridge_killed import (
    SOON_S,
    UNITS,
    Payer,
    end_and_compare,
    first_register,
    killed_house,
)


@pytest.mark.postgresql
@pytest.mark.invariant(5)
@pytest.mark.invariant(8)
async def test_an_installation_moves_while_meters_report_and_people_pay(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    server = postgresql_server.shared()
    server.execute("CREATE DATABASE new_home")
    async with killed_house(mosquitto, tmp_path) as (bridge, api, street):
        began = {account: await first_register(api, account) for account in UNITS}
        payers = [Payer(api, account) for account in UNITS]
        paying = [asyncio.create_task(payer.pay()) for payer in payers]
        bridge.environment["NEW_HOME"] = written(server.url("new_home"))
        source = str(bridge.data / "bridge.db")
        assert "The bridge is still running" in await bridge.run("migrate", source, "env:NEW_HOME")
        await bridge.stop()
        assert "books correct" in await bridge.run("migrate", source, "env:NEW_HOME")
        bridge.environment["PREPAID_METER_DATABASE"] = bridge.environment["NEW_HOME"]
        await bridge.start()
        before = [len(payer.acknowledged) for payer in payers]

        async def all_paid_again() -> bool:
            return all(len(payer.acknowledged) > n + 3 for payer, n in zip(payers, before, strict=True))

        await until("everybody pays on", all_paid_again, SOON_S)
        await end_and_compare(bridge, api, street, payers, paying, began)
    server.execute("DROP DATABASE new_home WITH (FORCE)")
