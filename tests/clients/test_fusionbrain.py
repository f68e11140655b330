"""A client written to FusionBrain's public documentation against our gateway: only the host is ours."""

import base64
import json
from collections.abc import Iterator
from io import BytesIO
from uuid import UUID

import httpx
import pytest
from PIL import Image

from service.fusionbrain.identity import find_job_id
from tests.clients.fusionbrain import FusionBrain
from worker.jobs.keys import Key, KeyStore

SMALL = {"width": 256, "height": 256}


def secret_of(token: str) -> str:
    """The part of a token that FusionBrain would call the secret."""
    return token.rpartition("_")[2]


@pytest.fixture(scope="module")
def client(url: str, key: tuple[Key, str]) -> Iterator[FusionBrain]:
    with FusionBrain(url, key[0].id, secret_of(key[1])) as client:
        yield client


def test_a_prompt_becomes_a_picture(client: FusionBrain) -> None:
    answer = client.run(client.pipeline(), "Пушистый кот в очках", width=512, height=320)
    assert (answer.status_code, answer.json()["status"]) == (201, "INITIAL")
    done = client.wait(str(UUID(answer.json()["uuid"])))
    [file] = done["result"]["files"]
    assert (done["status"], done["result"]["censored"], done["errorDescription"]) == ("DONE", False, None)
    with Image.open(BytesIO(base64.b64decode(file))) as picture:
        assert picture.size == (512, 320)


def test_a_pipeline_tells_what_it_is(client: FusionBrain) -> None:
    pipelines = client.http.get("/key/api/v1/pipelines").json()
    assert [pipeline["name"] for pipeline in pipelines] == ["mock", "mock-flash"]
    assert (pipelines[0]["status"], pipelines[0]["type"]) == ("ACTIVE", "TEXT2IMAGE")
    availability = client.http.get(f"/key/api/v1/pipeline/{pipelines[0]['id']}/availability")
    assert availability.json() == {"pipeline_status": "ACTIVE"}


def test_style_size_and_negative_prompt_reach_the_job(client: FusionBrain, http: httpx.Client) -> None:
    asked = {"style": "UHD", "width": 300, "height": 200, "negativePromptDecoder": "кислотность"}
    uuid = client.run(client.pipeline(), "море", **asked).json()["uuid"]
    drawn = http.get(f"/v1/jobs/{find_job_id(uuid)}").json()["input"]
    assert (drawn["style"], drawn["width"], drawn["height"]) == ("uhd", 320, 192)
    assert drawn["negative_prompt"].startswith("кислотность")


def test_params_may_be_a_file(client: FusionBrain) -> None:
    params = json.dumps({"type": "GENERATE", "generateParams": {"query": "море"}, **SMALL})
    parts = {"params": ("blob", params, "application/json"), "pipeline_id": (None, client.pipeline())}
    assert client.http.post("/key/api/v1/pipeline/run", files=parts).status_code == 201


def test_styles_need_no_key(url: str) -> None:
    styles = httpx.get(f"{url}/static/styles/key", trust_env=False).json()
    assert {"name": "ANIME", "title": "Аниме", "titleEn": "Anime", "image": ""} in styles
    assert {"DEFAULT", "KANDINSKY", "UHD", "ANIME"} <= {style["name"] for style in styles}


@pytest.mark.parametrize("name", ["DEFAULT", "ANIME", "OIL_PAINTING"])
def test_every_listed_style_can_be_asked_for(client: FusionBrain, name: str) -> None:
    assert client.run(client.pipeline(), "море", style=name, **SMALL).status_code == 201


def test_a_forbidden_prompt_is_done_and_censored(client: FusionBrain) -> None:
    answer = client.run(client.pipeline(), "hardcore sex", **SMALL)
    status = client.status(answer.json()["uuid"])
    assert (answer.status_code, status["status"]) == (201, "DONE")
    assert status["result"] == {"files": [], "censored": True}


def test_a_picture_that_the_filter_flags_is_censored(client: FusionBrain) -> None:
    status = client.wait(client.run(client.pipeline(), "mock:censor", **SMALL).json()["uuid"])
    assert (status["status"], status["result"]) == ("DONE", {"files": [], "censored": True})


def test_a_job_that_fails_tells_why(client: FusionBrain) -> None:
    status = client.wait(client.run(client.pipeline(), "mock:error", **SMALL).json()["uuid"])
    assert (status["status"], status["result"]) == ("FAIL", None)
    assert status["errorDescription"]


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"type": "INPAINT"}, "params.type"),
        ({"generateParams": {}}, "params.generateParams.query"),
        ({"generateParams": {"query": "a" * 1001}}, "generateParams.query"),
        ({"numImages": 100}, "numImages"),
        ({"style": "NO_SUCH_STYLE"}, "style"),
        ({"width": 100_000}, "params.width"),
    ],
)
def test_what_is_wrong_is_400(client: FusionBrain, params: dict[str, object], param: str) -> None:
    answer = client.run(client.pipeline(), "море", **params)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_params_that_are_no_json_are_400(client: FusionBrain) -> None:
    parts = {"params": (None, "{", "application/json"), "pipeline_id": (None, client.pipeline())}
    answer = client.http.post("/key/api/v1/pipeline/run", files=parts)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "params")


def test_a_body_that_is_no_form_is_415(client: FusionBrain) -> None:
    assert client.http.post("/key/api/v1/pipeline/run", json={}).status_code == 415


@pytest.mark.parametrize("path", ["nonsense", "8a4e1c5e-0000-4000-8000-000000000000"])
def test_what_is_not_there_is_404(client: FusionBrain, path: str) -> None:
    assert client.run(path, "море").status_code == 404
    status = client.http.get(f"/key/api/v1/pipeline/status/{path}")
    assert (status.status_code, status.json()["error"]["param"]) == (404, "uuid")


@pytest.mark.parametrize(("key", "secret"), [("x", "y"), ("0" * 16, "0" * 64)])
def test_a_wrong_key_is_401(url: str, key: str, secret: str) -> None:
    with FusionBrain(url, key, secret) as stranger:
        assert stranger.http.get("/key/api/v1/pipelines").status_code == 401


def test_the_request_of_another_owner_is_404(client: FusionBrain, url: str, keys: KeyStore) -> None:
    uuid = client.run(client.pipeline(), "море", **SMALL).json()["uuid"]
    key, token = keys.create("other")
    with FusionBrain(url, key.id, secret_of(token)) as other:
        assert other.http.get(f"/key/api/v1/pipeline/status/{uuid}").status_code == 404
