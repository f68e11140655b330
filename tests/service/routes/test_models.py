"""GET /v1/models."""

import httpx

from tests.service.conftest import CARD, WORKER
from worker.jobs.catalog import Catalog


def test_a_model_tells_limits_defaults_and_workers(http: httpx.Client) -> None:
    listed = http.get("/v1/models").json()
    (model,) = listed["data"]
    assert (listed["object"], model["object"], model["id"]) == ("list", "model", CARD.id)
    assert model["kinds"] == ["text-to-image"]
    assert model["limits"]["max_pixels"] == CARD.max_pixels
    assert model["defaults"] == {"width": 512, "height": 512, "sampler": "ddpm", "guidance_scale": 3.0}
    assert model["samplers"][1] == {"name": "flash", "default_steps": 4, "max_steps": 8, "guidance": False}
    assert model["workers"] == [WORKER.id]


def test_a_model_that_nobody_serves_stays_listed(http: httpx.Client, catalog: Catalog) -> None:
    catalog.withdraw(WORKER.id)
    (model,) = http.get("/v1/models").json()["data"]
    assert model["workers"] == []
