"""Where pictures come from, and whose."""

from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis

from service.errors import InvalidImage, InvalidRequest, PayloadTooLarge
from service.pictures.sources import PictureSources
from service.requests import JobReference, Picture, PictureFile, UploadReference
from tests.pictures import as_text
from tests.service.conftest import PICTURE, FakeWorker
from tests.worker.stages import text_to_image
from worker.jobs.image_keys import uploaded_key
from worker.jobs.images import ImageStore
from worker.jobs.job import Job, new_job_id
from worker.jobs.stages import Kind, OutputFormat
from worker.jobs.store import JobStore
from worker.jobs.uploads import Upload, UploadStore, new_upload_id


@pytest.fixture
def images(images_url: str) -> ImageStore:
    return ImageStore(images_url)


@pytest.fixture
def sources(store: JobStore, redis: Redis, images: ImageStore) -> PictureSources:
    """Those of Ann."""
    return PictureSources(store, UploadStore(redis), images, owner="ann", max_bytes=100)


@pytest.fixture
def upload(sources: PictureSources) -> Upload:
    """One of Ann's."""
    now, upload_id = datetime.now(UTC), new_upload_id()
    upload = Upload(
        id=upload_id,
        owner="ann",
        key=uploaded_key(upload_id, OutputFormat.PNG),
        width=1,
        height=1,
        content_type="image/png",
        size=4,
        created_at=now,
        expires_at=now + timedelta(hours=1),
    )
    sources.images.put(upload.key, b"file", upload.content_type)
    sources.uploads.create(upload)
    return upload


@pytest.fixture
def job(sources: PictureSources) -> Job:
    """One of Ann's that has ended."""
    job = Job(id=new_job_id(), kind=Kind.TEXT_TO_IMAGE, owner="ann", stages=(text_to_image(),))
    sources.jobs.create(job)
    return FakeWorker(sources.jobs, sources.images).run(job.id)


@pytest.mark.parametrize("picture", [as_text(b"file"), PictureFile(b"file")], ids=["text", "bytes"])
def test_a_file_in_the_request(sources: PictureSources, picture: Picture) -> None:
    assert sources.load(picture, "image") == b"file"


@pytest.mark.parametrize("picture", [as_text(b"x" * 101), PictureFile(b"x" * 101)], ids=["text", "bytes"])
def test_a_file_that_is_too_large(sources: PictureSources, picture: Picture) -> None:
    with pytest.raises(PayloadTooLarge, match="mask should have at most 100 bytes, got 101"):
        sources.load(picture, "mask")


def test_an_upload(sources: PictureSources, upload: Upload) -> None:
    assert sources.load(UploadReference(upload=upload.id), "image") == b"file"


def test_a_picture_of_a_job(sources: PictureSources, job: Job) -> None:
    assert sources.load(JobReference(job=job.id), "image") == PICTURE


def test_what_another_owner_has_is_as_what_is_not_there(
    sources: PictureSources, upload: Upload, job: Job
) -> None:
    strangers = PictureSources(sources.jobs, sources.uploads, sources.images, owner="bob", max_bytes=100)
    assert _refusal(strangers, JobReference(job=job.id)) == f"mask names job {job.id!r}, but there is none"
    said = _refusal(strangers, UploadReference(upload=upload.id))
    assert said == f"mask names upload {upload.id!r}, but there is none"


def test_what_is_not_there(sources: PictureSources) -> None:
    assert _refusal(sources, UploadReference(upload="../x")) == "mask names upload '../x', but there is none"
    assert _refusal(sources, JobReference(job="x")) == "mask names job 'x', but there is none"


def test_a_picture_that_its_job_has_not(sources: PictureSources, job: Job) -> None:
    said = _refusal(sources, JobReference(job=job.id, index=2))
    assert said == f"mask names picture 2 of job {job.id}, which has 2 pictures and is succeeded"


def test_a_picture_that_was_swept(sources: PictureSources, job: Job) -> None:
    sources.images.delete_job(job.id)
    with pytest.raises(InvalidImage, match="mask is no longer kept"):
        sources.load(JobReference(job=job.id), "mask")


def _refusal(sources: PictureSources, picture: Picture) -> str:
    with pytest.raises(InvalidRequest) as caught:
        sources.load(picture, "mask")
    assert caught.value.param == "mask"
    return caught.value.message
