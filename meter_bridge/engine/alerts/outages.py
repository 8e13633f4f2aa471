"""Telling an outage of a building from a lost link: one silent meter is a link, all of them are a building.

A meter that the mains feed goes silent when they fail, just as one whose link is lost. While the broker is
reached and every meter of a site is silent, something that they share is gone: power or network there.
"""

from meter_bridge.core.supply.alerts import AlertFacts, AlertKey
from meter_bridge.engine.alerts.alerting import record_past_alert
from meter_bridge.engine.state.model import Installation, Meter
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.protocol.vocabulary import AlertKind

MIN_METERS: int = 2
"""With fewer meters at a site, the silence of one says nothing about the site."""


def site_outages(installation: Installation) -> dict[str, AlertFacts | None]:
    """Return for each site the facts of its outage, or None where there is none."""
    if AlertKey(AlertKind.BROKER_LOST, detail=installation.shard.mark) in installation.alerts:
        return {}
    by_site: dict[str, list[Meter]] = {}
    for meter in installation.meters.values():
        by_site.setdefault(meter.supply.account.site.id, []).append(meter)
    return {site_id: _silence_facts(installation, site_id, meters) for site_id, meters in by_site.items()}


def _silence_facts(installation: Installation, site_id: str, meters: list[Meter]) -> AlertFacts | None:
    """Return since when all meters of a site are silent, or None where one of them is not."""
    seen = [meter.last_seen for meter in meters if meter.last_seen is not None]
    if len(seen) < MIN_METERS or any(
        meter.online is not False for meter in meters if meter.last_seen is not None
    ):
        return None
    name = installation.sites[site_id].name
    return {"case": "site", "name": name, "meters": len(seen), "since_ms": max(seen)}


def record_outage(session: Session, tx: Transaction, reason: str) -> None:
    """Put on record, as part of a transaction, from when to when nothing could be stored."""
    outage = session.storage_outage
    if outage.since is None:
        return
    facts: AlertFacts = {"case": "past", "since_ms": outage.since, "until_ms": tx.at, "reason": reason}
    key = session.bridge_alert_key(AlertKind.STORAGE_FAILING)
    record_past_alert(session.installation, tx, key, facts, outage.since)
    tx.after_commit(outage.end)
