"""The content rules, as far as a request is held against them."""

import structlog

from service.errors import ContentFiltered
from service.metrics import GatewayMetrics
from service.requests import JobRequest, WordedRequest
from worker.jobs.words import WordList

REFUSAL = "prompt asks for what the content rules of this service do not allow"

log = structlog.get_logger("gateway")


def check_prompts(request: JobRequest, words: WordList | None, metrics: GatewayMetrics) -> None:
    """Raise ContentFiltered for a prompt with a blocked word; without a list nothing is checked.

    A negative prompt says what is not to be seen, and may name it.
    """
    if words is None or not isinstance(request, WordedRequest):
        return
    entry = words.find(request.prompt)
    metrics.count_decision("prompt", "passed" if entry is None else "blocked")
    if entry is not None:
        # Which word it was is for the operator; whoever is told would try the next spelling.
        log.warning("prompt blocked", param="prompt", entry=entry)
        raise ContentFiltered(REFUSAL, param="prompt")
