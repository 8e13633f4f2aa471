"""Ports of MQTT brokers."""

from typing import Final

DEFAULT_EMBEDDED_PORT: Final = 18830
"""Port of the embedded broker where none is set."""
