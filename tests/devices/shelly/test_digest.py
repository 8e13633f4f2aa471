from hashlib import sha256
import json

import msgspec
import pytest

from meter_bridge.devices.shelly.digest import answer, expected_response, read_challenge


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("nc", [1, "1"])
def test_the_answer_is_the_digest_that_the_manual_describes(nc: int | str) -> None:
    message = json.dumps(
        {"auth_type": "digest", "nonce": 1725185413, "nc": nc, "realm": "plug", "algorithm": "SHA-256"}
    )
    told = answer(read_challenge(message), "secret", 42)
    who, what = digest("admin:plug:secret"), digest("dummy_method:dummy_uri")
    assert told.response == digest(f"{who}:1725185413:1:42:auth:{what}")
    assert (told.realm, told.username, told.nonce, told.cnonce, told.nc) == (
        "plug",
        "admin",
        1725185413,
        42,
        nc,
    )


def test_another_password_gives_another_answer() -> None:
    challenge = read_challenge('{"nonce":1,"realm":"plug"}')
    assert expected_response(challenge, "a", 1) != expected_response(challenge, "b", 1)


def test_what_is_no_challenge_is_refused() -> None:
    with pytest.raises(msgspec.MsgspecError):
        read_challenge("Unauthorized")
