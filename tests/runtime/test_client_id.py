"""The bridge's id at the broker: the same in every bridge of an installation, and nobody else's to know."""

import pytest

from meter_bridge.devices.broker.url import CLIENT_ID_LENGTH
from meter_bridge.runtime.bridge import client_id_of

INSTALLATION = "0123456789abcdef0123456789abcdef"


def test_every_bridge_of_an_installation_has_the_same() -> None:
    assert client_id_of(INSTALLATION, 0, "secret") == client_id_of(INSTALLATION, 0, "secret")


@pytest.mark.parametrize(
    "installation,shard,password",
    [("other", 0, "secret"), (INSTALLATION, 1, "secret"), (INSTALLATION, 0, "x")],
)
def test_installations_shards_and_passwords_tell_them_apart(
    installation: str, shard: int, password: str
) -> None:
    assert client_id_of(installation, shard, password) != client_id_of(INSTALLATION, 0, "secret")


def test_what_is_public_does_not_lead_to_it() -> None:
    made = client_id_of(INSTALLATION, 0, "secret")
    assert INSTALLATION[:8] not in made
    assert "secret" not in made


def test_it_is_short_enough_and_a_broker_without_passwords_has_one_too() -> None:
    assert len(client_id_of(INSTALLATION, 65_535, None)) <= CLIENT_ID_LENGTH
