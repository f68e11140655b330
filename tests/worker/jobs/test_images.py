"""The image store: in a folder, in memory, and in an S3 that speaks real HTTP."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.buckets import Buckets
from tests.files import files_in
from worker.jobs import images as images_module
from worker.jobs.errors import ImageNotFound, StoreUnavailable
from worker.jobs.image_keys import (
    drawn_key,
    folder,
    input_key,
    picture_key,
    uploaded_key,
)
from worker.jobs.images import ImageStore
from worker.jobs.job import new_job_id
from worker.jobs.stages import OutputFormat
from worker.jobs.uploads import new_upload_id


@pytest.fixture(params=["folder", "memory", "s3"])
def images(request: pytest.FixtureRequest, images_url: str, monkeypatch: pytest.MonkeyPatch) -> ImageStore:
    if request.param == "s3":
        buckets: Buckets = request.getfixturevalue("buckets")
        return ImageStore(buckets.make(monkeypatch))
    return ImageStore({"folder": images_url, "memory": "memory:///"}[request.param])


async def pieces_of(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


@pytest.mark.parametrize("output_format", list(OutputFormat))
def test_a_picture_comes_back(images: ImageStore, output_format: OutputFormat) -> None:
    key = picture_key(new_job_id(), 0, output_format)
    images.put(key, b"picture", output_format.content_type)
    assert images.get(key) == b"picture"


async def test_a_picture_comes_back_in_parts(images: ImageStore) -> None:
    images.put("ab/job/0.png", b"0123456789", "image/png")
    pieces = await images.open("ab/job/0.png", range(2, 5))
    assert b"".join([bytes(piece) async for piece in pieces]) == b"234"


async def test_a_picture_that_came_in_pieces_is_whole(images: ImageStore) -> None:
    large = b"x" * 6_000_000
    await images.put_pieces("ab/job/0.png", pieces_of(b"first", large, b"last"), "image/png")
    assert images.get("ab/job/0.png") == b"first" + large + b"last"


async def test_the_etag_changes_with_the_bytes(images: ImageStore) -> None:
    seen = []
    for content in (b"1", b"22"):
        images.put("ab/job/0.png", content, "image/png")
        seen += [await images.find("ab/job/0.png") for _ in range(2)]
    assert seen[0] == seen[1]
    assert [entry.size for entry in seen] == [1, 1, 2, 2]
    assert len({entry.etag for entry in seen}) == 2
    assert '"' not in seen[0].etag


async def test_no_such_picture(images: ImageStore) -> None:
    with pytest.raises(ImageNotFound):
        images.get("job/0.png")
    with pytest.raises(ImageNotFound):
        await images.find("job/0.png")
    with pytest.raises(ImageNotFound):
        await images.open("job/0.png", range(1))


def test_delete_job_leaves_other_jobs(images: ImageStore) -> None:
    first, second = new_job_id(), new_job_id()
    keys = picture_key(first, 0, OutputFormat.PNG), input_key(first, "image"), drawn_key(first, 0, 0)
    other = picture_key(second, 0, OutputFormat.PNG)
    for key in (*keys, other):
        images.put(key, b"picture", "image/png")
    for _ in range(2):
        images.delete_job(first)
    assert images.get(other) == b"picture"
    for key in keys:
        with pytest.raises(ImageNotFound):
            images.get(key)


def test_what_is_old_is_found_by_its_id(images: ImageStore) -> None:
    job_id, upload_id = new_job_id(), new_upload_id()
    for key in (
        input_key(job_id, "image"),
        uploaded_key(upload_id, OutputFormat.WEBP),
        "elsewhere.png",
        "a/b/c",
    ):
        images.put(key, b"picture", "image/png")
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert set().union(*images.ids_before(later)) == {job_id, upload_id}
    assert set().union(*images.ids_before(later - timedelta(minutes=2))) == set()


def test_what_is_no_id_deletes_nothing(images: ImageStore) -> None:
    images.put("ab/x_ab/0.png", b"picture", "image/png")
    images.delete_job("x_ab")
    assert images.get("ab/x_ab/0.png") == b"picture"


async def test_whoever_takes_a_picture_slowly_gets_all_of_it(
    buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, content = buckets.make(monkeypatch), bytes(10_000_000)
    ImageStore(url).put("ab/job/0.png", content, "image/png")
    monkeypatch.setattr(images_module, "REQUEST_TIMEOUT", "2s")
    monkeypatch.setattr(images_module, "MAX_RETRIES", 0)
    pieces = await ImageStore(url).open("ab/job/0.png", range(len(content)))
    first = await anext(pieces)
    await asyncio.sleep(2.2)
    assert first + b"".join([piece async for piece in pieces]) == content


def test_only_the_folder_for_others_is_left(tmp_path: Path) -> None:
    images = ImageStore(str(tmp_path / "made"))
    images.check()
    job_id = new_job_id()
    for key in (picture_key(job_id, 0, OutputFormat.PNG), input_key(job_id, "mask")):
        images.put(key, b"picture", "image/png")
    images.delete_job(job_id)
    assert list((tmp_path / "made").rglob("*")) == [tmp_path / "made" / folder(job_id).partition("/")[0]]


async def test_half_a_picture_goes_with_its_job(tmp_path: Path) -> None:
    images, upload_id = ImageStore(str(tmp_path)), new_upload_id()
    seen = []

    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 6_000_000
        yield b"x" * 6_000_000
        seen.extend(path.name for path in tmp_path.rglob("*.png*"))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await images.put_pieces(uploaded_key(upload_id, OutputFormat.PNG), broken(), "image/png")
    # What a process leaves behind that dies in the middle: no list names it.
    assert seen == ["upload.png#1"]
    (tmp_path / folder(upload_id) / "upload.png#1").write_bytes(b"half")
    images.delete_job(upload_id)
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_paths_and_urls_of_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.chdir(tmp_path)
    for path in ("./data/images", tmp_path / "with space"):
        ImageStore(form.format(path)).put("job/0.png", b"picture", "image/png")
    assert (tmp_path / "data/images/job/0.png").read_bytes() == b"picture"
    assert (tmp_path / "with space/job/0.png").read_bytes() == b"picture"


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreUnavailable, match=r"cannot open the image store .*file/images: .*") as caught:
        ImageStore(str(tmp_path / "file/images"))
    assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    images = ImageStore(str(tmp_path / "images"))
    (tmp_path / "images").rmdir()
    (tmp_path / "images").write_text("not a folder")
    with pytest.raises(StoreUnavailable, match="cannot write to the image store") as caught:
        images.check()
    assert "\n" not in str(caught.value)


def test_a_store_that_keeps_nothing(images_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    images = ImageStore(images_url)
    monkeypatch.setattr(images, "put", lambda *_: None)
    with pytest.raises(StoreUnavailable, match="does not keep what is written"):
        images.check()


def test_an_unknown_url() -> None:
    with pytest.raises(StoreUnavailable, match="cannot open the image store gopher://x"):
        ImageStore("gopher://x")


def test_an_object_store_keeps_the_content_type(buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> None:
    url = buckets.make(monkeypatch)
    ImageStore(url).put("ab/job/0.webp", b"picture", "image/webp")
    assert buckets.content_type(url, "ab/job/0.webp") == "image/webp"


async def test_a_store_gives_a_picture_to_whoever_has_a_signed_url(
    buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = ImageStore(buckets.make(monkeypatch))
    images.put("ab/job/0.png", b"picture", "image/png")
    url = await images.sign("GET", "ab/job/0.png", 60)
    response = httpx.get(url, trust_env=False)
    assert (response.content, response.headers["Content-Type"]) == (b"picture", "image/png")


async def test_an_upload_that_breaks_leaves_nothing_in_s3(
    buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = buckets.make(monkeypatch)

    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 6_000_000
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await ImageStore(url).put_pieces("ab/upl/upload.png", broken(), "image/png")
    assert buckets.keys(url) == []


def test_an_s3_that_is_not_there(monkeypatch: pytest.MonkeyPatch, buckets: Buckets) -> None:
    images = ImageStore(buckets.make(monkeypatch).replace("pictures", "elsewhere"))
    with pytest.raises(StoreUnavailable, match="cannot write to the image store s3://elsewhere"):
        images.check()
