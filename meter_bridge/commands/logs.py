"""Logging of the bridge: its own messages at the chosen level, libraries' only from warnings up."""

import logging
import sys
from typing import Final, override

from meter_bridge.commands.output import plain

FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
OURS: Final = "meter_bridge"
TALKATIVE: Final = ("apprise", "stripe", "urllib3")
"""Libraries that log passwords or providers' answers; the bridge itself logs their failures."""


class OneLine(logging.Formatter):
    """Keeps each message on one line, so that no topic or name can forge another entry."""

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
