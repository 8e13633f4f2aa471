"""Client for the bridge's API: a connection, typed messages, and one hierarchy of errors.

The package does not import Home Assistant, so scripts and the bridge's own tests use it as well.
"""

from .connection import BridgeAddress, BridgeConnection, QuarantineDecision
from .decode import from_dict
from .errors import (
    BridgeTooNewError,
    BridgeTooOldError,
    CannotConnectError,
    ConnectionTimeoutError,
    NotAllowedError,
    NotAuthenticatedError,
    NotSupportedError,
    PrepaidMeterError,
    ProtocolError,
    RequestRefusedError,
    VersionError,
    WrongInstallationError,
)
from .stream import BridgeStream, StreamHandler

__all__ = [
    "BridgeAddress",
    "BridgeConnection",
    "BridgeStream",
    "BridgeTooNewError",
    "BridgeTooOldError",
    "CannotConnectError",
    "ConnectionTimeoutError",
    "NotAllowedError",
    "NotAuthenticatedError",
    "NotSupportedError",
    "PrepaidMeterError",
    "ProtocolError",
    "QuarantineDecision",
    "RequestRefusedError",
    "StreamHandler",
    "VersionError",
    "WrongInstallationError",
    "from_dict",
]
