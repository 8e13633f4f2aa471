"""The rule by which a Tasmota device opens its own relay.

Source: Tasmota documentation, *Rules* and *Commands*; firmware file ``xdrv_10_rules.ino``. A rule set is
kept in flash, with whether it is enabled, and acts without a broker or a network. With its *once* flag it
acts when its condition comes true and not again while it stays true; any command to the rule set clears that
memory, so the second rule of the set makes the first act again when somebody closes the relay by hand.
"""

from dataclasses import dataclass
import re
from typing import Final

from meter_bridge.core.supply.local_cutoff import SlotState
from meter_bridge.devices.tasmota.payloads import RuleSet

WH_PER_KWH: Final = 1000
_OWN_RULE: Final = re.compile(
    r"ON Energy#Total>(\d{1,9})\.(\d{3}) DO Power(\d) 0 ENDON ON Power(\d)#State=1 DO Rule(\d) 5 ENDON",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ParsedRule:
    """What a rule set is to the bridge."""

    held: SlotState
    limit_wh: int | None = None
    relay: int | None = None


def write_rule(slot: int, relay: str, limit_wh: int) -> str:
    """Return the rules that open a relay once the register is above a value."""
    kwh = f"{limit_wh // WH_PER_KWH}.{limit_wh % WH_PER_KWH:03d}"
    return f"ON Energy#Total>{kwh} DO Power{relay} 0 ENDON ON Power{relay}#State=1 DO Rule{slot} 5 ENDON"


def read_rule_set(slot: int, rule_set: RuleSet, on_word: str) -> ParsedRule:
    """Return what a rule set holds: nothing, a cut-off of the bridge, or somebody else's rules."""
    text = rule_set.rules.strip()
    if not text:
        return ParsedRule(SlotState.ABSENT)
    ours = _OWN_RULE.fullmatch(text)
    if ours is None or ours[3] != ours[4] or int(ours[5]) != slot:
        return ParsedRule(SlotState.FOREIGN)
    on = {on_word, "ON"}
    armed = rule_set.state in on and rule_set.once in on
    return ParsedRule(
        SlotState.ARMED if armed else SlotState.UNARMED,
        int(ours[1]) * WH_PER_KWH + int(ours[2]),
        int(ours[3]),
    )
