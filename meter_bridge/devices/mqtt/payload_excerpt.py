"""A payload as people may see it: short, and without what may be a secret."""

import re
from typing import Final

import msgspec

from meter_bridge.devices.mqtt.json_path import Json

LENGTH: Final = 300
MAX_DEPTH: Final = 8
HIDDEN: Final = "…"
_SECRET: Final = re.compile(r"pass|secret|token|key|psk|ssid|auth|credential", re.IGNORECASE)


def excerpt(payload: bytes, length: int = LENGTH) -> str:
    """Return the beginning of a payload on one line; members whose names suggest a secret are hidden."""
    try:
        text = msgspec.json.encode(_without_secrets(msgspec.json.decode(payload), 0)).decode()
    except msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError:
        text = payload[:length].decode(errors="replace")
        if _SECRET.search(text):
            return HIDDEN
    line = "".join(letter if letter.isprintable() else " " for letter in text[: 2 * length])
    return line if len(line) <= length else line[: length - 1] + HIDDEN


def _without_secrets(document: Json, depth: int) -> Json:
    if depth > MAX_DEPTH:
        return HIDDEN
    if isinstance(document, dict):
        return {
            name: HIDDEN if _SECRET.search(str(name)) else _without_secrets(each, depth + 1)
            for name, each in document.items()
        }
    if isinstance(document, list):
        return [_without_secrets(each, depth + 1) for each in document[:20]]
    return document
