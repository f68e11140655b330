"""The sweeper: pictures without a record go, and no others."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from redis import Redis

from tests.worker.conftest import MakeJob
from worker import sweeping
from worker.jobs.errors import ImageNotFound
from worker.jobs.image_keys import input_key, uploaded_key
from worker.jobs.images import ImageStore
from worker.jobs.job import new_job_id
from worker.jobs.stages import OutputFormat
from worker.jobs.store import JobStore
from worker.jobs.uploads import new_upload_id, upload_key
from worker.sweeping import StoreSweeper

MakeSweeper = Callable[[], StoreSweeper]


@pytest.fixture
def images(images_url: str) -> ImageStore:
    return ImageStore(images_url)


@pytest.fixture
def make_sweeper(images: ImageStore, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> MakeSweeper:
    """Of one for which everything is old."""
    monkeypatch.setattr(sweeping, "MARGIN", timedelta(minutes=-1))
    return lambda: StoreSweeper(images, redis, retention_seconds=0)


def is_kept(images: ImageStore, key: str) -> bool:
    try:
        return bool(images.get(key))
    except ImageNotFound:
        return False


def test_pictures_without_a_record_go(
    make_sweeper: MakeSweeper, images: ImageStore, store: JobStore, make_job: MakeJob, redis: Redis
) -> None:
    lost, kept = [new_job_id(), new_upload_id()], [store.create(make_job()).id, new_upload_id()]
    redis.set(upload_key(kept[1]), "{}")
    keys = {each: input_key(each, "image") for each in (*lost, *kept)}
    for key in keys.values():
        images.put(key, b"picture", "image/png")
    make_sweeper().sweep()
    assert [is_kept(images, keys[each]) for each in (*lost, *kept)] == [False, False, True, True]


def test_what_is_young_stays(images: ImageStore, redis: Redis) -> None:
    key = uploaded_key(new_upload_id(), OutputFormat.PNG)
    images.put(key, b"picture", "image/png")
    StoreSweeper(images, redis, retention_seconds=0).sweep()
    assert is_kept(images, key)


def test_one_worker_sweeps_in_an_hour(make_sweeper: MakeSweeper, images: ImageStore, redis: Redis) -> None:
    key = input_key(new_job_id(), "image")
    make_sweeper().take_turn()
    images.put(key, b"picture", "image/png")
    make_sweeper().take_turn()
    assert is_kept(images, key)
    assert 3590 < redis.ttl(sweeping.LOCK) <= 3600
    redis.delete(sweeping.LOCK)
    make_sweeper().take_turn()
    assert not is_kept(images, key)
