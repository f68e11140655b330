"""Followers are woken by what happens to their jobs, all over one connection."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.client import PubSub
from structlog.testing import capture_logs

from tests.processes import Server
from tests.worker.conftest import MakeJob
from worker.jobs.errors import JobNotFound
from worker.jobs.job import Progress
from worker.jobs.store import Claim, JobStore
from worker.jobs.wakeups import Wakeups


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[Wakeups]:
    async with AsyncRedis.from_url(url, socket_timeout=1) as client:
        wakeups = Wakeups(client)
        task = asyncio.create_task(wakeups.run())
        yield wakeups
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def wakeups(valkey_url: str, redis: Redis) -> AsyncIterator[Wakeups]:
    async with listening(valkey_url) as wakeups:
        yield wakeups


async def is_set(woken: asyncio.Event) -> bool:
    async with asyncio.timeout(20):
        return await woken.wait()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


def listeners(redis: Redis) -> list[dict[str, str]]:
    listed: list[dict[str, str]] = redis.client_list(_type="pubsub")
    return listed


async def test_whoever_begins_to_listen_is_woken(claim: Claim, wakeups: Wakeups) -> None:
    with wakeups.of(claim.job.id) as woken:
        assert await is_set(woken)


async def test_an_event_wakes_those_who_follow_its_job(
    store: JobStore, claim: Claim, make_job: MakeJob, wakeups: Wakeups
) -> None:
    other = store.create(make_job())
    with wakeups.of(claim.job.id) as one, wakeups.of(claim.job.id) as two, wakeups.of(other.id) as else_:
        for woken in (one, two, else_):
            await is_set(woken)
            woken.clear()
        store.report_progress(claim, Progress(step=1, steps=2, fraction=0.5))
        assert [await is_set(one), await is_set(two), else_.is_set()] == [True, True, False]


async def test_a_lost_connection_is_opened_again_and_wakes_everybody(
    redis: Redis, store: JobStore, claim: Claim, wakeups: Wakeups
) -> None:
    with wakeups.of(claim.job.id) as woken:
        await is_set(woken)
        woken.clear()
        redis.client_kill_filter(_type="pubsub")
        # As listening begins anew.
        await is_set(woken)
        woken.clear()
        store.cancel(claim.job.id)
        assert await is_set(woken)


async def test_all_share_one_connection(
    redis: Redis, store: JobStore, make_job: MakeJob, wakeups: Wakeups
) -> None:
    for _ in range(20):
        with wakeups.of(store.create(make_job()).id) as woken:
            await is_set(woken)
    with wakeups.of(store.create(make_job()).id) as woken:
        await is_set(woken)
        assert len(listeners(redis)) == 1


async def test_what_nobody_follows_is_not_listened_to(redis: Redis, claim: Claim, wakeups: Wakeups) -> None:
    with wakeups.of(claim.job.id) as woken:
        await is_set(woken)
        assert redis.pubsub_channels() == [f"job:{claim.job.id}:events".encode()]
    await until(lambda: not redis.pubsub_channels())


async def test_redis_is_asked_whether_it_is_still_there(
    redis: Redis, store: JobStore, claim: Claim, wakeups: Wakeups, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.jobs.wakeups.SILENCE_SECONDS", 0.3)
    with wakeups.of(claim.job.id) as woken:
        await is_set(woken)
        [before] = listeners(redis)
        await until(lambda: listeners(redis)[0]["cmd"] == "ping")
        assert listeners(redis)[0]["id"] == before["id"]


async def test_a_redis_that_falls_silent_is_connected_to_anew(
    tmp_path: Path, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.jobs.wakeups.SILENCE_SECONDS", 0.1)
    server = Server(tmp_path)
    server.start()
    async with listening(server.url) as wakeups:
        with wakeups.of(JobStore(server.client).create(make_job()).id) as woken:
            await is_set(woken)
            woken.clear()
            with capture_logs() as logs:
                server.freeze()
                await until(lambda: logs)
            server.thaw()
            assert await is_set(woken)
    server.kill()


async def test_a_fault_is_told_and_listening_begins_anew(
    claim: Claim, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = PubSub.connect
    faults = [RuntimeError("a fault of the library")]

    async def connect_later(self: PubSub) -> None:
        if faults:
            raise faults.pop()
        await connect(self)

    monkeypatch.setattr(PubSub, "connect", connect_later)
    with capture_logs() as logs:
        async with listening(valkey_url) as wakeups:
            with wakeups.of(claim.job.id) as woken:
                assert await is_set(woken)
    assert [entry["log_level"] for entry in logs] == ["error"]


async def test_nobody_listens_to_no_job(wakeups: Wakeups) -> None:
    with pytest.raises(JobNotFound), wakeups.of("job_1"):
        pass
