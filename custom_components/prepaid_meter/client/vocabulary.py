"""States and kinds that the rules and the wire have in common.

The core decides in these words, the API and its clients show them. This file imports only the standard
library, so that the core may use it and a client can include a byte-identical copy.

``UNKNOWN`` is how a client reads a value that is newer than the client.
"""

from enum import StrEnum


class SupplyState(StrEnum):
    """State of a supply, as in GB SMETS2 and DLMS; an armed supply may be reconnected by the customer."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    ARMED = "armed"
    UNKNOWN = "unknown"


class SupplyReason(StrEnum):
    """Why the supply is in its state."""

    IN_CREDIT = "in_credit"
    CREDIT_EXHAUSTED = "credit_exhausted"
    AWAITING_CONFIRMATION = "awaiting_confirmation"
    BELOW_RESTORE_MINIMUM = "below_restore_minimum"
    FRIENDLY_HOURS = "friendly_hours"
    FRIENDLY_GRACE = "friendly_grace"
    NEVER_CUT = "never_cut"
    CREDIT_MODE = "credit_mode"
    LANDLORD_OFF = "landlord_off"
    LANDLORD_ON = "landlord_on"
    CLOCK_UNSURE = "clock_unsure"
    PROTECTION = "protection"
    LOAD_LIMITED = "load_limited"
    LOAD_LIMIT_EXCEEDED = "load_limit_exceeded"
    WEAR_LIMIT = "wear_limit"
    UNKNOWN = "unknown"


class HoldPosition(StrEnum):
    """The position in which a hold keeps a supply."""

    OFF = "off"
    ON = "on"
    UNKNOWN = "unknown"


class RelayPosition(StrEnum):
    """Position of a relay's contact."""

    OPEN = "open"
    CLOSED = "closed"


class RelayProof(StrEnum):
    """To what extent a requested relay position is confirmed.

    ``pending``: no report yet; ``reported``: the device reports the position; ``confirmed``: a reading newer
    than the command confirms it; ``no_load``: the device reports it, and there is no load to verify it;
    ``no_answer``: it was proven until its device went away; ``disobeys``: the relay is in the other position.
    """

    PENDING = "pending"
    REPORTED = "reported"
    CONFIRMED = "confirmed"
    NO_LOAD = "no_load"
    NO_ANSWER = "no_answer"
    DISOBEYS = "disobeys"
    UNKNOWN = "unknown"


class AlertKind(StrEnum):
    """Kinds of alerts."""

    LOW_CREDIT = "low_credit"
    EMERGENCY_CREDIT_AVAILABLE = "emergency_credit_available"
    EMERGENCY_CREDIT_IN_USE = "emergency_credit_in_use"
    EMERGENCY_CREDIT_EXHAUSTED = "emergency_credit_exhausted"
    SUPPLY_CUT = "supply_cut"
    SUPPLY_ARMED = "supply_armed"
    CUT_SOON = "cut_soon"
    LOAD_LIMITED = "load_limited"
    PROTECTION_TRIPPED = "protection_tripped"
    METER_OFFLINE = "meter_offline"
    RELAY_DISOBEYS = "relay_disobeys"
    TAMPER = "tamper"
    REGISTER_QUARANTINED = "register_quarantined"
    REGISTER_DISAGREES = "register_disagrees"
    LOCAL_CUT_OFF = "local_cut_off"
    OVER_VOLTAGE = "over_voltage"
    UNDER_VOLTAGE = "under_voltage"
    OVERLOAD = "overload"
    POWER_OUTAGE = "power_outage"
    BROKER_LOST = "broker_lost"
    CLOCK_WRONG = "clock_wrong"
    STORAGE_FAILING = "storage_failing"
    VOUCHER_GUESSING = "voucher_guessing"
    PAYMENT_WAITING = "payment_waiting"
    DAYS_LEFT = "days_left"
    UNUSUAL_CONSUMPTION = "unusual_consumption"
    NO_CONSUMPTION = "no_consumption"
    ENERGY_UNACCOUNTED = "energy_unaccounted"
    LEDGER_AUDIT = "ledger_audit"
    SETTINGS_WRONG = "settings_wrong"
    NOTICES_FAILING = "notices_failing"
    MAINTENANCE_FAILING = "maintenance_failing"
    UNKNOWN = "unknown"


class EmergencyCreditState(StrEnum):
    """State of emergency credit, as in GB SMETS2 and DLMS.

    ``unsupported``: not offered; ``unavailable``: there is enough credit; ``available``: the customer may
    select it; ``selected``: it is used once the balance is used up; ``in_use``: it is being used;
    ``exhausted``: it is used up.
    """

    UNSUPPORTED = "unsupported"
    UNAVAILABLE = "unavailable"
    AVAILABLE = "available"
    SELECTED = "selected"
    IN_USE = "in_use"
    EXHAUSTED = "exhausted"
    UNKNOWN = "unknown"
