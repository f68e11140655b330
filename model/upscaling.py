"""Pictures made larger with one checkpoint, whose pipeline has the verbs of `model.pipeline.Pipeline`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from model.multidiffusion import MAX_ROWS, WINDOWS, Plan, Upscaling, plan, step
from model.pixels import Pixels, from_pixels, to_pixels
from model.schedule import draw_noise
from model.tiling import View
from model.upscaler import STRIDE, Upscaler

#: Pixels in one evaluation of the network; on a CPU more at a time only take more memory.
MAX_PIXELS = {"cuda": MAX_ROWS * 1024**2, "cpu": 1024**2}
#: Sides of the small picture that Flash sees are multiples of this.
FLASH_MULTIPLE = 32
#: Longest side of a preview.
PREVIEW_SIDE = 256

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
    """The network of a checkpoint, and the work that the engine gives it, as `model.pipeline.Pipeline`."""

    def __init__(self, upscaler: Upscaler) -> None:
        self.checkpoint = upscaler
        self._max_pixels = MAX_PIXELS[upscaler.device.type]

    @torch.inference_mode()
    def start(self, requests: Sequence[UpscaleRequest]) -> list[Upscaling]:
        """Brings all pictures to their new sizes, and draws their first noise."""
        return [self._start(request) for request in requests]

    @torch.inference_mode()
    def step(self, batch: Sequence[Upscaling]) -> None:
        """Takes every picture one step on; all must have windows of one shape."""
        while not self._fits(batch):
            self._max_pixels //= 2

    @torch.inference_mode()
    def decode(self, batch: Sequence[Upscaling]) -> list[Pixels]:
        """Pictures (H, W, 3) that are finished."""
        return [to_pixels(fit(upscaling.noisy, upscaling.size))[0] for upscaling in batch]

    @torch.inference_mode()
    def preview(self, upscaling: Upscaling) -> Pixels:
        """A small picture of what the last step predicted."""
        predicted = upscaling.predicted
        picture = upscaling.lowres.float() if predicted is None else upscaling.join(predicted)
        ratio = max(*upscaling.size, PREVIEW_SIDE) / PREVIEW_SIDE
        small = [max(1, round(side / ratio)) for side in upscaling.size]
        return to_pixels(F.interpolate(picture, small, mode="area"))[0]

    def plan(self, request: UpscaleRequest) -> Plan:
        """The steps that it takes."""
        return plan(self.checkpoint.sampler, request.num_steps)

    def windows(self, request: UpscaleRequest) -> tuple[View, ...]:
        """The windows that it is cut into; pictures whose windows are of one shape may share a step."""
        return self.plan(request).windows.cover(*self._sampled_size(request))

    def _start(self, request: UpscaleRequest) -> Upscaling:
        checkpoint = self.checkpoint
        height, width = request.size
        lowres = from_pixels(request.picture, checkpoint.device)
        if checkpoint.sampler == "flash":
            lowres = shrink(lowres, seen_size(request.size))
        shape = (1, 3, *self._sampled_size(request))
        return Upscaling.start(
            lowres.to(checkpoint.dtype),
            self.plan(request),
            lambda number: draw_noise(request.seed, request.index, number, shape),
            (checkpoint.scale * height, checkpoint.scale * width),
        )

    def _sampled_size(self, request: UpscaleRequest) -> Size:
        scale = self.checkpoint.scale
        if self.checkpoint.sampler == "flash":
            height, width = seen_size(request.size)
            return scale * height, scale * width
        height, width = request.size
        return padded_side(height, scale), padded_side(width, scale)

    def _fits(self, batch: Sequence[Upscaling]) -> bool:
        """Whether there is memory to step so many windows at a time."""
        window = batch[0].views[0]
        rows = max(1, min(MAX_ROWS, self._max_pixels // (window.height * window.width)))
        try:
            step(self.checkpoint.network, batch, rows)
        except torch.OutOfMemoryError:
            if rows == 1:
                raise
            return False
        return True


def padded_side(side: int, scale: int, window: int = WINDOWS.size) -> int:
    """Side of the picture that is sampled: even sides scaled, as published.

    Where a single window covers it, it is what the network sees, and so a multiple of 8.
    """
    padded = (side + side % 2) * scale
    return padded if padded > window else math.ceil(padded / STRIDE) * STRIDE


def seen_size(size: Size) -> Size:
    """Size of the small picture that Flash sees."""
    height, width = (max(side // FLASH_MULTIPLE, 1) * FLASH_MULTIPLE for side in size)
    return height, width


def shrink(picture: Tensor, size: Size) -> Tensor:
    """Brings a picture (1, 3, h, w) to a size that a network can see."""
    if picture.shape[2:] == size:
        return picture
    return F.interpolate(picture, size, mode="bicubic", antialias=True).clamp(-1, 1)


def fit(picture: Tensor, size: tuple[int, ...]) -> Tensor:
    """Clips a sampled picture, and brings it to the size that was asked for."""
    clipped = picture.clamp(-1, 1)
    if clipped.shape[2:] == size:
        return clipped
    return F.interpolate(clipped, size, mode="bilinear", align_corners=True)
