"""Names of the family."""

from typing import Final

NAME: Final = "tasmota"
"""In addresses."""
TITLE: Final = "Tasmota"
"""For people."""
