"""Translates errors of the bridge into Home Assistant's exceptions."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from .client import (
    BridgeTooNewError,
    BridgeTooOldError,
    CannotConnectError,
    NotAllowedError,
    NotAuthenticatedError,
    NotSupportedError,
    PrepaidMeterError,
    RequestRefusedError,
    WrongInstallationError,
)
from .client.protocol import ErrorCode
from .const import DOMAIN, LOGGER

_ERROR_KEYS: Final[tuple[tuple[type[PrepaidMeterError], str], ...]] = (
    (NotAuthenticatedError, "invalid_auth"),
    (NotAllowedError, "not_allowed"),
    (NotSupportedError, "not_supported"),
    (BridgeTooOldError, "bridge_too_old"),
    (BridgeTooNewError, "bridge_too_new"),
    (WrongInstallationError, "wrong_bridge"),
    (CannotConnectError, "cannot_connect"),
)


_TRANSLATED_CODES: Final = frozenset(
    {
        ErrorCode.AMOUNT_OUT_OF_RANGE,
        ErrorCode.BOOKS_WRONG,
        ErrorCode.CONFIRMATION_NEEDED,
        ErrorCode.CONFLICT,
        ErrorCode.EMERGENCY_CREDIT_NOT_AVAILABLE,
        ErrorCode.INTERNAL,
        ErrorCode.NOT_FOUND,
        ErrorCode.STORAGE_UNAVAILABLE,
        ErrorCode.TOO_MANY_REQUESTS,
        ErrorCode.VOUCHER_BLOCKED,
        ErrorCode.VOUCHER_EXPIRED,
        ErrorCode.VOUCHER_NOT_VALID,
        ErrorCode.VOUCHER_USED,
    }
)
"""Refusals with a message of their own. The bridge's words are English: they are logged, and not shown."""


def error_key(error: PrepaidMeterError, otherwise: str = "unknown") -> str:
    """Return the translation key of an error."""
    return next((key for kind, key in _ERROR_KEYS if isinstance(error, kind)), otherwise)


@contextmanager
def translated_errors() -> Generator[None]:
    """Log refusals and connection errors, and re-raise them as Home Assistant's translated exceptions."""
    try:
        yield
    except RequestRefusedError as error:
        LOGGER.warning("The bridge refused: %s", error)
        key = error_key(error, error.code.value if error.code in _TRANSLATED_CODES else "refused")
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key=key) from error
    except PrepaidMeterError as error:
        LOGGER.warning("The request to the bridge failed: %s", error)
        raise HomeAssistantError(translation_domain=DOMAIN, translation_key=error_key(error)) from error
