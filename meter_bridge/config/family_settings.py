"""Settings of meter families: which keys a family has it says itself, and what is wrong with their values."""

from collections.abc import Mapping
from typing import Final

from meter_bridge.config.node import Node
from meter_bridge.config.parts import SECRET_KEYS
from meter_bridge.config.problems import ProblemCode, shorten, suggest
from meter_bridge.devices.family import Family, Settings
from meter_bridge.devices.registry import families

_MAPPING: Final = "write them indented below, each as key: value"


def read_families(node: Node) -> Mapping[str, Settings]:
    """Return the settings of each family at a place, after reporting all that is wrong with them."""
    found: dict[str, Settings] = {}
    for each in node.every_key():
        family = families().get(each.name)
        settings = each.data
        if family is None:
            message = f"{shorten(each.name)!r} is no meter family"
            each.report(message, suggest(each.name, families()), key=True, code=ProblemCode.UNKNOWN_KEY)
        elif not isinstance(settings, dict):
            each.report("keys with values are expected here", _MAPPING)
        elif _are_valid(each, family, settings):
            found[family.name] = settings
    return found


def _are_valid(node: Node, family: Family, settings: Settings) -> bool:
    problems = len(node.problems)
    for key in node.every_key():
        if key.name in SECRET_KEYS:
            remedy = "leave it out; passwords of devices stand in environment variables"
            key.report(
                "secrets do not belong in a site file", remedy, key=True, code=ProblemCode.SECRET_IN_FILE
            )
        elif key.name not in family.settings:
            remedy = suggest(key.name, family.settings, "" if family.settings else "it has no settings")
            message = f"unknown key {shorten(key.name)!r}"
            key.report(message, remedy, key=True, code=ProblemCode.UNKNOWN_KEY)
    for mistake in family.check_settings({key: settings[key] for key in settings if key in family.settings}):
        node.at(*mistake.path).report(mistake.message, mistake.remedy, key=mistake.is_key)
    return len(node.problems) == problems
