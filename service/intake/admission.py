"""Admission: a plan becomes a job when its models can do what it asks."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from service.access.callers import Caller
from service.errors import InvalidRequest
from service.planning.composition import compose
from service.planning.plan import Plan
from service.planning.styles import Style
from service.requests import DrawingRequest, JobRequest, WordedRequest
from worker.jobs.job import Job, Webhook


def admit(plan: Plan, caller: Caller, request_id: str, webhook: Webhook | None) -> Job:
    """A new job for what a caller asks of the models of a plan. Raises InvalidRequest."""
    request = plan.request
    wait = request.deadline_seconds
    return Job(
        id=plan.job_id,
        kind=request.kind,
        owner=caller.owner,
        stages=compose(plan),
        priority=caller.grant(request.priority),
        deadline_at=None if wait is None else datetime.now(UTC) + timedelta(seconds=wait),
        metadata=request.metadata,
        request_id=request_id,
        webhook=webhook,
    )


def find_style(request: JobRequest, styles: Mapping[str, Style]) -> Style | None:
    """The style that a request names, None for none. Raises InvalidRequest."""
    if not isinstance(request, WordedRequest) or request.style is None:
        return None
    if request.style not in styles:
        message = f"style should be one of {', '.join(styles)}, got {request.style!r}"
        raise InvalidRequest(message, param="style")
    return styles[request.style]


def check_lengths(request: JobRequest, max_characters: int) -> None:
    """Raise InvalidRequest for a prompt that is too long."""
    prompts: dict[str, str | None] = {}
    if isinstance(request, WordedRequest):
        prompts["prompt"] = request.prompt
    if isinstance(request, DrawingRequest):
        prompts["negative_prompt"] = request.negative_prompt
    for param, prompt in prompts.items():
        length = len(prompt or "")
        if length > max_characters:
            message = f"{param} should have at most {max_characters} characters, got {length}"
            raise InvalidRequest(message, param=param)
