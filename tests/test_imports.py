"""What a process loads, which `lint-imports` cannot see: that tool reads code, this test runs it."""

import json
import subprocess
import sys

import pytest

HEAVY = {"diffusers", "model", "numpy", "torch", "transformers", "worker.engine"}


def loaded_by(module: str) -> set[str]:
    code = f"import json, sys, {module}; print(json.dumps(list(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    return set(json.loads(ran.stdout))


@pytest.mark.parametrize("module", ["service.app", "service.cli.main", "service.up.run"])
def test_the_gateway_loads_no_networks(module: str) -> None:
    assert loaded_by(module).isdisjoint(HEAVY)


def test_the_worker_loads_no_web_framework() -> None:
    assert loaded_by("worker.main").isdisjoint({"fastapi", "service", "uvicorn"})


def test_the_networks_load_no_queue() -> None:
    assert loaded_by("model").isdisjoint({"celery", "diffusers", "redis"})
