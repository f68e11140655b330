"""What is stored of what a stage has made."""

import numpy as np
import pytest

from tests.worker.conftest import MakeJob
from tests.worker.finishing.filters import RedFilter
from worker.engine.handle import SampleFailed
from worker.engine.sample import Pixels
from worker.finishing.finishing import PLAIN, Finishing
from worker.finishing.rules import ContentRules
from worker.jobs.errors import ImageNotFound
from worker.jobs.image_keys import picture_key
from worker.jobs.images import ImageStore
from worker.jobs.job import Job
from worker.jobs.stages import OutputFormat
from worker.jobs.words import Entry, WordList
from worker.results import Text, store_result

RED, BLUE = (np.full((8, 16, 3), color, np.uint8) for color in ((255, 0, 0), (0, 0, 255)))
STRICT = Finishing(ContentRules(WordList([Entry.parse("rats")]), RedFilter(), threshold=0.5))


@pytest.fixture
def images(images_url: str) -> ImageStore:
    return ImageStore(images_url)


@pytest.fixture
def job(make_job: MakeJob) -> Job:
    return make_job()


def test_pictures_are_stored_with_what_is_known_of_them(job: Job, images: ImageStore) -> None:
    outputs = store_result(job, [BLUE, RED], images, PLAIN).outputs
    assert [(output.index, output.width, output.height, output.seed) for output in outputs] == [
        (0, 16, 8, 7),
        (1, 16, 8, 7),
    ]
    assert [output.censored for output in outputs] == [False, False]
    assert all(output.blurhash and images.get(output.key) for output in outputs)


def test_one_censored_picture_is_marked_and_told_of(job: Job, images: ImageStore) -> None:
    result = store_result(job, [BLUE, RED], images, STRICT)
    assert [output.censored for output in result.outputs] == [False, True]
    assert result.warnings == (
        "picture 1: only its colors are left, as the content rules do not allow what was drawn",
    )


@pytest.mark.parametrize("made", [[RED], [RED, RED]], ids=["one", "two"])
def test_a_job_of_censored_pictures_alone_fails(job: Job, images: ImageStore, made: list[Pixels]) -> None:
    with pytest.raises(SampleFailed) as caught:
        store_result(job, made, images, STRICT)
    assert caught.value.code == "content_filtered"
    with pytest.raises(ImageNotFound):
        images.get(picture_key(job.id, 0, OutputFormat.PNG))


def test_a_blocked_text_fails_its_job(job: Job, images: ImageStore) -> None:
    with pytest.raises(SampleFailed) as caught:
        store_result(job, Text("rats in splendid light"), images, STRICT)
    assert caught.value.code == "content_filtered"


def test_another_text_is_kept(job: Job, images: ImageStore) -> None:
    assert store_result(job, Text("cats in splendid light"), images, STRICT).text == "cats in splendid light"
