"""Pictures made larger with one checkpoint, whose pipeline has the verbs of `model.pipeline.Pipeline`."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from model.multidiffusion import MAX_ROWS, Plan, Upscaling, plan, step
from model.pixels import Pixels, from_pixels, pad, to_pixels
from model.residency import use
from model.rows import PixelLimit
from model.schedule import draw_noise
from model.tiling import View
from model.upscaler import STRIDE, Upscaler

#: Pixels in one evaluation of the network; on a CPU more at a time only take more memory.
MAX_PIXELS = {"cuda": MAX_ROWS * 1024**2, "cpu": 1024**2}

Size = tuple[int, int]


@dataclass(frozen=True, eq=False)
class UpscaleRequest:
    """The picture that is to be made larger, (h, w, 3)."""

    picture: Pixels
    seed: int
    #: Keys its noise together with the seed.
    index: int = 0
    num_steps: int = 5

    @property
    def size(self) -> Size:
        """Height and width of the small picture."""
        height, width, _ = self.picture.shape
        return height, width


class UpscalePipeline:
    """The network of a checkpoint, and the work that the engine gives it, as `model.pipeline.Pipeline`.

    Where the network cannot take the sides of a picture, the picture is padded with its mirror image, and the
    result cut. (The published pipelines resize such pictures before and after, which blurs them.)
    """

    def __init__(self, upscaler: Upscaler) -> None:
        self.checkpoint = upscaler
        self._limit = PixelLimit(MAX_PIXELS[upscaler.device.type], MAX_ROWS)

    @torch.inference_mode()
    def start(self, requests: Sequence[UpscaleRequest]) -> list[Upscaling]:
        """Takes the pictures in; what takes memory waits for their first step."""
        return [self._start(request) for request in requests]

    @torch.inference_mode()
    def step(self, batch: Sequence[Upscaling]) -> None:
        """Takes every picture one step on; all must have windows of one shape."""
        num_rows = sum(len(upscaling.views) for upscaling in batch)
        network, area = self.checkpoint.network, batch[0].views[0].area
        use(self.checkpoint.network)
        self._limit.evaluate(num_rows, area, lambda max_rows: step(network, batch, max_rows))

    @torch.inference_mode()
    def decode(self, batch: Sequence[Upscaling]) -> list[Pixels]:
        """Pictures (H, W, 3) that are finished."""
        return [to_pixels(_wanted(upscaling).of(upscaling.noisy))[0] for upscaling in batch]

    @torch.inference_mode()
    def preview(self, upscaling: Upscaling) -> Pixels:
        """A small picture of what the last step predicted."""
        if upscaling.preview is None:
            view = _wanted(upscaling, self.checkpoint.scale)
            small = upscaling.preview_size
            return to_pixels(F.interpolate(view.of(upscaling.lowres).float(), small, mode="area"))[0]
        return to_pixels(upscaling.preview)[0]

    def plan(self, request: UpscaleRequest) -> Plan:
        """The steps that it takes."""
        return plan(self.checkpoint.sampler, request.num_steps)

    def windows(self, request: UpscaleRequest) -> tuple[View, ...]:
        """The windows that it is cut into; pictures whose windows are of one shape may share a step."""
        height, width = (padded_side(side, self.checkpoint.scale) for side in request.size)
        return self.plan(request).windows.cover(height, width)

    def _start(self, request: UpscaleRequest) -> Upscaling:
        checkpoint, scale = self.checkpoint, self.checkpoint.scale
        height, width = (padded_side(side, scale) for side in request.size)
        lowres = from_pixels(pad(request.picture, height // scale, width // scale), checkpoint.device)
        return Upscaling.start(
            lowres.to(checkpoint.dtype),
            self.plan(request),
            lambda number: draw_noise(request.seed, request.index, number, (1, 3, height, width)),
            (scale * request.picture.shape[0], scale * request.picture.shape[1]),
            padded=(height, width),
        )


def padded_side(side: int, scale: int) -> int:
    """Side of the picture that is sampled: scaled, and then up to the next that the network can take."""
    return -(-side * scale // STRIDE) * STRIDE


def _wanted(upscaling: Upscaling, shrunk: int = 1) -> View:
    """The part of a sampled picture, or of it `shrunk` times smaller, that was asked for."""
    height, width = upscaling.size
    return View(0, height // shrunk, 0, width // shrunk)
