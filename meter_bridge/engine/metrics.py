"""Metrics of the bridge for Prometheus, worked out when they are asked for."""

from collections import Counter
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from meter_bridge.core.supply.alerts import AlertKind
from meter_bridge.core.supply.decision import SupplyState
from meter_bridge.engine.engine import Engine


class EngineCollector:
    """Reads an engine's state as metrics."""

    def __init__(self, engine: Engine) -> None:
        """Keep the engine."""
        self._engine = engine

    def collect(self) -> Iterable[Metric]:
        """Yield every metric."""
        engine = self._engine
        meters = engine.installation.meters.values()
        yield self._supplies()
        yield self._alerts()
        yield GaugeMetricFamily("prepaid_meters", "Assigned meters", len(meters))
        offline = sum(meter.online is False for meter in meters)
        yield GaugeMetricFamily("prepaid_meters_offline", "Meters not heard of", offline)
        quarantined = sum(meter.quarantine_id is not None for meter in meters)
        yield GaugeMetricFamily("prepaid_registers_quarantined", "Registers awaiting a decision", quarantined)
        yield CounterMetricFamily("prepaid_reports", "Reports of meters taken", engine.counts.reports)
        yield self._rejections()
        yield GaugeMetricFamily("prepaid_units_waiting", "Units of work on their way to disk", engine.waiting)
        written = engine.installation.sequences.entry - engine.shard.first
        yield CounterMetricFamily("prepaid_journal_entries", "Journal entries written", written)
        yield GaugeMetricFamily("prepaid_storage_failing", "1 while storage fails", engine.broken is not None)
        yield GaugeMetricFamily("prepaid_clock_sure", "1 while the clock is believed", engine.clock.sure)
        yield from self._audit()
        yield GaugeMetricFamily("prepaid_subscribers", "Open WebSockets", engine.feed.subscribers)

    def _audit(self) -> Iterable[Metric]:
        """Yield what the newest audit of the ledger found; nothing before the first."""
        found = self._engine.audited
        yield CounterMetricFamily("prepaid_audit_failures", "Audits that could not be made", found.failures)
        if found.at is None:
            return
        yield GaugeMetricFamily("prepaid_audit_time_seconds", "Up to when was audited", found.at / 1000)
        yield GaugeMetricFamily("prepaid_audit_supplies", "Supplies priced anew", found.supplies)
        yield GaugeMetricFamily("prepaid_audit_skipped", "Supplies that sets cannot price", found.skipped)
        yield GaugeMetricFamily(
            "prepaid_audit_differences", "Ledgers that differ from their price list", found.differing
        )

    def _supplies(self) -> Metric:
        """Return the number of supplies by state."""
        family = GaugeMetricFamily("prepaid_supplies", "Accounts by supply state", labels=["state"])
        accounts = self._engine.installation.accounts.values()
        for state in SupplyState:
            family.add_metric([state.value], sum(account.state is state for account in accounts))
        return family

    def _alerts(self) -> Metric:
        """Return the number of open alerts by kind."""
        family = GaugeMetricFamily("prepaid_alerts", "Open alerts by kind", labels=["kind"])
        installation = self._engine.installation
        books = [installation.alerts, self._engine.unstored_alerts()]
        books += [account.alerts for account in installation.accounts.values()]
        counts = Counter(key.kind for book in books for key in book)
        for kind in AlertKind:
            family.add_metric([kind.value], counts[kind])
        return family

    def _rejections(self) -> Metric:
        """Return the number of unreadable payloads by kind."""
        family = CounterMetricFamily(
            "prepaid_payloads_rejected", "Payloads that could not be read", labels=["kind"]
        )
        for kind, count in self._engine.counts.rejected.items():
            family.add_metric([kind], count)
        return family


def render(engine: Engine) -> bytes:
    """Return the metrics in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(EngineCollector(engine))
    return generate_latest(registry)
