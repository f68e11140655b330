"""Where measurements are made: draws pictures, keeps judges, shows progress."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol, TypeVar

import numpy as np
import torch
from rich.progress import Progress

from model.pipeline import Pipeline, Request
from model.pixels import Pixels, to_pixels
from model.training.evaluation.features import Features
from model.training.evaluation.judge import Judge
from model.training.pictures import Picture, Style, common_objects, load_pictures
from model.upscaling import UpscalePipeline, UpscaleRequest

#: Pictures that are made at a time, by kind of device.
BATCH = {"cpu": 16, "cuda": 128}
#: Steps that published checkpoints take by default.
NUM_STEPS = 25
#: Share of the pictures that a quick evaluation makes.
QUICK_SHARE = 0.1


class Sample(Protocol):
    """A picture in the making."""

    @property
    def is_done(self) -> bool: ...


SampleT = TypeVar("SampleT", bound=Sample)
RequestT = TypeVar("RequestT", contravariant=True)


class Verbs(Protocol[RequestT, SampleT]):
    """What pipelines of all kinds do."""

    def start(self, requests: Sequence[RequestT], /) -> list[SampleT]: ...
    def step(self, batch: Sequence[SampleT], /) -> None: ...
    def decode(self, batch: Sequence[SampleT], /) -> list[Pixels]: ...


@dataclass(frozen=True)
class Bench:
    """What all measurements use."""

    features: Features
    progress: Progress
    #: Whether figures need only be rough.
    is_quick: bool = False
    #: Steps of the base and of inpainting.
    num_steps: int = NUM_STEPS
    _judges: dict[tuple[bool, tuple[Style, ...], int], Judge] = field(default_factory=dict)

    def count(self, full: int) -> int:
        """How many pictures to make where a full evaluation makes `full`."""
        return max(2, round(QUICK_SHARE * full)) if self.is_quick else full

    def judge(self, side: int, only_common: bool = True, styles: tuple[Style, ...] = ("3d",)) -> Judge:
        """The judge of pictures of a side, which knows these objects in these styles."""
        key = (only_common, styles, side)
        if key not in self._judges:
            objects = [picture for style in styles for picture in load_objects(only_common, style)]
            self._judges[key] = Judge.of(self.features, objects, side)
        return self._judges[key]

    def draw(self, pipeline: Pipeline, requests: Sequence[Request]) -> Pixels:
        """The pictures (N, H, W, 3) of requests of one size and one number of steps."""
        checkpoint = pipeline.checkpoint
        return self._make(pipeline, requests, BATCH[checkpoint.device.type], checkpoint.name)

    def upscale(self, pipeline: UpscalePipeline, requests: Sequence[UpscaleRequest]) -> Pixels:
        """The enlarged pictures (N, H, W, 3) of requests of one size."""
        checkpoint = pipeline.checkpoint
        return self._make(pipeline, requests, BATCH[checkpoint.device.type], checkpoint.name)

    def _make(
        self, pipeline: Verbs[RequestT, SampleT], requests: Sequence[RequestT], batch: int, name: str
    ) -> Pixels:
        task = self.progress.add_task(name, total=len(requests))
        pictures: list[Pixels] = []
        for first in range(0, len(requests), batch):
            samples = pipeline.start(requests[first : first + batch])
            while not samples[0].is_done:
                pipeline.step(samples)
            pictures += pipeline.decode(samples)
            self.progress.update(task, completed=len(pictures))
        self.progress.remove_task(task)
        return np.stack(pictures)


@cache
def load_objects(only_common: bool = True, style: Style = "3d") -> tuple[Picture, ...]:
    """The common objects or all of them, in one style."""
    return tuple(load_pictures(common_objects() if only_common else None, style))


@torch.inference_mode()
def reconstruct(pipeline: Pipeline, pictures: Pixels) -> Pixels:
    """Pictures (N, H, W, 3) through the autoencoder and back: the best that its U-Net could draw."""
    movq, device = pipeline.checkpoint.movq, pipeline.checkpoint.device
    batches = torch.from_numpy(pictures).permute(0, 3, 1, 2).split(BATCH["cpu"])
    decoded = [
        to_pixels(movq.decode(movq.encode(batch.to(device).contiguous().float() / 127.5 - 1)))
        for batch in batches
    ]
    return np.concatenate(decoded)
