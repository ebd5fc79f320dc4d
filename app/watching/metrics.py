"""The metrics of `/metrics`, in the format of Prometheus.

If several processes serve requests, they share their counts through files in PROMETHEUS_MULTIPROC_DIR.
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

# The metrics must not distinguish a reader who sends a letter from one who only reads. The blueprints that readers use
# are therefore counted with one endpoint, one method, one status for all successes, and a duration rounded up to one of
# a few values.
READER_BLUEPRINTS = ("reader", "entrance", "webhook")
READER_DURATIONS = (1.0, 5.0, 30.0)  # seconds
DURATION_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # seconds
QUARTER = 15  # minutes: mails are counted as of the last full quarter of an hour
MULTIPROCESS_DIR = "PROMETHEUS_MULTIPROC_DIR"  # the environment variable that prometheus_client reads

LABELS = ("endpoint", "method", "status")
_process_registry = CollectorRegistry()  # the counts of this process, used if there is only one
REQUESTS = Counter("readers_asked_requests", "Requests answered.", LABELS, registry=_process_registry)
DURATIONS = Histogram(
    "readers_asked_request_seconds",
    "How long requests took.",
    ("endpoint",),
    buckets=DURATION_BUCKETS,
    registry=_process_registry,
)

# The metrics that are read from the database. docs/maintain.md lists them too.
DATABASE_METRICS = {
    "readers_asked_outgoing_wait_seconds": "How long the oldest outgoing mail has been due.",
    "readers_asked_incoming_wait_seconds": "How long the oldest incoming mail has waited to be filed.",
    "readers_asked_outgoing_mails": "Mails in the outbox by state, at the last full quarter of an hour.",
    "readers_asked_incoming_mails": "Incoming mails by place, at the last full quarter of an hour.",
    "readers_asked_editions_due": "Editions that are due and not marked as sent.",
    "readers_asked_worker_seen_seconds": "How long ago a worker was last active; absent if never.",
    "readers_asked_worker_rounds": "How often the workers have performed each of their duties.",
    "readers_asked_worker_faults": "How often each of the workers' duties has failed.",
}


@contextmanager
def share_metrics(config: Mapping[str, Any]) -> Iterator[None]:
    """Let this process and its forks share their counts, in PROMETHEUS_MULTIPROC_DIR or else a temporary directory.

    Without METRICS_TOKEN nothing is counted.
    """
    if not config["METRICS_TOKEN"]:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="readers-asked-metrics-", ignore_cleanup_errors=True) as folder:
        os.environ.setdefault(MULTIPROCESS_DIR, folder)
        values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]
        yield


def count(endpoint: str | None, method: str, status: int, seconds: float) -> None:
    """Count a request and its duration, coarsely for the blueprints that readers use."""
    name = endpoint or "none"
    status_class = f"{status // 100}xx"
    blueprint = name.split(".")[0]
    if blueprint in READER_BLUEPRINTS:
        name, method = blueprint, "any"
        status_class = status_class if status >= 400 else "2xx"
        # Round up, but to no more than the last value.
        seconds = READER_DURATIONS[min(bisect_left(READER_DURATIONS, seconds), len(READER_DURATIONS) - 1)]
    elif endpoint is None:
        method = "any"  # so that strangers can't add rows with made-up methods
    REQUESTS.labels(name, method, status_class).inc()
    DURATIONS.labels(name).observe(seconds)


def render_metrics(database: Database) -> bytes:
    """Return all metrics in Prometheus' text format. Raises the errors of the database."""
    registry = _process_registry
    if os.environ.get(MULTIPROCESS_DIR):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    with database.read() as session:
        database_registry = CollectorRegistry()
        database_registry.register(_DatabaseCollector(list(_collect_from_database(session))))
    return generate_latest(registry) + generate_latest(database_registry)


class _DatabaseCollector(Collector):
    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Sequence[Metric]:
        return self._metrics


def _collect_from_database(session: Session) -> Iterator[Metric]:
    current_time = now(session)
    last_quarter = current_time.replace(minute=current_time.minute // QUARTER * QUARTER, second=0, microsecond=0)
    outgoing_since, incoming_since = stalled.get_outgoing_since(session), inbound.get_waiting_since(session)
    yield _gauge("readers_asked_outgoing_wait_seconds", _age(outgoing_since, current_time))
    yield _gauge("readers_asked_incoming_wait_seconds", _age(incoming_since, current_time))
    for name, model in (("readers_asked_outgoing_mails", OutboxMail), ("readers_asked_incoming_mails", Inbound)):
        query = select(model.state, func.count()).where(model.state_at <= last_quarter).group_by(model.state)
        states = GaugeMetricFamily(name, DATABASE_METRICS[name], labels=("place",))
        yield _add_values(states, session.execute(query))
    editions_due = select(func.count()).select_from(Edition).where(Edition.is_ahead, Edition.runs_at <= current_time)
    yield _gauge("readers_asked_editions_due", session.scalar(editions_due) or 0)
    last_round = sightings.get_last_round(session)
    if last_round is not None:
        yield _gauge("readers_asked_worker_seen_seconds", _age(last_round, current_time))
    for name, prefix in (
        ("readers_asked_worker_rounds", sightings.DUTY),
        ("readers_asked_worker_faults", sightings.FAILED),
    ):
        duties = sightings.list_by_prefix(session, prefix)
        counter = CounterMetricFamily(name, DATABASE_METRICS[name], labels=("duty",))
        yield _add_values(counter, ((duty, row.number) for duty, row in sorted(duties.items())))


def _gauge(name: str, value: float) -> Metric:
    return GaugeMetricFamily(name, DATABASE_METRICS[name], value=value)


def _add_values(metric: GaugeMetricFamily | CounterMetricFamily, rows: object) -> Metric:
    """Add a value for each of the rows, which are pairs of a label and a number."""
    for label, number in rows:  # type: ignore[attr-defined]
        metric.add_metric((label,), number)
    return metric


def _age(started_at: datetime | None, current_time: datetime) -> float:
    """Return the seconds since `started_at`, or 0 if it is None."""
    return max(0.0, (current_time - started_at).total_seconds()) if started_at else 0.0
