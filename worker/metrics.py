"""Metrics of a worker."""

from itertools import product
from typing import Literal, get_args

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics, start_http_server

from worker.jobs.stages import Kind

#: What can become of a stage of a job that a worker has started; `advanced` leaves another to do.
Outcome = Literal["succeeded", "advanced", "failed", "canceled", "handed_back", "lost"]
#: Those after which it has ended.
ENDS = ("succeeded", "advanced", "failed", "canceled")
#: What is held against the content rules: what a language model wrote, a finished picture, a preview of one.
ContentCheck = Literal["text", "picture", "preview"]
ContentDecision = Literal["passed", "blocked"]
#: What can become of an attempt to tell a webhook something; `dropped` is a message whose job has gone.
Told = Literal["delivered", "retried", "given_up", "dropped"]

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)

QUEUE_WAIT_SECONDS = Histogram(
    "kandinsky_queue_wait_seconds", "Time of a stage from queued to started.", ["kind"], buckets=_SECONDS
)
JOB_SECONDS = Histogram(
    "kandinsky_job_seconds", "Time of a stage from started to ended.", ["kind"], buckets=_SECONDS
)
JOBS_ENDED = Counter(
    "kandinsky_jobs_ended",
    "Stages let go of, by outcome: succeeded, advanced, failed, canceled, handed_back or lost.",
    ["kind", "outcome"],
)
JOBS_HELD = Gauge("kandinsky_jobs_held", "Jobs that this worker holds now.")
BATCH_SIZE = Histogram(
    "kandinsky_batch_size", "Samples that shared a step.", buckets=(1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
)
STEP_SECONDS = Histogram("kandinsky_step_seconds", "Time of one evaluation of the network.", buckets=_SECONDS)
ENCODE_SECONDS = Histogram("kandinsky_encode_seconds", "Time to encode waiting prompts.", buckets=_SECONDS)
DECODE_SECONDS = Histogram("kandinsky_decode_seconds", "Time to decode finished samples.", buckets=_SECONDS)
CONTENT_DECISIONS = Counter(
    "kandinsky_content_decisions",
    "What the content rules let pass and what they blocked.",
    ["check", "decision"],
)
WEBHOOK_DELIVERIES = Counter(
    "kandinsky_webhook_deliveries",
    "Attempts to tell a webhook something, by outcome: delivered, retried, given_up; or dropped without one.",
    ["outcome"],
)


def count_job(kind: Kind, outcome: Outcome, seconds: float) -> None:
    """Count a stage that this worker has let go of, `seconds` after it started it."""
    JOBS_ENDED.labels(kind, outcome).inc()
    if outcome in ENDS:
        JOB_SECONDS.labels(kind).observe(seconds)


def serve(port: int) -> None:
    """Serve `/metrics` on a TCP port, or nowhere if that is 0. Raises OSError."""
    # The times at which counters were made double the number of series and serve nobody here.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    # A rate shows from the first job on only if its counter was there before.
    for kind, outcome in product(Kind, get_args(Outcome)):
        JOBS_ENDED.labels(kind, outcome)
    for check, decision in product(get_args(ContentCheck), get_args(ContentDecision)):
        CONTENT_DECISIONS.labels(check, decision)
    for outcome in get_args(Told):
        WEBHOOK_DELIVERIES.labels(outcome)
    if port:
        start_http_server(port)
