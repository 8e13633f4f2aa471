"""Prepaid electricity bridge: meters in, money kept exactly, supply switched."""

from typing import Final

VERSION: Final = "0.1.0"
