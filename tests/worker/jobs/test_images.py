"""The image store, in a folder and in memory."""

from pathlib import Path

import pytest

from worker.jobs.errors import ImageNotFound, StoreUnavailable
from worker.jobs.images import ImageStore, image_id, input_key, parse_image_id, picture_key
from worker.jobs.job import new_job_id
from worker.jobs.stages import OutputFormat


@pytest.fixture(params=["folder", "memory"])
def images(request: pytest.FixtureRequest, images_url: str) -> ImageStore:
    return ImageStore({"folder": images_url, "memory": "memory:///"}[request.param])


@pytest.mark.parametrize("output_format", list(OutputFormat))
def test_a_picture_comes_back(images: ImageStore, output_format: OutputFormat) -> None:
    key = picture_key(new_job_id(), 0, output_format)
    images.put(key, b"picture", output_format.content_type)
    assert images.get(key).bytes == b"picture"


def test_the_etag_is_that_of_the_bytes(images: ImageStore) -> None:
    for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        images.put(name, content, "image/png")
    first, second, other = (images.get(name).etag for name in "abc")
    assert first == second != other


def test_no_such_picture(images: ImageStore) -> None:
    with pytest.raises(ImageNotFound):
        images.get("job/0.png")


def test_delete(images: ImageStore) -> None:
    images.put("job/0.png", b"picture", "image/png")
    for _ in range(2):
        images.delete("job/0.png")
    with pytest.raises(ImageNotFound):
        images.get("job/0.png")


def test_delete_job_leaves_other_jobs(images: ImageStore) -> None:
    keys = ("job_1/0.png", input_key("job_1", "image"))
    for key in (*keys, "job_12/0.png"):
        images.put(key, b"picture", "image/png")
    images.delete_job("job_1")
    images.delete_job("job_1")
    assert images.get("job_12/0.png").bytes == b"picture"
    for key in keys:
        with pytest.raises(ImageNotFound):
            images.get(key)


def test_no_empty_folder_is_left(tmp_path: Path) -> None:
    images = ImageStore(str(tmp_path / "made"))
    images.check()
    for key in ("job/0.png", input_key("job", "mask")):
        images.put(key, b"picture", "image/png")
    images.delete_job("job")
    assert list((tmp_path / "made").iterdir()) == []


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


def test_image_ids() -> None:
    job_id = new_job_id()
    assert parse_image_id(image_id(job_id, 3)) == (job_id, 3)


@pytest.mark.parametrize(
    "text", ["", "job_1-0", "../../etc/passwd", "job_" + "0" * 26, "job_" + "0" * 26 + "-x"]
)
def test_what_is_no_image_id(text: str) -> None:
    with pytest.raises(ImageNotFound):
        parse_image_id(text)
