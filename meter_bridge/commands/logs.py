"""What the bridge logs: its own words at the level that was asked for, of libraries only what is wrong."""

import logging
import sys
from typing import Final, override

from meter_bridge.commands.output import plain

FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
OURS: Final = "meter_bridge"
TALKATIVE: Final = ("apprise", "stripe", "urllib3")
"""Libraries whose messages repeat addresses with passwords, or what a provider answers.

What they failed to do, the bridge tells itself.
"""


class OneLine(logging.Formatter):
    """Keeps a message on its line, so that nothing in a topic or a name of outsiders can forge another."""

    @override
    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = plain(record.message)
        return super().formatMessage(record)


def set_up(level: str) -> None:
    """Log to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine(FORMAT))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger(OURS).setLevel(level)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)
