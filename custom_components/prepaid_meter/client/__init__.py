"""Client of the bridge's API: one connection, typed messages, one tree of errors.

Nothing here imports Home Assistant, so the package also serves scripts and the bridge's own tests.
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
