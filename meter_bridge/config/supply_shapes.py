"""Readers of what happens to a supply: protections, and what follows when credit is used up."""

from typing import Final, TypedDict

from voluptuous import Optional, Schema

from meter_bridge.config import quantities, scalars
from meter_bridge.config.scalars import Reader, Wrong, reader
from meter_bridge.core.supply.protection import MOST_RESETS, Protections, Rule
from meter_bridge.core.supply.switching_limit import MOST_SWITCHINGS

MOST_DAYS_LEFT: Final = 30
CUT: Final = "cut"
LOAD_LIMIT: Final = "load limit"
MANUAL: Final = "manual"
AUTOMATIC: Final = "automatic after"
LOAD_RULE: Final = Rule(delay_ms=30_000, reset_after_ms=120_000)
"""How a load limit behaves where nothing else is written."""

RuleDraft = TypedDict(
    "RuleDraft", {"delay": int | None, "reset": int | None, "resets per hour": int}, total=False
)
ProtectDraft = TypedDict(
    "ProtectDraft", {"over voltage": Rule, "under voltage": Rule, "overload": Rule}, total=False
)
LoadDraft = TypedDict(
    "LoadDraft", {"delay": int | None, "reconnect after": int, "attempts per hour": int}, total=False
)


def whole(least: int, most: int) -> Reader[int]:
    """Return a reader of a whole number."""

    def parse(value: str) -> int:
        if not value.isascii() or not value.isdigit() or not least <= int(value[:9]) <= most:
            raise Wrong(f"{value!r} is not a whole number from {least} to {most}", "write it like 3")
        return int(value)

    return reader(parse)


@reader
def reset(value: str) -> int | None:
    """Read how a protection comes back; returns the seconds after which by itself, or None for by hand."""
    words = " ".join(value.split())
    if words == MANUAL:
        return None
    if words.startswith(AUTOMATIC):
        return quantities.duration(words.removeprefix(AUTOMATIC).strip())
    raise Wrong(f"{value!r} is no way to reset", "write automatic after 5 min, or manual")


@reader
def when_exhausted(value: str) -> int | None:
    """Read what follows when credit is used up; returns the load limit in mW, or None for a cut."""
    words = " ".join(value.split())
    if words == CUT:
        return None
    if words.startswith(LOAD_LIMIT):
        return quantities.load(words.removeprefix(LOAD_LIMIT).strip())
    raise Wrong(f"{value!r} is neither a cut nor a load limit", "write cut, or load limit 500 W")


def protection_rule(value: object) -> Rule:
    """Read when a protection trips and how it resets."""
    draft: RuleDraft = _RULE(value)
    standard = Rule()
    after = draft.get("reset", (standard.reset_after_ms or 0) // 1000)
    return Rule(
        delay_ms=(draft.get("delay", standard.delay_ms // 1000) or 0) * 1000,
        reset_after_ms=None if after is None else after * 1000,
        resets_per_hour=draft.get("resets per hour", standard.resets_per_hour),
    )


def protect(value: object) -> Protections:
    """Read the protections of a supply."""
    draft: ProtectDraft = _PROTECT(value)
    return Protections(draft.get("over voltage"), draft.get("under voltage"), draft.get("overload"))


def load_rule(value: object) -> Rule:
    """Read how long a load above its limit is borne, and how often supply comes back."""
    draft: LoadDraft = _LOAD(value)
    return Rule(
        delay_ms=(draft.get("delay", LOAD_RULE.delay_ms // 1000) or 0) * 1000,
        reset_after_ms=draft.get("reconnect after", (LOAD_RULE.reset_after_ms or 0) // 1000) * 1000,
        resets_per_hour=draft.get("attempts per hour", LOAD_RULE.resets_per_hour),
    )


days_left: Final = scalars.optional(whole(1, MOST_DAYS_LEFT))
switchings_per_day: Final = scalars.optional(whole(1, MOST_SWITCHINGS))

_RULE: Final = Schema(
    {
        Optional("delay"): scalars.optional(quantities.duration),
        Optional("reset"): reset,
        Optional("resets per hour"): whole(0, MOST_RESETS),
    }
)
_PROTECT: Final = Schema(
    {
        Optional("over voltage"): protection_rule,
        Optional("under voltage"): protection_rule,
        Optional("overload"): protection_rule,
    }
)
_LOAD: Final = Schema(
    {
        Optional("delay"): scalars.optional(quantities.duration),
        Optional("reconnect after"): quantities.duration,
        Optional("attempts per hour"): whole(0, MOST_RESETS),
    }
)
