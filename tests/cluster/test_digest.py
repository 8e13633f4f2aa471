"""A day is summed up once for each person, whichever bridges share the sites."""

from pathlib import Path

import pytest
from sqlalchemy import select, update

from meter_bridge.notify.people import FILE_NAME
from meter_bridge.protocol.messages import SupplyAction
from meter_bridge.storage import tables
from meter_bridge.storage.database import open_writer
from meter_bridge.storage.shards import Shard
from tests.engine.harness import LANDLORD
from tests.engine.test_shards import Owner, Street, divided
from tests.notify.channels import Hook, hook

__all__ = ("divided",)
MINUTE = 60_000


def write_people(data: Path, receiver: Hook) -> None:
    """Let one person look after everything and another after the site of the second shard."""
    text = "people:\n"
    for name, sites in (("anna", ""), ("bo", "    sites: [south]\n")):
        text += f"  {name}:\n    channels: [{receiver.channel!r}]\n    about: [tamper]\n    digest: 12:05\n"
        text += sites
    (data / FILE_NAME).write_text(text)
    (data / FILE_NAME).chmod(0o600)


async def told(*owners: Owner) -> None:
    """Let each bridge make and send what is due."""
    for _ in range(2):
        for owner in owners:
            await owner.bridge.notices.tick()
            await owner.bridge.notices.stop()


@pytest.mark.both_databases
async def test_the_first_bridge_sums_up_the_units_of_all(divided: Street) -> None:
    async with hook() as receiver:
        write_people(divided.data, receiver)
        async with divided.owner(Shard(0, 2)) as first, divided.owner(Shard(1, 2)) as second:
            await told(second, first)
            await first.bridge.top_up(LANDLORD, "n1", amount="2.50", method="cash", reference=None, key="one")
            await second.bridge.top_up(
                LANDLORD, "s1", amount="1.25", method="cash", reference=None, key="one"
            )
            await second.bridge.set_supply(LANDLORD, "s1", SupplyAction.OFF, reason="test")
            divided.time.forward(7 * MINUTE)
            await told(second, first)
            await told(first, second)
    messages = [each["message"] for each in receiver.heard]
    assert len(messages) == 2
    assert sorted("ZAR 3.75" in message for message in messages) == [False, True]
    assert sorted("ZAR 1.25" in message for message in messages) == [False, True]
    assert all("Units without power: 1" in message for message in messages)


@pytest.mark.parametrize("which", [0, 1])
async def test_a_message_that_waits_goes_with_its_account_to_another_shard(
    divided: Street, which: int
) -> None:
    async with hook() as receiver:
        write_people(divided.data, receiver)
        notice, row = tables.notice, {"sent": "[]", "attempts": 0, "made_at": 1, "next_at": 1}
        row |= {"id": "1:anna", "event_seq": 1, "recipient": "anna", "topic": "tamper", "title": "T"}
        row |= {"body": "B", "account_id": "s1"}
        with open_writer(divided.location).begin() as connection:
            connection.execute(notice.insert(), [row])
        async with divided.owner(Shard(which, 2)) as owner:
            await told(owner)
        assert len(receiver.heard) == which
    with open_writer(divided.location).begin() as connection:
        ended = connection.execute(select(notice.c.outcome)).scalar()
        connection.execute(update(notice).values(ended_at=1))
    assert ended == ("sent" if which else None)
