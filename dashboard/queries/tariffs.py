"""Which price lists there are, and which units are charged by them."""

from dataclasses import dataclass
from typing import Final

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse
from meter_bridge.config.codec import decode_tariff_version
from meter_bridge.core.tariff.tariff import TariffVersion, Timeline, compose_timeline

_VERSIONS: Final = """
    SELECT t.id AS tariff_id, t.name, t.site_id, v.document
    FROM tariff t JOIN tariff_version v ON v.tariff_id = t.id
    WHERE $every OR list_contains($sites, t.site_id)
       OR t.id IN (SELECT u.tariff_id FROM supply_tariff u JOIN supply s ON s.id = u.supply_id
                   JOIN permitted($every, $sites, $accounts) p ON p.account_id = s.account_id)
    ORDER BY t.site_id, t.name, t.id, v.valid_from"""
_TARIFF_CHANGES: Final = """
    SELECT s.account_id, s.id AS supply_id, u.valid_from, u.tariff_id
    FROM supply s JOIN supply_tariff u ON u.supply_id = s.id
    JOIN permitted($every, $sites, $accounts) p ON p.account_id = s.account_id
    ORDER BY s.account_id, s.id, u.valid_from"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """A tariff with its versions in the order of their start."""

    id: str
    name: str
    site_id: str
    versions: tuple[TariffVersion, ...]

    @property
    def timeline(self) -> Timeline:
        """Return its versions as they follow each other."""
        return Timeline(self.versions)


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyTariff:
    """The price lists by which a supply is and was charged."""

    account_id: str
    supply_id: str
    tariff_id: str
    timeline: Timeline


def tariffs(warehouse: Warehouse, viewer: Viewer) -> list[Tariff]:
    """Return the tariffs of the viewer's sites and units, by site and name."""
    found: dict[str, Tariff] = {}
    for row in warehouse.visible_rows(viewer, _VERSIONS):
        before = found.get(row["tariff_id"])
        versions = (*(before.versions if before else ()), decode_tariff_version(row["document"]))
        found[row["tariff_id"]] = Tariff(
            id=row["tariff_id"], name=row["name"], site_id=row["site_id"], versions=versions
        )
    return list(found.values())


def supply_tariffs(warehouse: Warehouse, viewer: Viewer) -> list[SupplyTariff]:
    """Return by which price lists each supply is charged, one that changed its tariff by each in its time."""
    known = {tariff.id: tariff.versions for tariff in tariffs(warehouse, viewer)}
    turns: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for row in warehouse.visible_rows(viewer, _TARIFF_CHANGES):
        if row["tariff_id"] in known:
            turn = (row["valid_from"], row["tariff_id"])
            turns.setdefault((row["account_id"], row["supply_id"]), []).append(turn)
    timelines: dict[tuple[tuple[int, str], ...], Timeline] = {}
    for turn_list in map(tuple, turns.values()):
        if turn_list not in timelines:
            timelines[turn_list] = compose_timeline(
                [(start, known[tariff_id]) for start, tariff_id in turn_list]
            )
    return [
        SupplyTariff(
            account_id=account_id,
            supply_id=supply_id,
            tariff_id=each[-1][1],
            timeline=timelines[tuple(each)],
        )
        for (account_id, supply_id), each in turns.items()
    ]
