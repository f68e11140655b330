"""Every setting, metric and route is documented, with its default as it is."""

import re
from pathlib import Path

import pytest
from prometheus_client import REGISTRY, CollectorRegistry
from pydantic_settings import BaseSettings
from redis import Redis

import worker.metrics  # noqa: F401, registers the metrics of a worker
from service.app import create_app
from service.metrics import GatewayMetrics, QueueCollector
from service.settings import GatewaySettings
from worker.jobs.catalog import Catalog
from worker.jobs.settings import JobSettings
from worker.jobs.store import JobStore
from worker.settings import WorkerSettings

DEPLOY = Path(__file__).parent.parent / "deploy"
RUNBOOK = (DEPLOY / "README.md").read_text(encoding="utf-8")
ENVIRONMENT = (DEPLOY / "env.example").read_text(encoding="utf-8")

SETTINGS = (JobSettings, GatewaySettings, WorkerSettings)
EXAMPLE = dict(re.findall(r"^#(KANDINSKY_\w+)=(.*)$", ENVIRONMENT, re.MULTILINE))
SETTING_ROWS = dict(re.findall(r"^\| `(KANDINSKY_\w+)` \| (.*?) \|", RUNBOOK, re.MULTILINE))
METRIC_ROWS = dict(re.findall(r"^\| `(kandinsky_\w+)` \| (.*?) \|", RUNBOOK, re.MULTILINE))


def variables(settings: type[BaseSettings]) -> set[str]:
    return {f"KANDINSKY_{name.upper()}" for name in settings.model_fields}


def metrics(registry: CollectorRegistry) -> dict[str, str]:
    """Names, as Prometheus shows them, and types of our own metrics."""
    families = [family for family in registry.collect() if family.name.startswith("kandinsky_")]
    return {f.name + "_total" * (f.type == "counter"): f.type for f in families}


def test_the_example_has_every_setting() -> None:
    assert EXAMPLE.keys() == set.union(*map(variables, SETTINGS))


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_example_shows_the_defaults(
    settings: type[BaseSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    default = settings()
    for name, value in EXAMPLE.items():
        monkeypatch.setenv(name, value)
    assert settings() == default


def test_the_runbook_has_every_setting_at_its_default() -> None:
    shown = {name: f"`{value}`" if value else "unset" for name, value in EXAMPLE.items()}
    assert shown == SETTING_ROWS


def test_the_runbook_has_every_metric(redis: Redis) -> None:
    gateway = GatewayMetrics()
    gateway.registry.register(QueueCollector(JobStore(redis), Catalog(redis)))
    assert metrics(gateway.registry) | metrics(REGISTRY) == METRIC_ROWS


def test_every_route_is_described() -> None:
    paths = create_app(GatewaySettings()).openapi()["paths"]
    routes = {(method, path): route for path, methods in paths.items() for method, route in methods.items()}
    assert ("post", "/v1/text-to-image") in routes
    assert [name for name, route in routes.items() if not route.get("description")] == []
