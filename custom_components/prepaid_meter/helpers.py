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
from .const import DOMAIN

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
        ErrorCode.EMERGENCY_CREDIT_NOT_AVAILABLE,
        ErrorCode.STORAGE_UNAVAILABLE,
        ErrorCode.TOO_MANY_REQUESTS,
        ErrorCode.VOUCHER_BLOCKED,
        ErrorCode.VOUCHER_EXPIRED,
        ErrorCode.VOUCHER_NOT_VALID,
        ErrorCode.VOUCHER_USED,
    }
)
"""Refusals that have a translated message; all others show the bridge's own message."""


def error_key(error: PrepaidMeterError) -> str:
    """Return the translation key of an error."""
    return next((key for kind, key in _ERROR_KEYS if isinstance(error, kind)), "unknown")


@contextmanager
def translated_errors() -> Generator[None]:
    """Re-raise refusals of the bridge and connection errors as Home Assistant's exceptions."""
    try:
        yield
    except (NotAuthenticatedError, NotAllowedError, NotSupportedError) as error:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key=error_key(error)) from error
    except RequestRefusedError as error:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key=error.code.value if error.code in _TRANSLATED_CODES else "refused",
            translation_placeholders={"reason": str(error)},
        ) from error
    except PrepaidMeterError as error:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key=error_key(error),
            translation_placeholders={"error": str(error)},
        ) from error
