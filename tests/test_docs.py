"""Every setting, metric and route is documented, with its default as it is."""

import re
import runpy
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client import REGISTRY, CollectorRegistry
from pydantic_settings import BaseSettings
from redis import Redis

import worker.metrics  # noqa: F401, registers the metrics of a worker
from model.language.settings import GenerationSettings
from service.app import create_app
from service.metrics import GatewayMetrics, QueueCollector
from service.settings import GatewaySettings
from worker.jobs.backlog import Backlog
from worker.jobs.catalog import Catalog
from worker.jobs.settings import JobSettings
from worker.settings import WorkerSettings

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
RUNBOOK = (DEPLOY / "README.md").read_text(encoding="utf-8")
ENVIRONMENT = (DEPLOY / "env.example").read_text(encoding="utf-8")
WEIGHTS = (ROOT / "docs" / "weights.md").read_text(encoding="utf-8")

#: The scripts that make pages; `docs` is no package.
api_page = SimpleNamespace(**runpy.run_path(str(ROOT / "docs" / "api.py")))
settings_page = SimpleNamespace(**runpy.run_path(str(ROOT / "docs" / "settings.py")))

SETTINGS = (JobSettings, GatewaySettings, WorkerSettings)
EXAMPLE = dict(re.findall(r"^#(KANDINSKY_\w+)=(.*)$", ENVIRONMENT, re.MULTILINE))
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


def test_the_pages_are_as_they_are_made() -> None:
    pages = {
        "docs/settings.md": settings_page.render_page(),
        "deploy/env.example": settings_page.render_example(),
        "docs/api.md": api_page.render(create_app(GatewaySettings()).openapi()),
    }
    stale = [name for name, text in pages.items() if (ROOT / name).read_text(encoding="utf-8") != text]
    assert stale == [], "run `make docs`"


def test_every_setting_has_an_example_that_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    for settings in SETTINGS:
        for name, field in settings.model_fields.items():
            [example] = field.examples or []
            monkeypatch.setenv(f"KANDINSKY_{name.upper()}", example)
        assert settings() != settings.model_construct()


def test_the_settings_page_has_every_field_of_the_beautifier() -> None:
    text = WorkerSettings.model_fields["beautifier"].description or ""
    listed = text.partition("as JSON:")[2].partition(";")[0]
    assert re.findall(r"`(\w+)`", listed) == [field.name for field in fields(GenerationSettings)]


def test_a_worker_that_is_shown_serves_the_official_weights() -> None:
    shown = re.findall(r"^(.*)kandinsky worker\b", WEIGHTS, re.MULTILINE)
    assert len(shown) == 3
    assert [line for line in shown if "KANDINSKY_CHECKPOINTS=/srv/weights " not in line] == []


def test_the_runbook_has_every_metric(redis: Redis) -> None:
    gateway = GatewayMetrics()
    gateway.registry.register(QueueCollector(Backlog(redis), Catalog(redis)))
    assert metrics(gateway.registry) | metrics(REGISTRY) == METRIC_ROWS


def test_every_route_is_described() -> None:
    paths = create_app(GatewaySettings()).openapi()["paths"]
    routes = {(method, path): route for path, methods in paths.items() for method, route in methods.items()}
    assert ("post", "/v1/text-to-image") in routes
    assert [name for name, route in routes.items() if not route.get("description")] == []
