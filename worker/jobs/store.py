"""The job records: the truth about every job, and the only place where one changes."""

import base64
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json
from redis import Redis
from redis.commands.core import Script

from worker.jobs.backlog import QUEUES, RUNNING, queued_key
from worker.jobs.errors import (
    IllegalTransition,
    JobNotFound,
    LeaseLost,
    OwnerBusy,
    QueueFull,
    WaitTooLong,
)
from worker.jobs.job import Job, JobError, Output, Progress, Receipt, Status
from worker.jobs.message import message, messages_key
from worker.jobs.moves import BAND_MS, Move, failure, made
from worker.jobs.record import RANKS, decode, encode, events_key, owned_key, record_key
from worker.jobs.retention import ENDED, now_ms
from worker.jobs.stages import queue_of
from worker.jobs.submitted import Submitted

#: Channel on which the ids of canceled jobs are published.
CANCELED = "jobs:canceled"
DEADLINES = "jobs:deadlines"
#: How many jobs one pass of `recover` or `expire_overdue` takes at most.
PASS = 500
#: How many jobs `newest` reads at a time.
PAGE = 100
#: When pictures that a worker has stored for a removed job are looked for.
REMOVED_MS = 300_000

_TEXTS = TypeAdapter(list[str])


@dataclass(frozen=True)
class Queued:
    """A job that was taken in, and how many were before it; None when a worker has taken it since."""

    job: Job
    num_before: int | None


@dataclass(frozen=True)
class Claim:
    """A job that a worker holds, and the token that proves it."""

    job: Job
    token: str


class JobStore:
    """All jobs in one Redis database; every change is one script, so it happens whole or not at all.

    Redis failures come out as `redis.exceptions.RedisError`.
    """

    def __init__(
        self, redis: Redis, retention_seconds: float = 86_400, max_queue_length: int = 1_000
    ) -> None:
        self._redis = redis
        self._retention_ms = int(retention_seconds * 1000)
        self._max_queue_length = max_queue_length
        self._create = _script(redis, "create")
        self._transition = _script(redis, "transition")
        self._report = _script(redis, "report")
        self._renew = _script(redis, "renew")

    def create(self, job: Job, submitted: Submitted | None = None, max_active: int | None = None) -> Job:
        """Record a new job as queued, without sending it. Raises what `enqueue` does."""
        return self.enqueue(job, submitted, max_active).job

    def enqueue(
        self,
        job: Job,
        submitted: Submitted | None = None,
        max_active: int | None = None,
        max_before: int | None = None,
        send: bool = False,
    ) -> Queued:
        """Record a new job as queued, and with `send` wake a worker for it.

        Raises QueueFull; OwnerBusy when its owner has `max_active` jobs that are queued or running;
        WaitTooLong when more than `max_before` jobs are before it; AlreadySubmitted and IdempotencyKeyReused;
        and IllegalTransition when its id is taken by another.
        """
        keys = [record_key(job.id), events_key(job.id), queued_key(job.queue), DEADLINES, ENDED, QUEUES]
        keys += [owned_key(job.owner), f"jobs:active:{job.owner}"]
        keys += [submitted.record_key(job.owner) if submitted else "", messages_key(job.queue, job.priority)]
        plan = {
            "id": job.id,
            "message": message(job) if send else None,
            "max_queued": self._max_queue_length,
            "max_active": max_active,
            "max_before": max_before,
            "band": RANKS[job.priority] * BAND_MS,
            "deadline_ms": job.deadline_at and _ms_until(job.deadline_at),
            "fingerprint": submitted and submitted.fingerprint,
            "keep_ms": submitted and submitted.keep_seconds * 1000,
        }
        fields = [text for pair in encode(job).items() for text in pair]
        outcome, *told = _TEXTS.validate_python(self._create(keys, [to_json(plan), *fields]))
        match outcome:
            case "full":
                raise QueueFull(job.queue, self._max_queue_length)
            case "busy":
                raise OwnerBusy(max_active or 0)
            case "late":
                raise WaitTooLong(job.queue, int(told[0]))
            case "exists":
                raise IllegalTransition(job.id, self.get(job.id).status, Status.QUEUED)
            case "replayed" if submitted:
                raise submitted.replay_of(*told)
        before, *pairs = told
        return Queued(_job(pairs), int(before) if before else None)

    def check_submitted(self, owner: str, submitted: Submitted) -> None:
        """Raise AlreadySubmitted or IdempotencyKeyReused as `create` would, before anything is done."""
        job_id, fingerprint = self._redis.hmget(submitted.record_key(owner), "job", "fingerprint")
        if job_id is not None:
            raise submitted.replay_of(*_TEXTS.validate_python([job_id, fingerprint]))

    def get(self, job_id: str) -> Job:
        """The job as it stands. Raises JobNotFound."""
        record = self._redis.hgetall(record_key(job_id))
        if not record:
            raise JobNotFound(job_id)
        try:
            return decode(record)
        except ValidationError as error:
            # Written by a version of this program that is not ours.
            raise JobNotFound(job_id) from error

    def claim(
        self, job_id: str, worker: str, lease_seconds: float, queues: Sequence[str] = ()
    ) -> Claim | None:
        """Start a queued job for a worker that takes from `queues`, or expire it if its deadline has passed.

        Returns None when there is nothing to do, as for a message that came twice, or came so late that the
        job has gone on to a queue of others. Without `queues` the worker takes from all.
        """
        token = secrets.token_hex(8)
        start = Move(
            sources=[Status.QUEUED],
            to=Status.RUNNING,
            attempts=1,
            lease_ms=int(lease_seconds * 1000),
            fields={"worker": worker, "token": token},
            queues=queues,
        )
        moved = self._move(job_id, start)
        if moved == "late":
            self._expire(job_id)
        return None if isinstance(moved, str) else Claim(moved, token)

    def renew(self, claim: Claim, lease_seconds: float) -> None:
        """Make the lease last this long from now. Raises LeaseLost."""
        keys = [record_key(claim.job.id), RUNNING]
        if not self._renew(keys, [claim.job.id, claim.token, int(lease_seconds * 1000)]):
            raise LeaseLost(claim.job.id)

    def report_progress(self, claim: Claim, progress: Progress) -> None:
        """Record how far the job is. Raises LeaseLost."""
        self._append(claim, "progress", progress.model_dump_json())

    def report_preview(self, claim: Claim, step: int, picture: bytes, content_type: str) -> None:
        """Show what the job looks like now; takes the place of its last preview. Raises LeaseLost."""
        url = f"data:{content_type};base64,{base64.b64encode(picture).decode()}"
        self._append(claim, "preview", to_json({"step": step, "image": url}).decode())

    def succeed(
        self,
        claim: Claim,
        receipt: Receipt,
        outputs: Sequence[Output] = (),
        text: str | None = None,
        warnings: Sequence[str] = (),
    ) -> Job:
        """End the job with what its last stage has made. Raises LeaseLost."""
        documents = [output.model_dump_json() for output in outputs]
        done = Progress(step=receipt.steps, steps=receipt.steps, fraction=1)
        move = Move(
            sources=[Status.RUNNING],
            to=Status.SUCCEEDED,
            token=claim.token,
            receipted=True,
            fields={
                "outputs": f"[{','.join(documents)}]",
                "progress": done.model_dump_json(),
                **made(claim.job, receipt, text, warnings),
            },
            events=[("output", document) for document in documents],
        )
        return self._move_held(claim, move)

    def advance(
        self, claim: Claim, receipt: Receipt, text: str | None = None, warnings: Sequence[str] = ()
    ) -> Job:
        """Queue the job for its next stage, which has all its attempts before it. Raises LeaseLost."""
        job, index = claim.job, claim.job.stage_index + 1
        following = job.stages[index]
        done = Progress(step=0, steps=0, fraction=round(index / len(job.stages), 4))
        move = Move(
            sources=[Status.RUNNING],
            to=Status.QUEUED,
            token=claim.token,
            receipted=True,
            fields={
                "stage_index": str(index),
                "stage": following.kind,
                "queue": queue_of(following),
                "attempts": "0",
                "progress": done.model_dump_json(),
                **made(job, receipt, text, warnings),
            },
        )
        return self._move_held(claim, move)

    def fail(self, claim: Claim, error: JobError) -> Job:
        """End the job with an error. Raises LeaseLost."""
        return self._move_held(claim, failure(error, token=claim.token))

    def hand_back(self, claim: Claim) -> Job:
        """Queue the job again, as if this attempt had never started. Raises LeaseLost."""
        move = Move(
            sources=[Status.RUNNING],
            to=Status.QUEUED,
            token=claim.token,
            attempts=-1,
        )
        return self._move_held(claim, move)

    def cancel(self, job_id: str) -> Job:
        """End a job that has not ended; its worker hears of it at once. Raises JobNotFound."""
        moved = self._move(job_id, Move([Status.QUEUED, Status.RUNNING], Status.CANCELED))
        return self.get(job_id) if isinstance(moved, str) else moved

    def reject(self, job_id: str, error: JobError) -> Job:
        """End a job that was created but will not be sent. Raises JobNotFound."""
        fields = {"error": error.model_dump_json()}
        moved = self._move(job_id, Move([Status.QUEUED], Status.FAILED, fields=fields))
        return self.get(job_id) if isinstance(moved, str) else moved

    def remove(self, job_id: str) -> None:
        """Drop a job at once, whatever its status; delete its pictures as well. Raises JobNotFound.

        A worker that still holds it learns that its lease is lost, and what it may have stored meanwhile goes
        with the next sweep but for a few minutes.
        """
        job = self.cancel(job_id)
        with self._redis.pipeline() as pipeline:
            pipeline.delete(record_key(job_id), events_key(job_id))
            pipeline.zrem(owned_key(job.owner), job_id)
            pipeline.zadd(ENDED, {job_id: now_ms(self._redis) + REMOVED_MS})
            pipeline.execute()

    def newest(self, owner: str, before: str | None = None) -> Iterator[Job]:
        """The jobs of an owner, newest first: all, or those older than the one whose id is `before`."""
        last = f"({before}" if before else "+"
        while page := self._page(owner, last):
            last = f"({page[-1]}"
            with self._redis.pipeline(transaction=False) as pipeline:
                for job_id in page:
                    pipeline.hgetall(record_key(job_id))
                records = pipeline.execute()
            self._disown(owner, [job_id for job_id, record in zip(page, records, strict=True) if not record])
            yield from filter(None, map(_readable, records))

    def recover(self, max_attempts: int) -> list[Job]:
        """Take the jobs whose lease has ended from their workers.

        Returns them: queued again and to be sent, or failed because this was their last attempt.
        """
        moved = [self._recover(job_id, max_attempts) for job_id in self._due(RUNNING)]
        return [job for job in moved if isinstance(job, Job)]

    def expire_overdue(self) -> list[Job]:
        """Expire the jobs that have never started and whose deadline has passed; returns them."""
        moved = [self._expire(job_id) for job_id in self._due(DEADLINES)]
        return [job for job in moved if isinstance(job, Job)]

    def _disown(self, owner: str, gone: Sequence[str]) -> None:
        """Forget whose those were whose records ended by themselves, while nobody swept them."""
        if gone:
            self._redis.zrem(owned_key(owner), *gone)

    def _page(self, owner: str, last: str) -> list[str]:
        ids = self._redis.zrange(owned_key(owner), last, "-", desc=True, bylex=True, offset=0, num=PAGE)
        return _TEXTS.validate_python(ids)

    def _recover(self, job_id: str, max_attempts: int) -> Job | str:
        attempts = int(self._redis.hget(record_key(job_id), "attempts") or 0)
        if attempts < max_attempts:
            return self._move(job_id, Move([Status.RUNNING], Status.QUEUED, lapsed=True))
        message = f"the worker stopped answering in each of {attempts} attempts"
        return self._move(job_id, failure(JobError(code="internal", message=message), lapsed=True))

    def _expire(self, job_id: str) -> Job | str:
        return self._move(job_id, Move([Status.QUEUED], Status.EXPIRED))

    def _move_held(self, claim: Claim, move: Move) -> Job:
        moved = self._move(claim.job.id, move)
        if isinstance(moved, str):
            raise LeaseLost(claim.job.id)
        return moved

    def _move(self, job_id: str, move: Move) -> Job | str:
        """The moved job, or why it did not move."""
        keys = [record_key(job_id), events_key(job_id), RUNNING, ENDED, DEADLINES, QUEUES]
        plan = to_json({**vars(move), "retention_ms": self._retention_ms})
        outcome, *record = _TEXTS.validate_python(self._transition(keys, [job_id, plan]))
        if outcome != "moved":
            return outcome
        try:
            return _job(record)
        except ValidationError:
            return "foreign"

    def _append(self, claim: Claim, event: str, data: str) -> None:
        keys = [record_key(claim.job.id), events_key(claim.job.id)]
        if not self._report(keys, [claim.token, event, data]):
            raise LeaseLost(claim.job.id)

    def _due(self, index: str) -> list[str]:
        due = self._redis.zrangebyscore(index, 0, now_ms(self._redis), start=0, num=PASS)
        return _TEXTS.validate_python(due)


def _script(redis: Redis, name: str) -> Script:
    return redis.register_script(files("worker.jobs").joinpath("lua", f"{name}.lua").read_text())


def _ms_until(moment: datetime) -> int:
    """How long until then by our own clock: that of Redis, which counts, may be another."""
    return int(1000 * (moment - datetime.now(UTC)).total_seconds())


def _readable(record: object) -> Job | None:
    """The job in a record; None for one that has gone, or is not of this version of the program."""
    try:
        return decode(record) if record else None
    except ValidationError:
        return None


def _job(pairs: list[str]) -> Job:
    return decode(dict(zip(pairs[::2], pairs[1::2], strict=True)))
