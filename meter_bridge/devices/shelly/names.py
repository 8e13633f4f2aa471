"""Names of the family."""

from typing import Final

NAME: Final = "shelly"
"""In addresses."""
TITLE: Final = "Shelly"
"""For people."""
