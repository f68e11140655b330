"""GET /v1/models."""

import httpx
import pytest

from tests.service.conftest import CARD, PAINTERS, WORKER
from worker.jobs.catalog import Catalog


def test_a_model_tells_limits_defaults_and_workers(http: httpx.Client) -> None:
    listed = http.get("/v1/models").json()
    (model,) = listed["data"]
    assert (listed["object"], model["object"], model["id"]) == ("list", "model", CARD.id)
    assert model["kinds"] == ["text-to-image"]
    assert model["limits"]["max_pixels"] == CARD.max_pixels
    assert model["defaults"] == {
        "width": 512,
        "height": 512,
        "sampler": "ddpm",
        "guidance_scale": 3.0,
        "strength": None,
    }
    assert model["samplers"][1] == {
        "name": "flash",
        "default_steps": 4,
        "min_steps": 4,
        "max_steps": 8,
        "guidance": False,
    }
    assert model["workers"] == [WORKER.id]


def test_one_model_is_shown_as_in_the_list(http: httpx.Client) -> None:
    (listed,) = http.get("/v1/models").json()["data"]
    assert http.get(f"/v1/models/{CARD.id}").json() == listed


def test_an_unknown_model_is_404(http: httpx.Client) -> None:
    response = http.get("/v1/models/other")
    assert (response.status_code, response.json()["error"]["param"]) == (404, "model_id")


def test_a_model_that_nobody_serves_stays_listed(http: httpx.Client, catalog: Catalog) -> None:
    catalog.withdraw(WORKER.id)
    (model,) = http.get("/v1/models").json()["data"]
    assert model["workers"] == []


@pytest.mark.usefixtures("family")
def test_a_model_that_enlarges_tells_its_scales_and_no_size(http: httpx.Client) -> None:
    models = {model["id"]: model for model in http.get("/v1/models").json()["data"]}
    assert {name: (model["kinds"], model["scales"]) for name, model in models.items()} == {
        "artist": (["text-to-image", "image-to-image"], []),
        "fast": (["text-to-image", "image-to-image", "refinement"], []),
        "painter": (["inpainting", "outpainting"], []),
        "tiny": (["text-to-image"], []),
        "writer": (["beautification"], []),
        "x2": (["super-resolution"], [2]),
        "x4": (["super-resolution"], [4]),
    }
    assert models["x4"]["defaults"] == {
        "width": None,
        "height": None,
        "sampler": "dpmsolver++",
        "guidance_scale": None,
        "strength": None,
    }
    assert (models["x4"]["limits"]["max_side"], models["x4"]["workers"]) == (1024, [PAINTERS.id])
