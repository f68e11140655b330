"""POST /v1/prompts/beautify."""

import httpx
import pytest
from redis import Redis

from tests.service.conftest import FakeWorker
from worker.jobs.queue import waiting

PATH = "/v1/prompts/beautify"
BODY = {"prompt": "a red apple"}


@pytest.mark.usefixtures("family")
def test_a_prompt_becomes_a_job_whose_text_is_a_richer_one(
    http: httpx.Client, worker: FakeWorker, redis: Redis
) -> None:
    job = http.post(PATH, json={**BODY, "seed": 7, "style": "flat"}).json()
    assert job["input"] == {
        "kind": "beautification",
        "prompt": "a red apple",
        "style": "flat",
        "template": "{prompt}, flat style",
        "model": "writer",
        "seed": 7,
    }
    assert waiting(redis, "prompts.writer") == {job["id"]}
    worker.run(job["id"])
    ended = http.get(job["urls"]["self"]).json()
    assert (ended["status"], ended["text"]) == ("succeeded", "rich a red apple, flat style")
    assert (ended["outputs"], ended["receipt"]["steps"]) == ([], 1)


@pytest.mark.usefixtures("family")
@pytest.mark.parametrize(
    ("fields", "param", "said"),
    [
        ({"prompt": " "}, "prompt", "at least 1 character"),
        ({"prompt": "x" * 1001}, "prompt", "at most 1000 characters, got 1001"),
        ({"style": "baroque"}, "style", "one of digital-image"),
        ({"model": "tiny"}, "model", "one of writer for beautification, got 'tiny'"),
        ({"output_format": "png"}, "output_format", "not a field"),
        ({"steps": 3}, "steps", "not a field"),
        ({"negative_prompt": "x"}, "negative_prompt", "not a field"),
    ],
)
def test_a_bad_field_is_named_with_its_value_and_limit(
    http: httpx.Client, fields: dict[str, object], param: str, said: str
) -> None:
    response = http.post(PATH, json={**BODY, **fields})
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (422, "invalid_request", param)
    assert said in error["message"]


def test_without_a_language_model_the_service_is_unavailable(http: httpx.Client) -> None:
    response = http.post(PATH, json=BODY)
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (503, "model_unavailable")
    assert error["message"] == "no worker has announced a model for beautification yet"
