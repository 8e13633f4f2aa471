"""The connection to the MQTT broker."""

from typing import Final

DEFAULT_EMBEDDED_PORT: Final = 18830
"""Port of the embedded broker where none is set."""
