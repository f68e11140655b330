"""What the gateway tells Prometheus."""

import math
from collections.abc import Iterable, Iterator
from typing import Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from service.intake.estimates import Outlook
from worker.jobs.backlog import Backlog
from worker.jobs.catalog import Catalog
from worker.jobs.stages import Kind

METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
#: Seconds. Answers take milliseconds, those to `Prefer: wait` up to a minute.
DURATION_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)


class GatewayMetrics:
    """The counters of one gateway process."""

    def __init__(self) -> None:
        # The times at which counters were made double the number of series and serve nobody here.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "kandinsky_http_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._durations = Histogram(
            "kandinsky_http_request_duration_seconds",
            "Time from a request to the head of its answer.",
            ("method", "route"),
            buckets=DURATION_BUCKETS,
            registry=self.registry,
        )
        self._submitted = Counter(
            "kandinsky_jobs_submitted", "Jobs taken in and queued.", ("kind",), registry=self.registry
        )
        self.event_streams = Gauge(
            "kandinsky_event_streams", "Callers that follow or wait for a job now.", registry=self.registry
        )
        self._decisions = Counter(
            "kandinsky_content_decisions",
            "What the content rules let pass and what they blocked.",
            ("check", "decision"),
            registry=self.registry,
        )
        for kind in Kind:
            self._submitted.labels(kind)
        for decision in ("passed", "blocked"):
            self._decisions.labels("prompt", decision)

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request; `route` is the template of its path."""
        method = method if method in METHODS else "other"
        self._requests.labels(method, route, status).inc()
        self._durations.labels(method, route).observe(seconds)

    def count_submission(self, kind: Kind) -> None:
        """Count one job that was taken in."""
        self._submitted.labels(kind).inc()

    def count_decision(self, check: Literal["prompt"], decision: Literal["passed", "blocked"]) -> None:
        """Count one text that was held against the content rules."""
        self._decisions.labels(check, decision).inc()

    def render(self) -> bytes:
        """All metrics in the text format of Prometheus."""
        return generate_latest(self.registry)


class QueueCollector(Collector):
    """Reads the state of queues and workers from Redis at every scrape."""

    def __init__(self, backlog: Backlog, catalog: Catalog) -> None:
        self._backlog = backlog
        self._catalog = catalog

    def describe(self) -> Iterable[Metric]:
        """The metrics without their values."""
        return [self._up(), self._depth(), self._wait(), self._running(), self._workers()]

    def collect(self) -> Iterator[Metric]:
        """The present values; without Redis only that it is away."""
        depth, wait, running, workers = self._depth(), self._wait(), self._running(), self._workers()
        try:
            outlook = Outlook.read(self._catalog, self._backlog)
            for queue, state in outlook.queues.items():
                seconds = outlook.wait_seconds(queue, state.num_queued)
                wait.add_metric([queue], math.nan if seconds is None else seconds)
            for queue, state in self._backlog.states(self._backlog.queues()).items():
                depth.add_metric([queue], state.num_queued)
            running.add_metric([], self._backlog.num_running())
            workers.add_metric([], len(outlook.offer.workers))
        except RedisError:
            yield self._up(0)
            return
        yield from (self._up(1), depth, wait, running, workers)

    def _up(self, value: int | None = None) -> Metric:
        return GaugeMetricFamily(
            "kandinsky_redis_up", "Whether Redis answers this gateway: 1 or 0.", value=value
        )

    def _depth(self) -> GaugeMetricFamily:
        return GaugeMetricFamily("kandinsky_queue_depth", "Jobs that wait for a worker.", labels=["queue"])

    def _wait(self) -> GaugeMetricFamily:
        return GaugeMetricFamily(
            "kandinsky_queue_estimated_wait_seconds",
            "How long a job at the end of the queue is expected to wait; NaN while nobody knows.",
            labels=["queue"],
        )

    def _running(self) -> GaugeMetricFamily:
        return GaugeMetricFamily("kandinsky_jobs_running", "Jobs that workers hold.", labels=[])

    def _workers(self) -> GaugeMetricFamily:
        return GaugeMetricFamily("kandinsky_workers", "Workers that are alive.", labels=[])
