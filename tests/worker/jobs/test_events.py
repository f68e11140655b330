"""The events of a job, followed live, late and again."""

import asyncio
import base64
from collections.abc import AsyncIterator

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from tests.worker.conftest import MakeJob
from worker.jobs.errors import JobNotFound
from worker.jobs.events import Event, follow
from worker.jobs.job import JobError, Output, Progress, Receipt
from worker.jobs.store import Claim, JobStore


@pytest.fixture
async def follower(valkey_url: str, redis: Redis) -> AsyncIterator[AsyncRedis]:
    async with AsyncRedis.from_url(valkey_url) as client:
        yield client


async def collect(follower: AsyncRedis, job_id: str, after: str = "0") -> list[Event]:
    async with asyncio.timeout(20):
        return [event async for event in follow(follower, job_id, after) if event is not None]


def status(name: str) -> dict[str, str]:
    return {"status": name, "stage": "text-to-image"}


def run_to_the_end(store: JobStore, claim: Claim, outputs: list[Output], receipt: Receipt) -> None:
    for step in (1, 2):
        store.report_progress(claim, Progress(step=step, steps=2, fraction=step / 2))
        store.report_preview(claim, step, b"picture", "image/jpeg")
    store.succeed(claim, receipt, outputs)


async def test_a_late_follower_gets_everything_in_order(
    store: JobStore, claim: Claim, outputs: list[Output], receipt: Receipt, follower: AsyncRedis
) -> None:
    run_to_the_end(store, claim, outputs, receipt)
    events = await collect(follower, claim.job.id)
    assert [event.data for event in events] == [
        status("queued"),
        status("running"),
        {"step": 1, "steps": 2, "fraction": 0.5},
        {"step": 2, "steps": 2, "fraction": 1.0},
        *(output.model_dump() for output in outputs),
        status("succeeded"),
    ]
    assert [event.type for event in events] == [*["status"] * 2, *["progress"] * 2, *["output"] * 2, "status"]


async def test_a_live_follower_gets_each_event_as_it_happens(
    store: JobStore, claim: Claim, outputs: list[Output], receipt: Receipt, follower: AsyncRedis
) -> None:
    following = asyncio.create_task(collect(follower, claim.job.id))
    await asyncio.to_thread(run_to_the_end, store, claim, outputs, receipt)
    assert (await following)[-1].data == status("succeeded")


async def test_any_event_can_be_resumed_after(
    store: JobStore, claim: Claim, outputs: list[Output], receipt: Receipt, follower: AsyncRedis
) -> None:
    run_to_the_end(store, claim, outputs, receipt)
    events = await collect(follower, claim.job.id)
    for number, event in enumerate(events, start=1):
        assert await collect(follower, claim.job.id, after=event.id) == events[number:]


@pytest.mark.parametrize("after", ["", "nonsense", "-", "$", "1-2-3", "9" * 40])
async def test_what_is_no_event_id_means_the_beginning(
    store: JobStore, make_job: MakeJob, follower: AsyncRedis, after: str
) -> None:
    job = store.cancel(store.create(make_job()).id)
    events = await collect(follower, job.id, after)
    assert [event.data["status"] for event in events] == ["queued", "canceled"]


async def test_more_events_than_one_read_takes(store: JobStore, claim: Claim, follower: AsyncRedis) -> None:
    for step in range(250):
        store.report_progress(claim, Progress(step=step, steps=250, fraction=step / 250))
    store.cancel(claim.job.id)
    assert len(await collect(follower, claim.job.id)) == 253


async def test_a_failure_comes_with_its_error(store: JobStore, claim: Claim, follower: AsyncRedis) -> None:
    store.fail(claim, JobError(code="internal", message="сломалось"))
    last = (await collect(follower, claim.job.id))[-1]
    assert last.data == {**status("failed"), "error": {"code": "internal", "message": "сломалось"}}


async def test_only_the_newest_preview_is_kept(store: JobStore, claim: Claim, follower: AsyncRedis) -> None:
    for step in (1, 2):
        store.report_preview(claim, step, b"picture", "image/jpeg")
    stream = follow(follower, claim.job.id)
    events = [await anext(stream) for _ in range(3)]
    url = f"data:image/jpeg;base64,{base64.b64encode(b'picture').decode()}"
    assert events[-1] is not None
    assert events[-1].data == {"step": 2, "image": url}


async def test_recovery_shows(store: JobStore, claim: Claim, follower: AsyncRedis) -> None:
    store.renew(claim, lease_seconds=-1)
    store.recover(max_attempts=3)
    store.cancel(claim.job.id)
    events = await collect(follower, claim.job.id)
    assert [event.data["status"] for event in events] == ["queued", "running", "queued", "canceled"]


async def test_heartbeat(store: JobStore, claim: Claim, follower: AsyncRedis) -> None:
    stream = follow(follower, claim.job.id, heartbeat_seconds=0.02)
    events = [await anext(stream) for _ in range(5)]
    assert events[2:] == [None] * 3


@pytest.mark.parametrize("job_id", ["job_" + "0" * 26, "job_1", "*"])
async def test_no_such_job(follower: AsyncRedis, job_id: str) -> None:
    with pytest.raises(JobNotFound):
        await anext(follow(follower, job_id))


async def test_a_follower_can_be_canceled_at_any_moment(
    store: JobStore, claim: Claim, follower: AsyncRedis
) -> None:
    for num_turns in range(60):
        following = asyncio.create_task(collect(follower, claim.job.id))
        for _ in range(num_turns):
            await asyncio.sleep(0)
        following.cancel()
        with pytest.raises(asyncio.CancelledError):
            await following
    store.cancel(claim.job.id)
    assert (await collect(follower, claim.job.id))[-1].data == status("canceled")


async def test_a_client_of_text_works_too(store: JobStore, claim: Claim, valkey_url: str) -> None:
    store.cancel(claim.job.id)
    async with AsyncRedis.from_url(valkey_url, decode_responses=True) as client:
        assert len(await collect(client, claim.job.id)) == 3
