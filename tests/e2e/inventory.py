"""The integration's own lists, and what a Home Assistant has shown of them: nothing may be missing."""

from collections.abc import Iterable
import json
from pathlib import Path
from typing import Any, Final

import yaml

from scripts.lib.demo.homeassistant import DOMAIN, HomeAssistant, ask

COMPONENT: Final = Path(__file__).parents[2] / "custom_components" / DOMAIN
NOTHING: Final = frozenset({"unknown", "unavailable"})

type Kind = tuple[str, str]
"""Domain and translation key of an entity."""


def listed(name: str) -> set[str]:
    """Return the ``services``, ``triggers`` or ``conditions`` that the integration lists."""
    content = yaml.safe_load((COMPONENT / f"{name}.yaml").read_text(encoding="utf-8"))
    return {key for key in content if not key.startswith(".")}


def kinds() -> set[Kind]:
    """Return every kind of entity that has a name in the integration."""
    words = json.loads((COMPONENT / "translations" / "en.json").read_text(encoding="utf-8"))["entity"]
    return {(domain, key) for domain, keys in words.items() for key in keys}


class Shown:
    """The kinds of entities that have shown a value."""

    def __init__(self, home: HomeAssistant) -> None:
        self._home = home
        self.kinds: set[Kind] = set()

    async def look(self) -> None:
        """Add the entities that have a value now."""
        kind_of = {each["entity_id"]: _kind(each) for each in await registered(self._home)}
        for state in await self._home.get("/api/states"):
            if state["entity_id"] in kind_of and state["state"] not in NOTHING:
                self.kinds.add(kind_of[state["entity_id"]])

    @property
    def missing(self) -> set[Kind]:
        """Return the kinds that have not shown a value so far."""
        return kinds() - self.kinds


async def registered(home: HomeAssistant) -> list[dict[str, Any]]:
    """Return the integration's entities in Home Assistant's registry."""
    entities = await ask(home, {"type": "config/entity_registry/list"})
    return [each for each in entities if each["platform"] == DOMAIN]


def kinds_of(entities: Iterable[dict[str, Any]]) -> set[Kind]:
    """Return the kinds of registered entities."""
    return {_kind(each) for each in entities}


def _kind(entity: dict[str, Any]) -> Kind:
    return entity["entity_id"].partition(".")[0], entity["translation_key"]
