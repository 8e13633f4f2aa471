"""Keys that make asking again the same as asking once."""

import re
from typing import Final

from meter_bridge.api.http.endpoint import Call
from meter_bridge.api.http.errors import displayable
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.protocol.patterns import KEY_HEADER

REPLAYED_HEADER: Final = "Idempotency-Replayed"
HEADERS: Final = {
    KEY_HEADER: "1 to 255 printable characters, generated before the request and kept until it is answered."
}
SEEN_BEFORE: Final = f"The key was used before: the first response again, with {REPLAYED_HEADER}: true."
_KEY: Final = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?")
_REMEDY: Final = (
    f"send one header {KEY_HEADER} of 1 to 255 printable ASCII characters, the same when asking again"
)


def idempotency_key(call: Call, what: str) -> str:
    """Return the one key of a request; ``what`` names what is asked, such as ``a top-up``."""
    keys = call.request.headers.getall(KEY_HEADER, [])
    if not keys:
        raise RequestRefused(
            ErrorCode.IDEMPOTENCY_KEY_MISSING,
            f"{what} wants the header {KEY_HEADER}, so that asking again does not do it again",
            field=KEY_HEADER,
            remedy=_REMEDY,
        )
    if len(keys) > 1 or not _KEY.fullmatch(keys[0]):
        raise RequestRefused(
            ErrorCode.BAD_REQUEST,
            f"the header {KEY_HEADER} is not as it should be",
            field=KEY_HEADER,
            value=displayable(keys[0]),
            remedy=_REMEDY,
        )
    return keys[0]
