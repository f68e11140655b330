"""The resident networks: what they offer, what they take, and how they say that memory is short."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from model.weights import CheckpointError
from tests.worker.conftest import MakeJob
from worker.engine.handle import SampleFailed
from worker.jobs.job import Job, Priority
from worker.networks import DeviceUnavailable, ResidentNetworks, load_networks
from worker.settings import WorkerSettings


@pytest.fixture(scope="module")
def networks(tiny_checkpoint: Path) -> ResidentNetworks:
    return load_networks(WorkerSettings(checkpoint=tiny_checkpoint, device="cpu"))


@pytest.fixture
def make_request(make_job: MakeJob) -> Callable[..., Job]:
    """Makes a job; keywords set fields of its input."""

    def make(**fields: object) -> Job:
        return make_job(
            input=make_job().input.model_copy(update=fields), owner="key-1", priority=Priority.BATCH
        )

    return make


def test_the_card_tells_what_the_checkpoint_can_do(networks: ResidentNetworks) -> None:
    card = networks.card
    assert (card.id, card.size_multiple, card.default_width) == ("tiny", 64, 64)
    assert card.default_sampler in {sampler.name for sampler in card.samplers}


def test_a_job_is_one_order_per_picture(networks: ResidentNetworks, make_request: Callable[..., Job]) -> None:
    orders = networks.orders(make_request(num_images=3, width=128, seed=7))
    assert [(order.request.seed, order.request.index) for order in orders] == [(7, 0), (7, 1), (7, 2)]
    assert {order.group for order in orders} == {("tiny", 128, 64)}
    assert {(order.owner, order.priority) for order in orders} == {("key-1", 1)}


@pytest.mark.parametrize(("guidance_scale", "rows"), [(0.0, 1), (3.0, 2)])
def test_guidance_takes_a_second_row(
    networks: ResidentNetworks, make_request: Callable[..., Job], guidance_scale: float, rows: int
) -> None:
    [order] = networks.orders(make_request(num_images=1, guidance_scale=guidance_scale))
    assert order.rows == rows


@pytest.mark.parametrize("sampler", ["ddpm", "kandinsky"])
@pytest.mark.parametrize("steps", [1, 7, 200])
def test_an_order_counts_the_steps_that_are_taken(
    networks: ResidentNetworks, make_request: Callable[..., Job], sampler: str, steps: int
) -> None:
    [order] = networks.orders(make_request(num_images=1, sampler=sampler, steps=steps))
    [state] = networks.start([order.request])
    assert order.num_steps == len(state.trajectory)


@pytest.mark.parametrize("fields", [{"model": "another"}, {"sampler": "flash"}])
def test_another_model_is_not_drawn_by_this_one(
    networks: ResidentNetworks, make_request: Callable[..., Job], fields: dict[str, str]
) -> None:
    with pytest.raises(SampleFailed, match="this worker serves tiny by ddpm, kandinsky, not") as caught:
        networks.orders(make_request(**fields))
    assert caught.value.code == "model_unavailable"


def test_a_full_device_shows_as_a_memory_error(
    networks: ResidentNetworks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_out(states: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(networks.pipeline, "step", run_out)
    with pytest.raises(MemoryError, match="CUDA out of memory"):
        networks.step([])


def test_a_device_that_is_not_there_is_named(tiny_checkpoint: Path) -> None:
    with pytest.raises(DeviceUnavailable, match="device cuda:99 cannot be used here: "):
        load_networks(WorkerSettings(checkpoint=tiny_checkpoint, device="cuda:99"))


def test_a_folder_without_a_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=str(tmp_path)):
        load_networks(WorkerSettings(checkpoint=tmp_path, device="cpu"))
