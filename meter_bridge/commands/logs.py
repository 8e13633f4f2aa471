"""What the bridge logs: its own words at the level that was asked for, of libraries only what is wrong."""

import logging
import sys
from typing import Final

FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
OURS: Final = "meter_bridge"
TALKATIVE: Final = ("apprise", "stripe", "urllib3")
"""Libraries whose messages repeat addresses with passwords, or what a provider answers.

What they failed to do, the bridge tells itself.
"""


def set_up(level: str) -> None:
    """Log to standard error."""
    logging.basicConfig(level=logging.WARNING, format=FORMAT, stream=sys.stderr)
    logging.getLogger(OURS).setLevel(level)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)
