"""The metrics of `/metrics`, in the format of Prometheus.

Several processes add up through files in the directory PROMETHEUS_MULTIPROC_DIR.
"""

import os
import tempfile
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, values
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..db.engine import Database
from ..db.session import now
from ..editions.models import Edition
from ..mail import inbound, stalled
from ..mail.models import Inbound, OutboxMail
from . import sightings

# A reader who sends a letter and one who only reads must look the same. The doors that readers use therefore have one
# endpoint, one method, one status for all successes, and a duration rounded up to one of a few values.
OF_READERS = ("reader", "entrance", "webhook")
COARSE = (1.0, 5.0, 30.0)  # seconds
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
QUARTER = 15  # minutes: mails are counted as of the last full quarter of an hour

LABELS = ("endpoint", "method", "status")
_here = CollectorRegistry()  # of this process, used if there is only one
REQUESTS = Counter("readers_asked_requests", "Requests answered.", LABELS, registry=_here)
DURATIONS = Histogram(
    "readers_asked_request_seconds", "How long requests took.", ("endpoint",), buckets=SECONDS, registry=_here
)

# The metrics that are read from the database: docs/maintain.md lists them.
ASKED = {
    "readers_asked_outgoing_wait_seconds": "How long the oldest outgoing mail has been due.",
    "readers_asked_incoming_wait_seconds": "How long the oldest incoming mail has waited to be filed.",
    "readers_asked_outgoing_mails": "Mails in the outbox by state, at the last full quarter of an hour.",
    "readers_asked_incoming_mails": "Incoming mails by place, at the last full quarter of an hour.",
    "readers_asked_editions_due": "Editions that are due and not marked as sent.",
    "readers_asked_worker_seen_seconds": "How long ago a worker was last active; absent if never.",
    "readers_asked_worker_rounds": "How often the workers have performed each of their duties.",
    "readers_asked_worker_faults": "How often each of the workers' duties has failed.",
}


FOLDER = "PROMETHEUS_MULTIPROC_DIR"


@contextmanager
def share_metrics(config: Mapping[str, Any]) -> Iterator[None]:
    """Let this process and its forks count together, in a temporary directory or that of PROMETHEUS_MULTIPROC_DIR.

    Without METRICS_TOKEN nothing is counted.
    """
    if not config["METRICS_TOKEN"]:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="readers-asked-metrics-", ignore_cleanup_errors=True) as folder:
        os.environ.setdefault(FOLDER, folder)
        values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]
        yield


def count(endpoint: str | None, method: str, status: int, seconds: float) -> None:
    """Count a request and its duration, coarsely for the doors that readers use."""
    name, said = endpoint or "none", f"{status // 100}xx"
    door = name.split(".")[0]
    if door in OF_READERS:
        name, method, said = door, "any", said if status >= 400 else "2xx"
        seconds = COARSE[min(bisect_left(COARSE, seconds), len(COARSE) - 1)]
    elif endpoint is None:
        method = "any"  # so that strangers can't add rows with made-up methods
    REQUESTS.labels(name, method, said).inc()
    DURATIONS.labels(name).observe(seconds)


def exposition(database: Database) -> bytes:
    """Return all metrics in Prometheus' text format. Raises what the database raises."""
    registry = _here
    if os.environ.get(FOLDER):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    with database.read() as session:
        asked = CollectorRegistry()
        asked.register(_DatabaseCollector(list(_collect_from_database(session))))
    return generate_latest(registry) + generate_latest(asked)


class _DatabaseCollector(Collector):
    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._found = metrics

    def collect(self) -> Sequence[Metric]:
        return self._found


def _collect_from_database(session: Session) -> Iterator[Metric]:
    at = now(session)
    quarter = at.replace(minute=at.minute // QUARTER * QUARTER, second=0, microsecond=0)
    yield _gauge("readers_asked_outgoing_wait_seconds", _age(stalled.get_outgoing_since(session), at))
    yield _gauge("readers_asked_incoming_wait_seconds", _age(inbound.get_waiting_since(session), at))
    for name, noun in (("readers_asked_outgoing_mails", OutboxMail), ("readers_asked_incoming_mails", Inbound)):
        rows = session.execute(select(noun.state, func.count()).where(noun.state_at <= quarter).group_by(noun.state))
        yield _labelled(GaugeMetricFamily(name, ASKED[name], labels=("place",)), rows)
    due = select(func.count()).select_from(Edition).where(Edition.is_ahead, Edition.runs_at <= at)
    yield _gauge("readers_asked_editions_due", session.scalar(due) or 0)
    if seen := sightings.get_last_round(session):
        yield _gauge("readers_asked_worker_seen_seconds", _age(seen, at))
    for name, start in (
        ("readers_asked_worker_rounds", sightings.DUTY),
        ("readers_asked_worker_faults", sightings.FAILED),
    ):
        found = sightings.list_by_prefix(session, start)
        rounds = CounterMetricFamily(name, ASKED[name], labels=("duty",))
        yield _labelled(rounds, ((duty, row.number) for duty, row in sorted(found.items())))


def _gauge(name: str, value: float) -> Metric:
    return GaugeMetricFamily(name, ASKED[name], value=value)


def _labelled(metric: GaugeMetricFamily | CounterMetricFamily, rows: object) -> Metric:
    for label, number in rows:  # type: ignore[attr-defined]
        metric.add_metric((label,), number)
    return metric


def _age(started_at: datetime | None, current_time: datetime) -> float:
    return max(0.0, (current_time - started_at).total_seconds()) if started_at else 0.0
