"""The one way in which a request is refused, whoever asks."""

from typing import Final

from meter_bridge.protocol.messages import (
    ErrorCode,
    ProblemDetail,
)


class RequestRefused(Exception):  # noqa: N818 - not a fault of the program but an answer
    """A request that the bridge does not carry out; nothing of it was done."""

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        field: str | None = None,
        value: str | None = None,
        remedy: str | None = None,
        problems: tuple[ProblemDetail, ...] | None = None,
    ) -> None:
        """Keep the stable code, the place, the value and the remedy; of several problems all of them."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
        self.value = value
        self.remedy = remedy
        self.problems = problems


ACCOUNTS: Final = "'meter-bridge accounts' lists those that there are"
"""What to do where an account is not there."""


def check_text(field: str, text: str, length: int) -> None:
    """Refuse a text that is too long or that no database can keep (half of a surrogate pair, a zero)."""
    whole = "\0" not in text and (text.isascii() or text.encode(errors="ignore").decode() == text)
    if len(text) > length or not whole:
        raise RequestRefused(
            ErrorCode.BAD_REQUEST,
            f"{field} is longer than {length} characters or not Unicode",
            field=field,
            value=ascii(text[:40]),
            remedy="shorten it, and write it in whole characters",
        )
