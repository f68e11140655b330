"""A client of FusionBrain's API, written to its public documentation."""

import json
from typing import Any

import httpx

from tests.polling import until


class FusionBrain:
    """Speaks to one host with an API key and its secret, as their documentation has it."""

    def __init__(self, url: str, key: str, secret: str) -> None:
        headers = {"X-Key": f"Key {key}", "X-Secret": f"Secret {secret}"}
        self.http = httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False)

    def __enter__(self) -> "FusionBrain":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def pipeline(self) -> str:
        """The id of the first pipeline."""
        pipelines = self.http.get("/key/api/v1/pipelines").raise_for_status().json()
        return str(pipelines[0]["id"])

    def run(self, pipeline: str, query: str, **params: object) -> httpx.Response:
        """Ask for pictures of a prompt."""
        told = {"type": "GENERATE", "numImages": 1, "generateParams": {"query": query}, **params}
        parts = {
            "pipeline_id": (None, pipeline),
            "params": (None, json.dumps(told), "application/json"),
        }
        return self.http.post("/key/api/v1/pipeline/run", files=parts)

    def status(self, uuid: str) -> dict[str, Any]:
        """What has become of a request."""
        answer = self.http.get(f"/key/api/v1/pipeline/status/{uuid}").raise_for_status()
        status: dict[str, Any] = answer.json()
        return status

    def wait(self, uuid: str) -> dict[str, Any]:
        """The status of a request once it is done or has failed."""
        until(lambda: self.status(uuid)["status"] in ("DONE", "FAIL"))
        return self.status(uuid)
