"""Everything that can go wrong between a client and the bridge."""

from typing import override

from .protocol import ErrorCode, Problem


class PrepaidMeterError(Exception):
    """Anything that went wrong with the bridge."""


class CannotConnectError(PrepaidMeterError):
    """The bridge could not be reached, or the connection broke."""


class ConnectionTimeoutError(CannotConnectError):
    """The bridge did not answer in time."""


class ProtocolError(PrepaidMeterError):
    """The bridge sent something that is not its protocol."""


class VersionError(PrepaidMeterError):
    """Bridge and client share no schema version."""

    def __init__(self, version: str) -> None:
        """Keep the bridge's version for the message to the user."""
        super().__init__(f"bridge {version} shares no schema version with this client")
        self.version = version


class BridgeTooOldError(VersionError):
    """The bridge speaks only older schemas; the bridge must be updated."""


class BridgeTooNewError(VersionError):
    """The bridge speaks only newer schemas; the client must be updated."""


class WrongInstallationError(PrepaidMeterError):
    """Another bridge than the expected one answers at this address."""


class RequestRefusedError(PrepaidMeterError):
    """The bridge understood the request and refused it."""

    def __init__(self, problem: Problem) -> None:
        """Keep the bridge's own words about the refusal."""
        super().__init__(problem.message)
        self.code: ErrorCode = problem.code
        self.message = problem.message
        self.field = problem.field
        self.value = problem.value
        self.remedy = problem.remedy

    @override
    def __str__(self) -> str:
        """Return the message with its way out."""
        return f"{self.message} {self.remedy}" if self.remedy else self.message


class NotAuthenticatedError(RequestRefusedError):
    """The token is not, or no longer, known to the bridge."""


class NotAllowedError(RequestRefusedError):
    """The token is known but lacks the right."""


class NotSupportedError(RequestRefusedError):
    """The bridge does not have what was asked for: it is too old, or it is switched off there."""


_CLASSES: dict[ErrorCode, type[RequestRefusedError]] = {
    ErrorCode.NOT_AUTHENTICATED: NotAuthenticatedError,
    ErrorCode.NOT_ALLOWED: NotAllowedError,
    ErrorCode.NOT_SUPPORTED: NotSupportedError,
}


def refusal(problem: Problem) -> RequestRefusedError:
    """Return the error whose class fits the problem's code."""
    # What is not found has a name; without one it is the route itself, which an older bridge does not have.
    if problem.code is ErrorCode.NOT_FOUND and problem.field is None:
        return NotSupportedError(problem)
    return _CLASSES.get(problem.code, RequestRefusedError)(problem)
