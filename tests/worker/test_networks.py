"""The resident networks: what they offer, what they take, and how they say that memory is short."""

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch

from model.checkpoint import load_checkpoint
from model.pipeline import Pipeline
from model.placement import offload
from model.profiles import PROFILES
from model.residency import Residency
from tests.worker.conftest import MakeJob
from tests.worker.stages import (
    image_to_image,
    inpainting,
    outpainting,
    refinement,
    super_resolution,
    text_to_image,
)
from worker.engine.handle import SampleFailed
from worker.inputs import Inputs
from worker.jobs.catalog import ModelCard
from worker.jobs.job import Priority
from worker.jobs.stages import Kind, Stage
from worker.loading import load_networks
from worker.models.drawing import DrawingModel
from worker.networks import ResidentNetworks
from worker.settings import WorkerSettings

PICTURE, MASK = np.zeros((64, 64, 3), np.uint8), np.full((64, 64), 255, np.uint8)


@pytest.fixture(scope="module")
def networks(tiny_family: Path) -> ResidentNetworks:
    return load_networks(WorkerSettings(checkpoints=(tiny_family,), device="cpu"))


@pytest.fixture
def cards(networks: ResidentNetworks) -> dict[str, ModelCard]:
    return {card.id: card for card in networks.cards}


def test_every_checkpoint_has_a_card(cards: dict[str, ModelCard]) -> None:
    assert {name: card.kinds for name, card in cards.items()} == {
        "tiny": (Kind.TEXT_TO_IMAGE, Kind.IMAGE_TO_IMAGE),
        "tiny-flash": (Kind.TEXT_TO_IMAGE, Kind.IMAGE_TO_IMAGE, Kind.REFINEMENT),
        "tiny-inpainting": (Kind.INPAINTING, Kind.OUTPAINTING),
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


def test_the_card_tells_how_few_steps_a_sampler_takes(cards: dict[str, ModelCard]) -> None:
    fewest = {s.name: s.min_steps for name in ("tiny", "tiny-flash", "tiny-x4") for s in cards[name].samplers}
    assert fewest == {"ddpm": 1, "kandinsky": 1, "flash": 4, "dpmsolver++": 1}
    assert cards["tiny-flash-x2"].samplers[0].min_steps == 4


def test_a_job_is_one_order_per_picture(networks: ResidentNetworks, make_job: MakeJob) -> None:
    stage = text_to_image(num_images=3, width=128)
    orders = networks.orders(make_job(stage, owner="key-1", priority=Priority.BATCH), Inputs())
    requests = [order.request.content for order in orders]
    assert [(request.seed, request.index) for request in requests] == [(7, 0), (7, 1), (7, 2)]
    assert {order.group for order in orders} == {("tiny", 128, 64)}
    assert {(order.owner, order.priority) for order in orders} == {("key-1", 1)}


def test_pictures_of_one_job_share_their_canvas(networks: ResidentNetworks, make_job: MakeJob) -> None:
    orders = networks.orders(make_job(inpainting()), Inputs((PICTURE,), MASK))
    first, second = (order.request.content.canvas for order in orders)
    assert first is second
    assert first.mask.min() == 1


def test_a_large_picture_is_inpainted_at_the_size_of_the_network(
    networks: ResidentNetworks, make_job: MakeJob
) -> None:
    stage = inpainting(width=200, height=150, num_images=1)
    inputs = Inputs((np.zeros((150, 200, 3), np.uint8),), np.full((150, 200), 255, np.uint8))
    [order] = networks.orders(make_job(stage), inputs)
    assert order.group == ("tiny-inpainting", 64, 64)
    assert order.request.content.canvas.picture.shape == (64, 64, 3)
    [finished] = networks.finish(make_job(stage), inputs, [PICTURE + 200])
    assert finished.shape == (150, 200, 3)


def test_a_thin_stroke_is_still_a_hole_in_a_smaller_mask(
    networks: ResidentNetworks, make_job: MakeJob
) -> None:
    mask = np.zeros((512, 512), np.uint8)
    mask[:, 97] = 255
    inputs = Inputs((np.zeros((512, 512, 3), np.uint8),), mask)
    [order] = networks.orders(make_job(inpainting(width=512, height=512, num_images=1)), inputs)
    assert order.request.content.canvas.mask[:, 12].min() > 0


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, [200, 200, 200, 100]),
        ({"feather": 1}, [200, 200, 150, 100]),
        ({"dilation": 1}, [200, 200, 200, 200]),
        ({"paste_back": False}, [200, 200, 200, 200]),
    ],
)
def test_what_is_inpainted_is_pasted_back(
    networks: ResidentNetworks, make_job: MakeJob, fields: dict[str, object], expected: list[int]
) -> None:
    inputs = Inputs((PICTURE + 100,), np.pad(MASK[:, :32], ((0, 0), (0, 32))))
    [made] = networks.finish(make_job(inpainting(**fields)), inputs, [PICTURE + 200])
    assert made[0, [0, 30, 31, 32], 0].tolist() == expected


def test_what_is_outpainted_leaves_the_picture(networks: ResidentNetworks, make_job: MakeJob) -> None:
    inputs = Inputs((PICTURE + 100,))
    drawn = np.full((80, 96, 3), 200, np.uint8)
    [made] = networks.finish(make_job(outpainting()), inputs, [drawn])
    assert np.array_equal(made[:64, :64], PICTURE + 100)
    assert made[64:].min() == made[:, 64:].min() == 200


def test_outpainting_counts_the_steps_of_all_windows(networks: ResidentNetworks, make_job: MakeJob) -> None:
    orders = networks.orders(make_job(outpainting(num_images=1, right=64, bottom=0)), Inputs((PICTURE,)))
    assert [(order.group, order.num_steps) for order in orders] == [(("tiny-inpainting", 64, 64), 2 * 4)]


@pytest.mark.parametrize(("guidance_scale", "rows"), [(0.0, 1), (3.0, 2)])
def test_guidance_takes_a_second_row(
    networks: ResidentNetworks, make_job: MakeJob, guidance_scale: float, rows: int
) -> None:
    stage = text_to_image(num_images=1, guidance_scale=guidance_scale)
    [order] = networks.orders(make_job(stage), Inputs())
    assert order.rows == rows


@pytest.mark.parametrize("sampler", ["ddpm", "kandinsky"])
@pytest.mark.parametrize("steps", [1, 7, 200])
def test_an_order_counts_the_steps_that_are_taken(
    networks: ResidentNetworks, make_job: MakeJob, sampler: str, steps: int
) -> None:
    stage = text_to_image(num_images=1, sampler=sampler, steps=steps)
    [order] = networks.orders(make_job(stage), Inputs())
    [state] = networks.start([order.request])
    assert order.num_steps == len(state.content.trajectory)


@pytest.mark.parametrize(("model", "sampler", "num_steps"), [("tiny", "ddpm", 2), ("tiny-flash", "flash", 2)])
def test_strength_takes_a_part_of_the_steps(
    networks: ResidentNetworks, make_job: MakeJob, model: str, sampler: str, num_steps: int
) -> None:
    stage = image_to_image(model=model, sampler=sampler, num_images=1, strength=0.5)
    [order] = networks.orders(make_job(stage), Inputs((PICTURE,)))
    assert (order.group, order.num_steps) == ((model, 64, 64), num_steps)


def test_every_picture_of_the_stage_before_is_refined(networks: ResidentNetworks, make_job: MakeJob) -> None:
    job = make_job(stages=(text_to_image(), refinement()), stage_index=1)
    orders = networks.orders(job, Inputs((PICTURE, PICTURE)))
    assert [order.request.content.index for order in orders] == [0, 1]
    assert {(order.num_steps, order.rows) for order in orders} == {(2, 1)}
    assert {order.request.content.prompt for order in orders} == {"рыжий кот"}


@pytest.mark.parametrize(("side", "rows", "window"), [(64, 1, 256), (256, 1, 1024), (400, 4, 1024)])
def test_windows_are_rows(
    networks: ResidentNetworks, make_job: MakeJob, side: int, rows: int, window: int
) -> None:
    inputs = Inputs((np.zeros((side, side, 3), np.uint8),))
    [order] = networks.orders(make_job(super_resolution(side=side)), inputs)
    assert (order.group, order.rows, order.num_steps) == (("tiny-x4", window, window), rows, 3)


def test_states_of_all_models_at_once(networks: ResidentNetworks, make_job: MakeJob) -> None:
    picture = Inputs((PICTURE,))
    refining = make_job(stages=(text_to_image(), refinement()), stage_index=1)
    orders = [
        *networks.orders(make_job(super_resolution()), picture),
        *networks.orders(refining, picture),
        *networks.orders(
            make_job(text_to_image(model="tiny-flash", sampler="flash", num_images=1)), Inputs()
        ),
        *networks.orders(make_job(super_resolution(2)), picture),
    ]
    states = networks.start([order.request for order in orders])
    assert [state.model for state in states] == ["tiny-x4", "tiny-flash", "tiny-flash", "tiny-x2"]
    for state in states:
        networks.step([state])
        preview = networks.preview(state)
        assert networks.is_finite(state)
        assert not networks.is_done(state)
        assert preview is not None
        assert preview.ndim == 3


@pytest.mark.parametrize(
    ("stage", "says"),
    [
        (text_to_image(model="another"), "this worker serves tiny for text-to-image/.*, not another"),
        (text_to_image(model="tiny-x4"), "not tiny-x4 for text-to-image"),
        (inpainting(model="tiny"), "not tiny for inpainting"),
        (text_to_image(sampler="flash"), "tiny is served by ddpm, kandinsky, not by flash"),
        (super_resolution(2, model="tiny-x4"), "tiny-x4 enlarges by 4, not by 2"),
    ],
)
def test_another_model_is_not_drawn_by_this_one(
    networks: ResidentNetworks, make_job: MakeJob, stage: Stage, says: str
) -> None:
    with pytest.raises(SampleFailed, match=says) as caught:
        networks.orders(make_job(stage), Inputs((PICTURE,), MASK))
    assert caught.value.code == "model_unavailable"


def test_a_full_device_shows_as_a_memory_error(
    networks: ResidentNetworks, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_out(states: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    [order] = networks.orders(make_job(text_to_image(num_images=1)), Inputs())
    states = networks.start([order.request])
    monkeypatch.setattr(order.request.pipeline, "step", run_out)
    with pytest.raises(MemoryError, match="CUDA out of memory"):
        networks.step(states)


@pytest.mark.parametrize(("others", "is_made"), [(0, True), (-1, False)])
def test_networks_that_take_turns_leave_when_memory_runs_out(
    tiny_checkpoint: Path, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch, others: int, is_made: bool
) -> None:
    checkpoint = load_checkpoint(tiny_checkpoint, torch.device("cpu"))
    residency, decode = Residency(torch.device("cpu"), 10**9), checkpoint.movq.decode
    offload([checkpoint], PROFILES["offload"], residency)
    networks = ResidentNetworks({"tiny": DrawingModel(Pipeline(checkpoint))}, residency=residency)
    [order] = networks.orders(make_job(text_to_image(num_images=1)), Inputs())
    states = networks.start([order.request])

    def run_out(latents: torch.Tensor) -> torch.Tensor:
        if len(residency.present) - 1 > others:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return decode(latents)

    monkeypatch.setattr(checkpoint.movq, "decode", run_out)
    assert len(residency.present) > 1
    with nullcontext() if is_made else pytest.raises(MemoryError, match="CUDA out of memory"):
        assert networks.decode(states)[0].shape == (64, 64, 3)
