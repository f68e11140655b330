"""/livez, /readyz and /metrics."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from redis import Redis

from service.settings import GatewaySettings
from tests.processes import Server
from tests.service.conftest import FAMILY, PAINTERS, WORKER, FakeWorker, serving
from worker.jobs.catalog import Catalog

Submit = Callable[..., dict[str, Any]]


def test_a_gateway_with_all_its_parts_is_ready(http: httpx.Client) -> None:
    response = http.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "parts": {"redis": "ok", "images": "ok", "workers": "ok"}}


def test_without_a_worker_it_is_not_ready(http: httpx.Client, catalog: Catalog) -> None:
    catalog.withdraw(WORKER.id)
    response = http.get("/readyz")
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (503, "unavailable")
    assert error["details"] == {"redis": "ok", "images": "ok", "workers": "none is alive"}


def test_a_kind_without_a_worker_is_named(http: httpx.Client, catalog: Catalog, redis: Redis) -> None:
    catalog.publish(PAINTERS, FAMILY, ttl_seconds=600)
    assert http.get("/readyz").status_code == 200
    # It dies.
    redis.delete(f"worker:{PAINTERS.id}")
    response = http.get("/readyz")
    missing = "beautification, image-to-image, inpainting, outpainting, refinement, super-resolution"
    assert response.status_code == 503
    assert response.json()["error"]["details"]["workers"] == f"none is alive for {missing}"


def test_a_kind_whose_workers_have_stopped_in_order_is_not_missed(
    http: httpx.Client, catalog: Catalog
) -> None:
    catalog.publish(PAINTERS, FAMILY, ttl_seconds=600)
    catalog.withdraw(PAINTERS.id)
    assert http.get("/readyz").json()["parts"]["workers"] == "ok"


def test_without_redis_it_lives_but_is_not_ready(private_valkey: Server, tmp_path: Path) -> None:
    settings = GatewaySettings(redis_url=private_valkey.url, images_url=str(tmp_path / "images"))
    with serving(settings) as url, httpx.Client(base_url=url, trust_env=False) as http:
        private_valkey.kill()
        live, ready, metrics = (http.get(path) for path in ("/livez", "/readyz", "/metrics"))
    assert (live.status_code, ready.status_code, metrics.status_code) == (200, 503, 200)
    assert ready.json()["error"]["details"]["redis"].startswith("does not answer")
    assert "kandinsky_redis_up 0.0" in metrics.text


def test_without_its_image_folder_it_is_not_ready(valkey_url: str, catalog: Catalog, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    settings = GatewaySettings(redis_url=valkey_url, images_url=str(folder))
    with serving(settings) as url:
        shutil.rmtree(folder)
        folder.write_text("in the way")
        details = httpx.get(f"{url}/readyz", trust_env=False).json()["error"]["details"]
    assert details["images"].startswith("cannot write to the image store")
    assert details["redis"] == details["workers"] == "ok"


def test_metrics_count_requests_jobs_and_queues(
    http: httpx.Client, submit: Submit, worker: FakeWorker
) -> None:
    worker.claim(submit()["id"])
    submit()
    lines = http.get("/metrics").text.splitlines()
    assert 'kandinsky_queue_depth{queue="images.tiny"} 1.0' in lines
    assert "kandinsky_jobs_running 1.0" in lines
    assert 'kandinsky_queue_estimated_wait_seconds{queue="images.tiny"} NaN' in lines
    assert "kandinsky_workers 1.0" in lines
    assert "kandinsky_redis_up 1.0" in lines
    counted = [line for line in lines if line.startswith("kandinsky_http_requests_total")]
    assert any('route="/v1/text-to-image",status="202"' in line for line in counted)
    assert any(line.startswith('kandinsky_jobs_submitted_total{kind="text-to-image"}') for line in lines)


def test_unknown_paths_share_one_label(http: httpx.Client) -> None:
    http.get("/wp-admin")
    metrics = http.get("/metrics").text
    assert 'route="unmatched",status="404"' in metrics
    assert "wp-admin" not in metrics
