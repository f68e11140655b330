"""Parts of pictures drawn anew, in the same pipeline as whole ones."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from model.canvas import Canvas, encode_canvas
from model.checkpoint import load_checkpoint
from model.parity.golden import Golden
from model.pipeline import Denoising, Pipeline, Request
from model.pixels import from_pixels
from model.schedule import trajectory
from model.unet import TextFeatures
from tests.model.conftest import CPU, MakeRequest
from tests.model.test_pipeline import assert_same_picture, draw, finish

GOLDEN = Path(__file__).parent.parent / "golden" / "sampler_inpainting.safetensors"


@pytest.fixture(scope="module")
def pipeline(tiny_family: Path) -> Pipeline:
    """The networks of the tiny checkpoint for inpainting."""
    return Pipeline(load_checkpoint(tiny_family / "tiny-inpainting", CPU))


@pytest.fixture
def make_inpainting(make_request: MakeRequest) -> MakeRequest:
    """Makes a request on a canvas; keywords set its fields."""

    def make(**fields: object) -> Request:
        return make_request(**{"sampler": "kandinsky", "canvas": canvas(), "guidance_scale": 4.0, **fields})

    return make


def canvas(seed: int = 0, left: int = 16, height: int = 64, width: int = 64) -> Canvas:
    """A picture of noise, with a mask from `left` to the right edge."""
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    mask = np.zeros((height, width), np.float32)
    mask[8:, left:] = 1
    return Canvas(picture, mask)


def test_the_original_sampler(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pictures that the published sampler made with a formula for a network, guidance and all."""
    golden = Golden.read(GOLDEN)
    config, num_samples = golden.config, len(golden["x_T"])

    def formula(x: Tensor, timesteps: Tensor, text: TextFeatures, mask: Tensor | None) -> Tensor:
        total = 0.7 * x[:, :4] + (0.5 * timesteps / 1000 + text.pooled[:, 0])[:, None, None, None]
        return torch.tanh(total + x[:, 4:].mean(dim=1, keepdim=True))

    def features(context: Tensor) -> TextFeatures:
        return TextFeatures(context.sum()[None, None] / 10, torch.zeros(1, 1, 1), (1,))

    def recorded(seed: int, index: int, step: int, shape: tuple[int, ...]) -> Tensor:
        return golden["noises"][step - 2][index, None]

    path = trajectory("kandinsky", config["steps"], pipeline.checkpoint.percentile)
    mask = golden["context_mask"][:, :, None]
    known = torch.cat([golden["mask"], golden["masked_latent"]], dim=1)
    request = {"prompt": "", "width": 64, "height": 64, "num_steps": 1, "sampler": "kandinsky", "seed": 0}
    batch = [
        Denoising(
            Request(**request, index=i, guidance_scale=config["guidance"]),  # type: ignore[arg-type]
            path,
            (features(golden["context"][i] * mask[i]), features(golden["null_embedding"])),
            golden["x_T"][i, None],
            known[i, None],
        )
        for i in range(num_samples)
    ]
    monkeypatch.setattr(pipeline.checkpoint.unet, "forward", formula)
    monkeypatch.setattr("model.denoising.draw_noise", recorded)
    finish(pipeline, batch)
    torch.testing.assert_close(
        torch.cat([sample.latent for sample in batch]), golden["output"], atol=1e-5, rtol=0
    )


def test_batch_mates_do_not_matter(pipeline: Pipeline, make_inpainting: MakeRequest) -> None:
    requests = [
        make_inpainting(),
        make_inpainting(canvas=canvas(1, left=40), num_steps=7),
        make_inpainting(guidance_scale=0.0, prompt="кот"),
        make_inpainting(negative_prompt="dog", num_steps=3),
    ]
    batch = pipeline.start(requests)
    finish(pipeline, batch)
    for request, pixels in zip(requests, pipeline.decode(batch), strict=True):
        assert_same_picture(pixels, draw(pipeline, request)[1])


@pytest.mark.parametrize(
    "change", [{"canvas": canvas(1)}, {"canvas": canvas(left=40)}, {"prompt": "a dog"}, {"index": 1}]
)
def test_every_field_changes_the_picture(
    pipeline: Pipeline, make_inpainting: MakeRequest, change: dict[str, object]
) -> None:
    first, second = (draw(pipeline, make_inpainting(**fields))[1] for fields in ({}, change))
    assert np.abs(first.astype(int) - second).max() > 10


def test_what_is_masked_does_not_matter(pipeline: Pipeline, make_inpainting: MakeRequest) -> None:
    one, other = canvas(), canvas(1)
    mixed = np.where(one.mask[:, :, None] > 0, other.picture, one.picture)
    first, second = (
        draw(pipeline, make_inpainting(canvas=Canvas(picture, one.mask)))[1]
        for picture in (one.picture, mixed)
    )
    assert np.array_equal(first, second)


def test_pictures_of_one_canvas_share_what_is_known(
    pipeline: Pipeline, make_inpainting: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, encoded, encode = canvas(), [], pipeline.checkpoint.movq.encode
    monkeypatch.setattr(pipeline.checkpoint.movq, "encode", lambda x: encoded.append(x) or encode(x))
    one, two, other = pipeline.start(
        [make_inpainting(canvas=shared), make_inpainting(canvas=shared, index=1), make_inpainting()]
    )
    assert one.known is two.known
    assert one.known is not other.known
    assert len(encoded) == 2


def test_sizes_other_than_squares(pipeline: Pipeline, make_inpainting: MakeRequest) -> None:
    wide = make_inpainting(canvas=canvas(width=128), width=128, num_steps=1)
    assert draw(pipeline, wide)[1].shape == (64, 128, 3)


def test_what_a_network_reads_of_a_canvas(pipeline: Pipeline) -> None:
    movq, given = pipeline.checkpoint.movq, canvas(left=15)
    given.mask[0, 8] = 0.25
    known = encode_canvas(given, movq)
    assert known.shape == (1, 5, 8, 8)
    assert known[0, 0, 0, :4].tolist() == [1, 0.75, 1, 1]
    assert known[0, 0, 1, :4].tolist() == [1, 1, 0, 0]  # by the nearest pixel
    seen = from_pixels(given.picture, CPU)
    seen[:, :, given.mask > 0] = 0
    torch.testing.assert_close(known[:, 1:], movq.encode(seen))


def test_a_mask_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match="shape"):
        Canvas(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 9), np.float32))


def test_inpainting_needs_a_canvas(pipeline: Pipeline, make_request: MakeRequest) -> None:
    with pytest.raises(ValueError, match="tiny-inpainting only draws on a canvas"):
        pipeline.start([make_request()])


def test_drawing_takes_no_canvas(tiny_checkpoint: Path, make_inpainting: MakeRequest) -> None:
    with pytest.raises(ValueError, match="tiny never draws on a canvas"):
        Pipeline(load_checkpoint(tiny_checkpoint, CPU)).start([make_inpainting()])
