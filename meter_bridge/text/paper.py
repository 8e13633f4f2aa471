"""Which languages can be printed: the font of the layouts has no Chinese letters, the machine may have."""

from functools import cache
import re
from typing import Final

from meter_bridge.text.catalogue import ENGLISH, supported

CHINESE: Final = "zh"
_CHINESE_FONTS: Final = re.compile(
    r"\b(CJK|Source Han|WenQuanYi|SimSun|SimHei|YaHei|PingFang|Heiti|Songti|FandolSong|Droid Sans Fallback)\b"
)


def printable(language: str) -> str:
    """Return a language that can be printed: the one wanted, or English."""
    known = supported(language)
    return ENGLISH if known == CHINESE and not _has_chinese() else known


@cache
def _has_chinese() -> bool:
    from typst import Fonts  # noqa: PLC0415 - typesetting is seldom needed where this module is

    return any(_CHINESE_FONTS.search(name) for name in Fonts().families())
