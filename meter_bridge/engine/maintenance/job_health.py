"""Whether the bridge's own jobs work: one that keeps failing is an alert, until it works again."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from meter_bridge.core.supply.alerts import AlertFacts, AlertKey
from meter_bridge.engine.alerts.alerting import set_alert
from meter_bridge.engine.state.periodic import JobError
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.protocol.vocabulary import AlertKind

MIN_FAILURES: Final = 3
"""In a row, after which a job keeps failing."""
MIN_FAILING_MS: Final = 60_000
"""For how long at least: what runs ten times a second is given a minute."""
CASES: Final = {
    "audit": "audit",
    "backup": "backup",
    "export": "export",
    "forgetting": "removal",
    "retention": "removal",
}
"""Jobs of which the alert says what does not happen; of the others it gives the name."""
MAX_REASON_LENGTH: Final = 300


@dataclass(slots=True)
class _Failing:
    """A job that failed the last time."""

    since: int
    steady_since: int
    times: int = 0


class JobHealth:
    """Keeps the alerts of jobs that keep failing."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._failing: dict[str, _Failing] = {}

    def note(self, job: str, error: Exception | None) -> None:
        """Note how a run of a job ended; while storage fails, the alert of that explains every other one."""
        session, key = self._session, self._key(job)
        if session.storage_error is not None:
            return
        if error is None:
            self._failing.pop(job, None)
            if key in session.installation.alerts:
                self._update(key, None)
            return
        steady, known = session.clock.steady_ms(), self._failing.get(job)
        if known is None:
            known = self._failing[job] = _Failing(session.clock.now(), steady)
        known.times += 1
        if known.times >= MIN_FAILURES and steady - known.steady_since >= MIN_FAILING_MS:
            self._update(key, _facts(job, error, known.since))

    def keep_only(self, jobs: Iterable[str]) -> None:
        """Close the alerts of jobs that this bridge no longer has, which would never work again."""
        if self._session.storage_error is not None:
            return
        kept = {self._key(job) for job in jobs}
        mark = f"{self._session.shard.mark}/"
        for key in list(self._session.installation.alerts):
            if key.kind is AlertKind.MAINTENANCE_FAILING and key.detail.startswith(mark) and key not in kept:
                self._update(key, None)

    def _key(self, job: str) -> AlertKey:
        return AlertKey(AlertKind.MAINTENANCE_FAILING, detail=f"{self._session.shard.mark}/{job}")

    def _update(self, key: AlertKey, facts: AlertFacts | None) -> None:
        session = self._session
        tx = Transaction(session.clock.now())
        set_alert(session.installation, None, tx, key, facts)
        session.submit(tx)


def _facts(job: str, error: Exception, since: int) -> AlertFacts:
    named = isinstance(error, JobError)
    reason = str(error) if named else f"{type(error).__name__}: {error}"
    if isinstance(error, JobError) and error.since is not None:
        since = error.since
    return {
        "case": CASES.get(job, "job"),
        "job": job,
        "since_ms": since,
        "reason": " ".join(reason.split())[:MAX_REASON_LENGTH],
    }
