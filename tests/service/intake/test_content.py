"""Requests held against the content rules."""

import httpx
import pytest
from redis import Redis
from structlog.testing import capture_logs

from service.errors import ContentFiltered
from service.intake.content import check_prompts
from service.metrics import GatewayMetrics
from service.requests import BeautificationRequest, JobRequest, SuperResolutionRequest, TextToImageRequest
from worker.jobs.words import Entry, WordList

WORDS = WordList([Entry.parse("rats")])


@pytest.fixture
def metrics() -> GatewayMetrics:
    return GatewayMetrics()


def decisions(metrics: GatewayMetrics) -> dict[str, float]:
    """How many prompts have passed, and how many were blocked."""
    name, labels = "kandinsky_content_decisions_total", {"check": "prompt"}
    return {
        decision: metrics.registry.get_sample_value(name, {**labels, "decision": decision}) or 0
        for decision in ("passed", "blocked")
    }


@pytest.mark.parametrize("request_class", [TextToImageRequest, BeautificationRequest])
def test_a_blocked_prompt_is_refused_counted_and_logged(
    metrics: GatewayMetrics, request_class: type[JobRequest]
) -> None:
    request = request_class.model_validate({"prompt": "a dozen rats"})
    with capture_logs() as lines, pytest.raises(ContentFiltered) as caught:
        check_prompts(request, WORDS, metrics)
    assert (caught.value.param, "rats" in caught.value.message) == ("prompt", False)
    assert (lines[0]["event"], lines[0]["entry"]) == ("prompt blocked", "rats")
    assert decisions(metrics) == {"passed": 0, "blocked": 1}


def test_another_prompt_passes_and_is_counted(metrics: GatewayMetrics) -> None:
    check_prompts(TextToImageRequest(prompt="a dozen cats"), WORDS, metrics)
    assert decisions(metrics) == {"passed": 1, "blocked": 0}


def test_a_negative_prompt_may_name_what_is_not_to_be_seen(metrics: GatewayMetrics) -> None:
    check_prompts(TextToImageRequest(prompt="a cat", negative_prompt="rats"), WORDS, metrics)
    assert decisions(metrics)["blocked"] == 0


@pytest.mark.parametrize(
    ("request_made", "words"),
    [
        (TextToImageRequest(prompt="rats"), None),
        (SuperResolutionRequest.model_validate({"image": "rats"}), WORDS),
    ],
    ids=["no list", "no prompt"],
)
def test_where_there_is_nothing_to_check_nothing_is_decided(
    metrics: GatewayMetrics, request_made: JobRequest, words: WordList | None
) -> None:
    check_prompts(request_made, words, metrics)
    assert decisions(metrics) == {"passed": 0, "blocked": 0}


@pytest.mark.parametrize("prompt", ["a pornographic scene", "Порно"], ids=["english", "russian"])
@pytest.mark.parametrize("path", ["/v1/text-to-image", "/v1/prompts/beautify"])
def test_the_gateway_refuses_a_blocked_prompt(
    http: httpx.Client, family: None, redis: Redis, path: str, prompt: str
) -> None:
    response = http.post(path, json={"prompt": prompt})
    assert response.status_code == 422
    error = response.json()["error"]
    assert (error["code"], error["param"], error["type"]) == (
        "content_filtered",
        "prompt",
        "invalid_request_error",
    )
    assert list(redis.scan_iter("job:*")) == []


def test_the_gateway_counts_what_it_decides(http: httpx.Client) -> None:
    def blocked() -> float:
        [line] = [line for line in http.get("/metrics").text.splitlines() if 'decision="blocked"' in line]
        return float(line.rpartition(" ")[2])

    before = blocked()
    http.post("/v1/text-to-image", json={"prompt": "porn"})
    assert blocked() == before + 1
