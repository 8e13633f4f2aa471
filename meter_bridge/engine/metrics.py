"""Metrics of the bridge for Prometheus, worked out when they are asked for."""

from collections import Counter
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from meter_bridge.engine.metering.readings import offline_key
from meter_bridge.engine.state.session import Session
from meter_bridge.protocol.members import known_members
from meter_bridge.protocol.vocabulary import AlertKind, SupplyState


class EngineCollector:
    """Reads an engine's state as metrics."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def collect(self) -> Iterable[Metric]:
        """Yield every metric."""
        session = self._session
        meters = session.installation.meters.values()
        yield self._supplies()
        yield self._alerts()
        yield GaugeMetricFamily("prepaid_meters", "Assigned meters", len(meters))
        yield GaugeMetricFamily(
            "prepaid_meters_offline",
            "Assigned meters that are offline or tell no register",
            sum(offline_key(meter) in meter.supply.account.alerts for meter in meters),
        )
        quarantined = sum(meter.quarantine_id is not None for meter in meters)
        yield GaugeMetricFamily("prepaid_registers_quarantined", "Registers awaiting a decision", quarantined)
        yield CounterMetricFamily("prepaid_reports", "Meter reports received", session.counts.reports)
        yield self._rejections()
        yield GaugeMetricFamily(
            "prepaid_units_waiting", "Transactions waiting for the disk", session.pending_transactions
        )
        written = session.installation.sequences.entry - session.shard.first
        yield CounterMetricFamily("prepaid_journal_entries", "Journal entries written", written)
        yield GaugeMetricFamily(
            "prepaid_storage_failing", "1 while storage fails", session.storage_error is not None
        )
        yield GaugeMetricFamily("prepaid_clock_sure", "1 while the clock is trusted", session.clock.sure)
        yield from self._audit()
        yield GaugeMetricFamily("prepaid_subscribers", "Open WebSockets", session.feed.subscribers)

    def _audit(self) -> Iterable[Metric]:
        found = self._session.last_audit
        yield CounterMetricFamily("prepaid_audit_failures", "Audits that failed", found.failures)
        if found.audited_upto is None:
            return
        yield GaugeMetricFamily(
            "prepaid_audit_time_seconds", "End of the audited period", found.audited_upto / 1000
        )
        yield GaugeMetricFamily("prepaid_audit_supplies", "Supplies recalculated", found.supplies)
        yield GaugeMetricFamily("prepaid_audit_skipped", "Supplies not recalculated", found.skipped)
        yield GaugeMetricFamily(
            "prepaid_audit_differences", "Ledgers that differ from their price list", found.differing
        )

    def _supplies(self) -> Metric:
        family = GaugeMetricFamily("prepaid_supplies", "Accounts by supply state", labels=["state"])
        accounts = self._session.installation.accounts.values()
        for state in known_members(SupplyState):
            family.add_metric([state.value], sum(account.state is state for account in accounts))
        return family

    def _alerts(self) -> Metric:
        family = GaugeMetricFamily("prepaid_alerts", "Open alerts by kind", labels=["kind"])
        installation = self._session.installation
        books = [installation.alerts, self._session.unstored_alerts()]
        books += [account.alerts for account in installation.accounts.values()]
        counts = Counter(key.kind for book in books for key in book)
        for kind in known_members(AlertKind):
            family.add_metric([kind.value], counts[kind])
        return family

    def _rejections(self) -> Metric:
        family = CounterMetricFamily(
            "prepaid_payloads_rejected", "Payloads that could not be read", labels=["kind"]
        )
        for kind, count in self._session.counts.rejected.items():
            family.add_metric([kind], count)
        return family


def render(session: Session) -> bytes:
    """Return the metrics in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(EngineCollector(session))
    return generate_latest(registry)
