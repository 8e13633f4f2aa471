"""Names of the family."""

from typing import Final

NAME: Final = "zigbee2mqtt"
"""In addresses."""
TITLE: Final = "Zigbee2MQTT"
"""For people."""
BASE: Final = "zigbee2mqtt"
"""The gateway's base topic where the site file names none."""
BASE_TOPICS: Final = "base topics"
"""Key of the setting."""
