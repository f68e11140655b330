"""Finished pictures refined by the last steps of Kandinsky 3.1 Flash, by tiles of their latents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from model.pipeline import Pipeline
from model.pixels import Pixels, pad, to_pixels
from model.residency import use
from model.rows import PixelLimit, parts
from model.schedule import FLASH_TIMESTEPS, Steps, Trajectory, draw_noise, trajectory
from model.tiled_movq import TiledMoVQ
from model.tiling import Mosaic, View, Windows
from model.unet import TextFeatures

#: Side of a tile in sides of the pictures that the network was trained on, as published: 352 latents for 128.
TILE = 2.75
#: Tiles of the published size in one evaluation, and smaller ones at most.
MAX_TILES, MAX_ROWS = {"cuda": 4, "cpu": 1}, 16
#: Number of the first draw of noise: far from those that the same seed has drawn the picture from.
FIRST_DRAW = 1 << 20


@dataclass(frozen=True, eq=False)
class RefineRequest:
    """The picture that is to be refined, (H, W, 3), and what it shows. Raises ValueError for other steps."""

    picture: Pixels
    seed: int
    #: The published refiner is given no words.
    prompt: str = ""
    #: Keys its noise together with the seed.
    index: int = 0
    #: Steps at timestep 229 alone, or at 479 and 229.
    num_steps: Literal[1, 2] = 1
    #: T5 states (n, C) of the prompt, when they were computed elsewhere.
    states: Mapping[str, Tensor] | None = None

    def __post_init__(self) -> None:
        if self.num_steps not in (1, 2):
            raise ValueError(f"num_steps must be 1 or 2, not {self.num_steps}")
        if self.states is not None and self.prompt not in self.states:
            raise ValueError(f"states lacks those of {self.prompt!r}")


@dataclass
class Refining:
    """One picture being refined. `RefinePipeline.step` alone changes it."""

    request: RefineRequest
    trajectory: Trajectory
    text: TextFeatures
    #: The tiles, in latents.
    views: tuple[View, ...]
    #: Latent of the picture, padded to what the network can take, (1, 4, h, w) fp32, free of noise.
    latent: Tensor
    num_done: int = 0

    @property
    def is_done(self) -> bool:
        return self.num_done == len(self.trajectory)

    @property
    def is_finite(self) -> bool:
        """False when the network has produced infinities or NaN."""
        return bool(self.latent.isfinite().all())

    @property
    def steps(self) -> Steps:
        """The next step."""
        return Steps(self.trajectory.table[self.num_done, None])

    def noised(self) -> Tensor:
        """What the next step sees, (1, 4, h, w); where tiles overlap they see the same noise.

        The draws follow one another as those of an image-to-image sample.
        """
        number = FIRST_DRAW + (self.num_done + 1 if self.num_done else 0)
        noise = draw_noise(self.request.seed, self.request.index, number, tuple(self.latent.shape))
        signal, spread = (float(weight) for weight in (self.steps.signal, self.steps.spread))
        return signal * self.latent + spread * noise.to(self.latent.device)


class RefinePipeline:
    """The networks of a Flash checkpoint, and the work that the engine gives them, as in `Pipeline`.

    Raises ValueError for a checkpoint that is not Flash.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        checkpoint = pipeline.checkpoint
        if "flash" not in checkpoint.samplers or checkpoint.inpaints:
            raise ValueError(f"{checkpoint.name} is no Flash checkpoint, and so cannot refine")
        self.checkpoint = checkpoint
        trained = checkpoint.default_side // checkpoint.movq.config.stride
        self.windows = tiles_for(trained, checkpoint.unet.config.stride)
        self._movq = TiledMoVQ(checkpoint.movq, trained)
        max_tiles = MAX_TILES[checkpoint.device.type]
        self._limit = PixelLimit(max_tiles * self.windows.size**2, MAX_ROWS)

    @torch.inference_mode()
    def start(self, requests: Sequence[RefineRequest]) -> list[Refining]:
        """Encodes the prompts of all requests in one batch, and every picture."""
        texts = self._texts(requests)
        return [self._start(request, text) for request, text in zip(requests, texts, strict=True)]

    @torch.inference_mode()
    def step(self, batch: Sequence[Refining]) -> None:
        """Takes every picture one step on; all must have tiles of one shape."""
        num_rows = sum(len(refining.views) for refining in batch)
        self._limit.evaluate(num_rows, batch[0].views[0].area, lambda max_rows: self._step(batch, max_rows))

    @torch.inference_mode()
    def decode(self, batch: Sequence[Refining]) -> list[Pixels]:
        """Pictures (H, W, 3) that are finished."""
        return [self._decode(refining) for refining in batch]

    @torch.inference_mode()
    def preview(self, refining: Refining) -> Pixels:
        """A picture of latent size of what the last step predicted."""
        height, width = (-(-side // self.checkpoint.movq.config.stride) for side in _size(refining.request))
        return to_pixels(self.checkpoint.components.to_preview(refining.latent))[0][:height, :width]

    def tiles(self, request: RefineRequest) -> tuple[View, ...]:
        """The tiles that it is cut into, in latents; pictures of one shape of tiles may share a step."""
        height, width = (side // self.checkpoint.movq.config.stride for side in self._padded_size(request))
        return self.windows.cover(height, width)

    def _padded_size(self, request: RefineRequest) -> tuple[int, int]:
        multiple = self.checkpoint.size_multiple
        height, width = (-(-side // multiple) * multiple for side in _size(request))
        return height, width

    def _start(self, request: RefineRequest, text: TextFeatures) -> Refining:
        latent = self._movq.encode(pad(request.picture, *self._padded_size(request)))
        path = trajectory("flash", len(FLASH_TIMESTEPS)).tail(request.num_steps)
        return Refining(request, path, text, self.tiles(request), latent)

    def _texts(self, requests: Sequence[RefineRequest]) -> list[TextFeatures]:
        """Features of each request's prompt; those of equal prompts are computed once."""
        unique = sorted({request.prompt for request in requests if request.states is None})
        encoded = dict(zip(unique, self.checkpoint.prompts.encode(unique), strict=True)) if unique else {}
        features = {prompt: self._features(states) for prompt, states in encoded.items()}
        return [
            features[request.prompt]
            if request.states is None
            else self._features(request.states[request.prompt])
            for request in requests
        ]

    def _features(self, states: Tensor) -> TextFeatures:
        unet = self.checkpoint.unet
        use(unet)
        weight = unet.conv_in.weight
        context = self.checkpoint.conditioner.condition_prompt(states.to(weight.device, weight.dtype))
        return unet.encode_text(context)

    def _step(self, batch: Sequence[Refining], max_rows: int) -> None:
        use(self.checkpoint.unet)
        noised = [refining.noised() for refining in batch]
        mosaics = [Mosaic(self.windows, latent.shape, latent.device) for latent in noised]
        rows = [(i, view) for i, refining in enumerate(batch) for view in refining.views]
        for part in parts(rows, max_rows):
            seen = torch.cat([view.of(noised[i]) for i, view in part])
            predictions = self._predict([batch[i] for i, _ in part], seen)
            for (i, view), prediction in zip(part, predictions, strict=True):
                mosaics[i].add(prediction, view)
        # Should memory run out on the way, every picture is still where it was.
        latents = [mosaic.finish() for mosaic in mosaics]
        for refining, latent in zip(batch, latents, strict=True):
            refining.latent = latent
            refining.num_done += 1

    def _predict(self, rows: Sequence[Refining], latents: Tensor) -> Tensor:
        """The latents (B, 4, h, w) without their noise; each row is a tile of a picture."""
        steps = Steps(torch.cat([refining.steps.table for refining in rows]).to(latents.device))
        text = TextFeatures.collate([refining.text for refining in rows])
        dtype = self.checkpoint.unet.conv_in.weight.dtype
        noise = self.checkpoint.unet(latents.to(dtype), steps.timesteps, text, text.mask()).float()
        return (latents - steps.spread * noise) / steps.signal

    def _decode(self, refining: Refining) -> Pixels:
        height, width = _size(refining.request)
        return to_pixels(self._movq.decode(refining.latent)[:, :, :height, :width])[0]


def tiles_for(trained: int, stride: int) -> Windows:
    """The tiles of a network that was trained on `trained` latents a side and takes multiples of `stride`.

    Neighbours overlap by a quarter and fade into one another. For the published network, of 128 latents,
    these are the published tiles: 352 wide, every 264, with a blend of 88.
    """
    size = round(TILE * trained / stride) * stride
    return Windows(size, size - size // 4, size // 4)


def _size(request: RefineRequest) -> tuple[int, int]:
    height, width, _ = request.picture.shape
    return height, width
