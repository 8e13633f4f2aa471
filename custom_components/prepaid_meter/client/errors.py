"""Errors of the client."""

from typing import override

from .protocol import ErrorCode, Problem


class PrepaidMeterError(Exception):
    """Base class of the client's errors."""


class CannotConnectError(PrepaidMeterError):
    """The bridge could not be reached, or the connection broke."""


class ConnectionTimeoutError(CannotConnectError):
    """The bridge did not answer in time."""


class ProtocolError(PrepaidMeterError):
    """The bridge sent something that does not follow the protocol."""


class VersionError(PrepaidMeterError):
    """Bridge and client share no schema version."""

    def __init__(self, version: str) -> None:
        """Store the bridge's version for messages to the user."""
        super().__init__(f"bridge {version} shares no schema version with this client")
        self.version = version


class BridgeTooOldError(VersionError):
    """The bridge supports only older schemas; the bridge must be updated."""


class BridgeTooNewError(VersionError):
    """The bridge supports only newer schemas; the client must be updated."""


class WrongInstallationError(PrepaidMeterError):
    """A different bridge answers at this address."""


class RequestRefusedError(PrepaidMeterError):
    """The bridge understood the request and refused it."""

    def __init__(self, problem: Problem) -> None:
        """Store the bridge's explanation of the refusal."""
        super().__init__(problem.message)
        self.code: ErrorCode = problem.code
        self.message = problem.message
        self.field = problem.field
        self.value = problem.value
        self.remedy = problem.remedy

    @override
    def __str__(self) -> str:
        """Return the message with its remedy."""
        return f"{self.message} {self.remedy}" if self.remedy else self.message


class NotAuthenticatedError(RequestRefusedError):
    """The bridge does not accept the token, or no longer does."""


class NotAllowedError(RequestRefusedError):
    """The token is valid but lacks the permission."""


class NotSupportedError(RequestRefusedError):
    """The bridge does not have the requested feature: it is too old, or the feature is disabled."""


_ERROR_CLASSES: dict[ErrorCode, type[RequestRefusedError]] = {
    ErrorCode.NOT_AUTHENTICATED: NotAuthenticatedError,
    ErrorCode.NOT_ALLOWED: NotAllowedError,
    ErrorCode.NOT_SUPPORTED: NotSupportedError,
}


def refusal(problem: Problem) -> RequestRefusedError:
    """Return the error of the class that matches the problem's code."""
    # A missing object is named in ``field``; without it the route itself is missing, as on an older bridge.
    if problem.code is ErrorCode.NOT_FOUND and problem.field is None:
        return NotSupportedError(problem)
    return _ERROR_CLASSES.get(problem.code, RequestRefusedError)(problem)
