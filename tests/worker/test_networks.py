"""The resident networks: what they offer, what they take, and how they say that memory is short."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.worker.conftest import MakeJob
from worker.engine.handle import SampleFailed
from worker.jobs.catalog import ModelCard
from worker.jobs.job import Job, Kind, Priority
from worker.loading import load_networks
from worker.networks import ResidentNetworks
from worker.settings import WorkerSettings

MakeRequest = Callable[..., Job]
PICTURE, MASK = np.zeros((64, 64, 3), np.uint8), np.full((64, 64), 255, np.uint8)


@pytest.fixture(scope="module")
def networks(tiny_family: Path) -> ResidentNetworks:
    return load_networks(WorkerSettings(checkpoints=(tiny_family,), device="cpu"))


@pytest.fixture
def cards(networks: ResidentNetworks) -> dict[str, ModelCard]:
    return {card.id: card for card in networks.cards}


@pytest.fixture
def make_request(make_job: MakeJob) -> MakeRequest:
    """Makes a job; keywords set fields of its input."""

    def make(kind: Kind = Kind.TEXT_TO_IMAGE, **fields: object) -> Job:
        wanted = {**make_job().input.model_dump(), **fields}
        return make_job(kind=kind, input=wanted, owner="key-1", priority=Priority.BATCH)

    return make


@pytest.fixture
def make_upscaling(make_job: MakeJob) -> MakeRequest:
    """Makes a job that wants a picture of 64 x 64 larger; keywords set fields of its input."""

    def make(**fields: object) -> Job:
        wanted = {"model": "tiny-x4", "seed": 1, "scale": 4, "steps": 3, "image": "a.png", **fields}
        return make_job(kind=Kind.SUPER_RESOLUTION, input={"width": 256, "height": 256, **wanted})

    return make


def test_every_checkpoint_has_a_card(cards: dict[str, ModelCard]) -> None:
    assert {name: card.kinds for name, card in cards.items()} == {
        "tiny": (Kind.TEXT_TO_IMAGE,),
        "tiny-flash": (Kind.TEXT_TO_IMAGE,),
        "tiny-inpainting": (Kind.INPAINTING,),
        "tiny-x4": (Kind.SUPER_RESOLUTION,),
        "tiny-x2": (Kind.SUPER_RESOLUTION,),
        "tiny-flash-x2": (Kind.SUPER_RESOLUTION,),
    }


@pytest.mark.parametrize(
    ("name", "samplers", "guidance"),
    [
        ("tiny", ["ddpm", "kandinsky"], 3.0),
        ("tiny-flash", ["flash"], 1.0),
        ("tiny-inpainting", ["kandinsky"], 4.0),
    ],
)
def test_the_card_tells_how_a_checkpoint_draws(
    cards: dict[str, ModelCard], name: str, samplers: list[str], guidance: float
) -> None:
    card = cards[name]
    assert (card.size_multiple, card.default_width, card.default_guidance_scale) == (64, 64, guidance)
    assert ([sampler.name for sampler in card.samplers], card.default_sampler) == (samplers, samplers[0])
    assert [sampler.guidance for sampler in card.samplers] == [name != "flash" for name in samplers]


def test_the_card_tells_how_a_checkpoint_enlarges(cards: dict[str, ModelCard]) -> None:
    card = cards["tiny-x4"]
    assert (card.scales, card.default_sampler, card.size_multiple) == ((4,), "dpmsolver++", 1)
    assert (card.default_width, card.default_guidance_scale) == (None, None)
    assert (cards["tiny-flash-x2"].scales, cards["tiny-flash-x2"].samplers[0].max_steps) == ((2,), 4)


def test_a_job_is_one_order_per_picture(networks: ResidentNetworks, make_request: MakeRequest) -> None:
    orders = networks.orders(make_request(num_images=3, width=128, seed=7), ())
    requests = [order.request.content for order in orders]
    assert [(request.seed, request.index) for request in requests] == [(7, 0), (7, 1), (7, 2)]
    assert {order.group for order in orders} == {("tiny", 128, 64)}
    assert {(order.owner, order.priority) for order in orders} == {("key-1", 1)}


def test_pictures_of_one_job_share_their_canvas(
    networks: ResidentNetworks, make_request: MakeRequest
) -> None:
    fields = {"model": "tiny-inpainting", "sampler": "kandinsky", "image": "a.png", "mask": "b.png"}
    orders = networks.orders(make_request(Kind.INPAINTING, **fields, num_images=2), (PICTURE, MASK))
    first, second = (order.request.content.canvas for order in orders)
    assert first is second
    assert first.mask.min() == 1


@pytest.mark.parametrize(("guidance_scale", "rows"), [(0.0, 1), (3.0, 2)])
def test_guidance_takes_a_second_row(
    networks: ResidentNetworks, make_request: MakeRequest, guidance_scale: float, rows: int
) -> None:
    [order] = networks.orders(make_request(num_images=1, guidance_scale=guidance_scale), ())
    assert order.rows == rows


@pytest.mark.parametrize("sampler", ["ddpm", "kandinsky"])
@pytest.mark.parametrize("steps", [1, 7, 200])
def test_an_order_counts_the_steps_that_are_taken(
    networks: ResidentNetworks, make_request: MakeRequest, sampler: str, steps: int
) -> None:
    [order] = networks.orders(make_request(num_images=1, sampler=sampler, steps=steps), ())
    [state] = networks.start([order.request])
    assert order.num_steps == len(state.content.trajectory)


@pytest.mark.parametrize(
    ("side", "rows", "window"),
    [(64, 1, 256), (256, 1, 1024), (400, 4, 1024)],
)
def test_windows_are_rows(
    networks: ResidentNetworks, make_upscaling: MakeRequest, side: int, rows: int, window: int
) -> None:
    picture = np.zeros((side, side, 3), np.uint8)
    [order] = networks.orders(make_upscaling(width=4 * side, height=4 * side), (picture,))
    assert (order.group, order.rows, order.num_steps) == (("tiny-x4", window, window), rows, 3)


def test_states_of_all_models_at_once(
    networks: ResidentNetworks, make_request: MakeRequest, make_upscaling: MakeRequest
) -> None:
    orders = [
        *networks.orders(make_upscaling(), (PICTURE,)),
        *networks.orders(make_request(num_images=1), ()),
        *networks.orders(make_upscaling(model="tiny-x2", scale=2), (PICTURE,)),
    ]
    states = networks.start([order.request for order in orders])
    assert [state.model for state in states] == ["tiny-x4", "tiny", "tiny-x2"]
    for state in states:
        networks.step([state])
        assert networks.is_finite(state)
        assert networks.preview(state).ndim == 3


@pytest.mark.parametrize(
    ("kind", "fields", "says"),
    [
        (
            Kind.TEXT_TO_IMAGE,
            {"model": "another"},
            "this worker serves tiny for text-to-image, .*, not another",
        ),
        (Kind.TEXT_TO_IMAGE, {"model": "tiny-x4"}, "not tiny-x4 for text-to-image"),
        (Kind.INPAINTING, {"image": "a", "mask": "b"}, "not tiny for inpainting"),
        (Kind.TEXT_TO_IMAGE, {"sampler": "flash"}, "tiny is served by ddpm, kandinsky, not by flash"),
    ],
)
def test_another_model_is_not_drawn_by_this_one(
    networks: ResidentNetworks, make_request: MakeRequest, kind: Kind, fields: dict[str, str], says: str
) -> None:
    with pytest.raises(SampleFailed, match=says) as caught:
        networks.orders(make_request(kind, **fields), (PICTURE, MASK))
    assert caught.value.code == "model_unavailable"


def test_another_scale_is_not_taken(networks: ResidentNetworks, make_upscaling: MakeRequest) -> None:
    with pytest.raises(SampleFailed, match="tiny-x4 enlarges by 4, not by 2") as caught:
        networks.orders(make_upscaling(scale=2), (PICTURE,))
    assert caught.value.code == "model_unavailable"


def test_a_full_device_shows_as_a_memory_error(
    networks: ResidentNetworks, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_out(states: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    [order] = networks.orders(make_request(num_images=1), ())
    states = networks.start([order.request])
    monkeypatch.setattr(networks.models["tiny"].pipeline, "step", run_out)
    with pytest.raises(MemoryError, match="CUDA out of memory"):
        networks.step(states)
