"""Names of the family."""

from typing import Final

NAME: Final = "mqtt"
"""In addresses."""
TITLE: Final = "MQTT"
"""For people."""
MODELS: Final = "models"
"""Key of the setting: models besides those that come with the bridge."""
