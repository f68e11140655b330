"""The events of a job, followed live, late and again."""

import asyncio
import base64
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from tests.worker.conftest import MakeJob
from worker.jobs.errors import JobNotFound
from worker.jobs.events import Event, follow, wait
from worker.jobs.job import JobError, Output, Progress, Receipt
from worker.jobs.store import Claim, JobStore
from worker.jobs.wakeups import Wakeups


@dataclass(frozen=True)
class Follower:
    """One who follows jobs, and hears of events as they happen."""

    redis: AsyncRedis
    wakeups: Wakeups

    def follow(self, job_id: str, after: str = "0") -> AsyncGenerator[Event]:
        return follow(self.redis, self.wakeups, job_id, after)

    async def collect(self, job_id: str, after: str = "0") -> list[Event]:
        async with asyncio.timeout(20):
            return [event async for event in self.follow(job_id, after)]


@pytest.fixture
async def follower(valkey_url: str, redis: Redis) -> AsyncIterator[Follower]:
    async with AsyncRedis.from_url(valkey_url) as client:
        wakeups = Wakeups(client)
        listening = asyncio.create_task(wakeups.run())
        yield Follower(client, wakeups)
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening


def status(name: str) -> dict[str, str]:
    return {"status": name, "stage": "text-to-image"}


def run_to_the_end(store: JobStore, claim: Claim, outputs: list[Output], receipt: Receipt) -> None:
    for step in (1, 2):
        store.report_progress(claim, Progress(step=step, steps=2, fraction=step / 2))
        store.report_preview(claim, step, b"picture", "image/jpeg")
    store.succeed(claim, receipt, outputs)


async def test_a_late_follower_gets_everything_in_order(
    store: JobStore, claim: Claim, outputs: list[Output], receipt: Receipt, follower: Follower
) -> None:
    run_to_the_end(store, claim, outputs, receipt)
    events = await follower.collect(claim.job.id)
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
    store: JobStore, claim: Claim, outputs: list[Output], receipt: Receipt, follower: Follower
) -> None:
    following = asyncio.create_task(follower.collect(claim.job.id))
    await asyncio.to_thread(run_to_the_end, store, claim, outputs, receipt)
    assert (await following)[-1].data == status("succeeded")


async def test_any_event_can_be_resumed_after(
    store: JobStore, claim: Claim, outputs: list[Output], receipt: Receipt, follower: Follower
) -> None:
    run_to_the_end(store, claim, outputs, receipt)
    events = await follower.collect(claim.job.id)
    for number, event in enumerate(events, start=1):
        assert await follower.collect(claim.job.id, after=event.id) == events[number:]


@pytest.mark.parametrize("after", ["", "nonsense", "-", "$", "1-2-3", "9" * 40])
async def test_what_is_no_event_id_means_the_beginning(
    store: JobStore, make_job: MakeJob, follower: Follower, after: str
) -> None:
    job = store.cancel(store.create(make_job()).id)
    events = await follower.collect(job.id, after)
    assert [event.data["status"] for event in events] == ["queued", "canceled"]


async def test_more_events_than_one_read_takes(store: JobStore, claim: Claim, follower: Follower) -> None:
    for step in range(250):
        store.report_progress(claim, Progress(step=step, steps=250, fraction=step / 250))
    store.cancel(claim.job.id)
    assert len(await follower.collect(claim.job.id)) == 253


async def test_a_failure_comes_with_its_error(store: JobStore, claim: Claim, follower: Follower) -> None:
    store.fail(claim, JobError(code="internal", message="сломалось"))
    last = (await follower.collect(claim.job.id))[-1]
    assert last.data == {**status("failed"), "error": {"code": "internal", "message": "сломалось"}}


async def test_only_the_newest_preview_is_kept(store: JobStore, claim: Claim, follower: Follower) -> None:
    for step in (1, 2):
        store.report_preview(claim, step, b"picture", "image/jpeg")
    stream = follower.follow(claim.job.id)
    events = [await anext(stream) for _ in range(3)]
    url = f"data:image/jpeg;base64,{base64.b64encode(b'picture').decode()}"
    assert events[-1].data == {"step": 2, "image": url}


async def test_recovery_shows(store: JobStore, claim: Claim, follower: Follower) -> None:
    store.renew(claim, lease_seconds=-1)
    store.recover(max_attempts=3)
    store.cancel(claim.job.id)
    events = await follower.collect(claim.job.id)
    assert [event.data["status"] for event in events] == ["queued", "running", "queued", "canceled"]


@pytest.mark.parametrize("job_id", ["job_" + "0" * 26, "job_1", "*"])
async def test_no_such_job(follower: Follower, job_id: str) -> None:
    with pytest.raises(JobNotFound):
        await anext(follower.follow(job_id))


async def test_a_follower_can_be_canceled_at_any_moment(
    store: JobStore, claim: Claim, follower: Follower
) -> None:
    for num_turns in range(60):
        following = asyncio.create_task(follower.collect(claim.job.id))
        for _ in range(num_turns):
            await asyncio.sleep(0)
        following.cancel()
        with pytest.raises(asyncio.CancelledError):
            await following
    store.cancel(claim.job.id)
    assert (await follower.collect(claim.job.id))[-1].data == status("canceled")


async def test_a_client_of_text_works_too(
    store: JobStore, claim: Claim, follower: Follower, valkey_url: str
) -> None:
    store.cancel(claim.job.id)
    async with AsyncRedis.from_url(valkey_url, decode_responses=True) as client:
        assert len(await Follower(client, follower.wakeups).collect(claim.job.id)) == 3


async def test_a_removed_job_ends_what_follows_it(store: JobStore, claim: Claim, follower: Follower) -> None:
    events = follower.follow(claim.job.id, after=(await last_event(follower, claim)).id)
    following = asyncio.create_task(anext(events))
    await asyncio.to_thread(store.remove, claim.job.id)
    with suppress(JobNotFound):
        assert (await following).data == status("canceled")
    with pytest.raises((JobNotFound, StopAsyncIteration)):
        await anext(events)


async def test_all_following_can_be_ended(claim: Claim, follower: Follower) -> None:
    following = asyncio.create_task(follower.collect(claim.job.id))
    waiting = asyncio.create_task(wait(follower.redis, follower.wakeups, claim.job.id))
    await asyncio.sleep(0)
    follower.wakeups.close()
    await waiting
    assert [event.data for event in await following] == [status("queued"), status("running")]


async def test_waiting_ends_with_the_job(store: JobStore, claim: Claim, follower: Follower) -> None:
    waiting = asyncio.create_task(wait(follower.redis, follower.wakeups, claim.job.id))
    store.cancel(claim.job.id)
    async with asyncio.timeout(20):
        await waiting


async def test_nobody_waits_for_no_job(follower: Follower) -> None:
    with pytest.raises(JobNotFound):
        await wait(follower.redis, follower.wakeups, "job_" + "0" * 26)


async def last_event(follower: Follower, claim: Claim) -> Event:
    stream = follower.follow(claim.job.id)
    return [await anext(stream) for _ in range(2)][-1]
