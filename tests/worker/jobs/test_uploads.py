"""The records of uploads."""

from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis

from tests.polling import until
from worker.jobs.errors import ImageNotFound
from worker.jobs.image_keys import uploaded_key
from worker.jobs.job import new_job_id
from worker.jobs.retention import Retention
from worker.jobs.stages import OutputFormat
from worker.jobs.uploads import Upload, UploadStore, is_upload_id, new_upload_id, upload_key


@pytest.fixture
def uploads(redis: Redis) -> UploadStore:
    return UploadStore(redis)


def make_upload(seconds: float = 60) -> Upload:
    """An upload that is kept for so long."""
    upload_id, now = new_upload_id(), datetime.now(UTC)
    return Upload(
        id=upload_id,
        owner="ann",
        key=uploaded_key(upload_id, OutputFormat.PNG),
        width=3,
        height=2,
        content_type="image/png",
        size=10,
        created_at=now,
        expires_at=now + timedelta(seconds=seconds),
    )


def test_an_upload_comes_back(uploads: UploadStore) -> None:
    upload = make_upload()
    uploads.create(upload)
    assert uploads.find(upload.id) == upload


def test_an_upload_goes_when_its_time_is_over(uploads: UploadStore, retention: Retention) -> None:
    upload = make_upload(seconds=0.05)
    retention.expect(upload.id)
    uploads.create(upload)
    until(retention.overdue)
    assert retention.overdue() == [upload.id]
    with pytest.raises(ImageNotFound):
        uploads.find(upload.id)


def test_what_was_swept_is_forgotten_whatever_it_is(uploads: UploadStore, retention: Retention) -> None:
    job_id, upload = new_job_id(), make_upload(seconds=-1)
    retention.expect(job_id)
    uploads.create(upload)
    retention.forget([job_id, upload.id])
    assert retention.overdue() == []


@pytest.mark.parametrize("upload_id", ["", "upl_1", "../x", "job_" + "0" * 26, "UPL_" + "0" * 26])
def test_what_is_no_upload(uploads: UploadStore, upload_id: str) -> None:
    with pytest.raises(ImageNotFound):
        uploads.find(upload_id)


def test_a_record_of_another_version_is_as_none(uploads: UploadStore, redis: Redis) -> None:
    upload_id = new_upload_id()
    redis.set(upload_key(upload_id), '{"id": 7}')
    with pytest.raises(ImageNotFound):
        uploads.find(upload_id)


def test_ids() -> None:
    assert is_upload_id(new_upload_id())
    assert new_upload_id() != new_upload_id()
