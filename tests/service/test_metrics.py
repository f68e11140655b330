"""The metrics of the gateway."""

from service.metrics import GatewayMetrics, QueueCollector
from worker.jobs.backlog import Backlog
from worker.jobs.catalog import Catalog
from worker.jobs.stages import Kind


def test_every_metric_is_named_for_the_service_and_described(backlog: Backlog, catalog: Catalog) -> None:
    metrics = GatewayMetrics()
    metrics.registry.register(QueueCollector(backlog, catalog))
    own = [metric for metric in metrics.registry.collect() if not metric.name.startswith("process_")]
    assert {metric.name for metric in own} == {
        "kandinsky_http_requests",
        "kandinsky_http_request_duration_seconds",
        "kandinsky_jobs_submitted",
        "kandinsky_content_decisions",
        "kandinsky_event_streams",
        "kandinsky_redis_up",
        "kandinsky_queue_depth",
        "kandinsky_queue_estimated_wait_seconds",
        "kandinsky_jobs_running",
        "kandinsky_workers",
    }
    assert all(metric.documentation.endswith((".", "0.")) for metric in own)


def test_unusual_methods_share_one_label() -> None:
    metrics = GatewayMetrics()
    for method in ("GET", "BREW", "PROPFIND"):
        metrics.observe(method, "/livez", 200, 0.001)
    rendered = metrics.render().decode()
    assert 'kandinsky_http_requests_total{method="GET",route="/livez",status="200"} 1.0' in rendered
    assert 'kandinsky_http_requests_total{method="other",route="/livez",status="200"} 2.0' in rendered


def test_counters_begin_at_zero() -> None:
    rendered = GatewayMetrics().render().decode()
    assert f'kandinsky_jobs_submitted_total{{kind="{Kind.TEXT_TO_IMAGE}"}} 0.0' in rendered
