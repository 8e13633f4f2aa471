"""A webhook is heard only if one of the secrets signed these bytes within five minutes of now, either way."""

from hypothesis import given, strategies as st
import pytest
import stripe

from meter_bridge.payments.providers.provider import WrongSignatureError
from meter_bridge.payments.providers.signature import TOLERANCE_S, sign, verify

NOW = 1_790_000_000
OLD, NEW = "old secret of the till", "new secret of the till"
BODY = b'{"id":"1","amount":"50.00"}'


def test_a_signature_of_any_secret_in_use_holds() -> None:
    for secret in (OLD, NEW):
        verify((OLD, NEW), sign(secret, BODY, NOW), BODY, NOW)


def test_several_signatures_may_be_sent_while_a_secret_is_changed() -> None:
    both = sign(OLD, BODY, NOW) + "," + sign(NEW, BODY, NOW).split(",")[1]
    verify((NEW,), both, BODY, NOW)
    verify((OLD,), both, BODY, NOW)


@pytest.mark.parametrize("skew", [TOLERANCE_S + 1, -TOLERANCE_S - 1, 86_400, -86_400])
def test_a_time_that_is_too_far_off_is_refused_both_ways(skew: int) -> None:
    verify((OLD,), sign(OLD, BODY, NOW + (TOLERANCE_S if skew > 0 else -TOLERANCE_S)), BODY, NOW)
    with pytest.raises(WrongSignatureError, match=r"\d+ s (ago|in the future)"):
        verify((OLD,), sign(OLD, BODY, NOW + skew), BODY, NOW)


@given(at=st.integers(0, len(BODY) - 1), bit=st.integers(0, 7))
def test_one_changed_bit_of_the_body_is_refused(at: int, bit: int) -> None:
    changed = bytearray(BODY)
    changed[at] ^= 1 << bit
    with pytest.raises(WrongSignatureError):
        verify((OLD, NEW), sign(OLD, BODY, NOW), bytes(changed), NOW)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "v1=" + "0" * 64,
        f"t={NOW}",
        f"t={NOW},v1=short",
        f"t={NOW},t={NOW},v1={'0' * 64}",
        f"t=-1,v1={'0' * 64}",
        f"t={NOW}," + ",".join(["v1=" + "0" * 64] * 11),
        f"t={NOW},v0={'0' * 64}",
        "t=1e9,v1=" + "0" * 64,
        f"t={NOW},v1={'é' * 64}",
    ],
)
def test_what_is_no_signature_is_refused(header: str | None) -> None:
    with pytest.raises(WrongSignatureError):
        verify((OLD,), header, BODY, NOW)


def test_it_is_the_scheme_of_stripe_s_own_library() -> None:
    stripe.WebhookSignature.verify_header(BODY.decode(), sign(OLD, BODY, NOW), OLD)
