"""Where pictures lie, and their ids."""

import pytest

from worker.jobs.errors import ImageNotFound
from worker.jobs.image_keys import folder, image_id, parse_image_id, picture_key
from worker.jobs.job import new_job_id
from worker.jobs.stages import OutputFormat


def test_folders_are_spread() -> None:
    job_id = "job_" + "0" * 24 + "7z"
    assert folder(job_id) == f"7z/{job_id}"
    assert picture_key(job_id, 3, OutputFormat.JPEG) == f"7z/{job_id}/3.jpeg"


def test_image_ids() -> None:
    job_id = new_job_id()
    assert parse_image_id(image_id(job_id, 3)) == (job_id, 3)


@pytest.mark.parametrize(
    "text", ["", "job_1-0", "../../etc/passwd", "job_" + "0" * 26, "job_" + "0" * 26 + "-x"]
)
def test_what_is_no_image_id(text: str) -> None:
    with pytest.raises(ImageNotFound):
        parse_image_id(text)
