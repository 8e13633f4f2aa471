"""Names of the family."""

from typing import Final

NAME: Final = "homewizard"
"""In addresses."""
TITLE: Final = "HomeWizard"
"""For people."""
SOCKET: Final = "1"
"""Channel of an Energy Socket, the only device with a relay."""
KWH_METER: Final = "kwh"
P1_METER: Final = "p1"
"""Channels of a kWh meter, and of a P1 meter that reads the grid operator's."""
