"""`httpx` against the native routes: what a program does, from the request to the picture."""

import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import httpx
import pytest
from PIL import Image

from worker.jobs.keys import KeyStore

WAIT = {"Prefer": "wait=60"}
SMALL = {"prompt": "a red apple", "width": 256, "height": 256}


def ask(http: httpx.Client, path: str = "/v1/text-to-image", **fields: object) -> dict[str, Any]:
    """A job that has just been asked for."""
    answer = http.post(path, json={**SMALL, **fields}).raise_for_status()
    job: dict[str, Any] = answer.json()
    return job


def events(
    http: httpx.Client, job: dict[str, Any], last_id: str | None = None
) -> Iterator[tuple[str, str, Any]]:
    """Id, type and data of what happens to a job."""
    headers = {} if last_id is None else {"Last-Event-ID": last_id}
    fields: dict[str, str] = {}
    with http.stream("GET", job["urls"]["events"], headers=headers) as answer:
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            fields[name] = value
            if not line and "data" in fields:
                yield fields["id"], fields["event"], json.loads(fields["data"])
                fields = {}


def test_waiting_gives_the_ended_job(http: httpx.Client) -> None:
    answer = http.post("/v1/text-to-image", json=SMALL, headers=WAIT)
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
    assert answer.json()["receipt"]["steps"] == answer.json()["input"]["steps"]


def test_all_stages_of_one_job_end_in_a_larger_picture(http: httpx.Client) -> None:
    fields = {**SMALL, "beautify": True, "refine": 1, "upscale": 2, "output_format": "webp"}
    job = http.post("/v1/text-to-image", json=fields, headers=WAIT).json()
    with Image.open(BytesIO(http.get(job["outputs"][0]["url"]).content)) as picture:
        assert (picture.format, picture.size) == ("WEBP", (512, 512))
    assert job["text"] != SMALL["prompt"]


def test_a_stream_goes_on_after_the_last_event_seen(http: httpx.Client) -> None:
    job = ask(http)
    # Of the previews only the newest is kept.
    told = [event for event in events(http, job) if event[1] != "preview"]
    again = [event for event in events(http, job, told[1][0]) if event[1] != "preview"]
    assert again == told[2:]
    assert told[-1][2]["status"] == "succeeded"


def test_a_picture_of_a_job_is_the_input_of_another(http: httpx.Client) -> None:
    *_, (_, _, drawn) = events(http, ask(http))
    body = {"scale": 2, "image": {"job": drawn["id"], "index": 0}}
    larger = http.post("/v1/super-resolution", json=body, headers=WAIT).json()
    assert (larger["status"], larger["outputs"][0]["width"]) == ("succeeded", 512)


def test_jobs_are_listed_page_by_page(http: httpx.Client) -> None:
    newest = [ask(http)["id"] for _ in range(3)][::-1]
    first = http.get("/v1/jobs", params={"limit": 2}).json()
    second = http.get("/v1/jobs", params={"limit": 1, "cursor": first["next_cursor"]}).json()
    assert [job["id"] for job in first["data"] + second["data"]] == newest


def test_a_job_is_canceled_and_removed(http: httpx.Client) -> None:
    job = ask(http, steps=200)
    assert http.post(job["urls"]["cancel"]).json()["status"] == "canceled"
    assert http.delete(job["urls"]["self"]).status_code == 204
    assert http.get(job["urls"]["self"]).status_code == 404


def test_a_picture_is_cached_by_its_tag(http: httpx.Client) -> None:
    url = http.post("/v1/text-to-image", json=SMALL, headers=WAIT).json()["outputs"][0]["url"]
    first = http.get(url)
    again = http.get(url, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_what_the_service_offers_is_told(http: httpx.Client) -> None:
    models = {model["id"]: model for model in http.get("/v1/models").json()["data"]}
    queues = {(queue["kind"], queue["model"]) for queue in http.get("/v1/queue").json()["data"]}
    assert models["mock"]["workers"] != []
    assert ("text-to-image", "mock") in queues


def test_limits_of_a_key_are_told_and_kept(http: httpx.Client, keys: KeyStore) -> None:
    _, token = keys.create("limited", rate="2/hour")
    hasty = {"Authorization": f"Bearer {token}"}
    answers = [http.post("/v1/text-to-image", json=SMALL, headers=hasty) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert answers[-1].json()["error"]["code"] == "rate_limited"


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/models", "/key/api/v1/pipelines"])
def test_nothing_is_told_without_a_key(url: str, path: str) -> None:
    refused = httpx.get(url + path, trust_env=False)
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
