"""The resident networks, as the engine asks for them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

from model.checkpoint import Checkpoint, load_checkpoint
from model.pipeline import Denoising, Pipeline, Request
from model.schedule import trajectory
from worker.engine.sample import Order, Pixels
from worker.jobs.catalog import ModelCard, SamplerCard
from worker.jobs.job import Job, Kind
from worker.settings import WorkerSettings

ResultT = TypeVar("ResultT")

#: Steps by default and at most, of each sampler.
STEPS = {"ddpm": (25, 200), "kandinsky": (50, 200), "flash": (4, 4)}
DEFAULT_GUIDANCE, MAX_GUIDANCE = 3.0, 20.0
MAX_IMAGES = 8
#: Classes of the scheduler, by the job's priority.
CLASSES = {"interactive": 0, "batch": 1}


@dataclass(frozen=True)
class ResidentNetworks:
    """One checkpoint on one device; running out of memory comes out as MemoryError."""

    pipeline: Pipeline

    @property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint that is resident."""
        return self.pipeline.checkpoint

    @property
    def card(self) -> ModelCard:
        """What the model offers, for the catalog."""
        return model_card(self.checkpoint)

    @property
    def device(self) -> str:
        """Name of the device, for people."""
        device = self.checkpoint.device
        return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type

    def start(self, requests: Sequence[Request]) -> list[Denoising]:
        return _memory_checked(lambda: self.pipeline.start(requests))

    def step(self, states: Sequence[Denoising]) -> None:
        _memory_checked(lambda: self.pipeline.step(states))

    def decode(self, states: Sequence[Denoising]) -> list[Pixels]:
        return _memory_checked(lambda: self.pipeline.decode(states))

    def preview(self, state: Denoising) -> Pixels:
        return self.pipeline.preview(state)

    def is_finite(self, state: Denoising) -> bool:
        return state.is_finite


def _memory_checked(work: Callable[[], ResultT]) -> ResultT:
    try:
        return work()
    except torch.OutOfMemoryError as error:
        raise MemoryError(str(error)) from error


def load_networks(settings: WorkerSettings, default: Path) -> ResidentNetworks:
    """Loads the checkpoint that the settings name. Raises CheckpointError."""
    if settings.num_threads:
        torch.set_num_threads(settings.num_threads)
    device = torch.device(settings.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    name = settings.dtype or ("bfloat16" if device.type == "cuda" else "float32")
    checkpoint = load_checkpoint(settings.checkpoint or default, device, getattr(torch, name))
    return ResidentNetworks(Pipeline(checkpoint))


def orders(job: Job) -> list[Order[Request]]:
    """The samples that a job asks for."""
    wanted = job.input
    num_steps = len(trajectory(wanted.sampler, wanted.steps))
    return [
        Order(
            request=Request(
                prompt=wanted.prompt,
                negative_prompt=wanted.negative_prompt or "",
                width=wanted.width,
                height=wanted.height,
                num_steps=wanted.steps,
                sampler=wanted.sampler,
                seed=wanted.seed,
                index=index,
                guidance_scale=wanted.guidance_scale,
            ),
            group=(wanted.model, wanted.width, wanted.height),
            num_steps=num_steps,
            rows=2 if wanted.guidance_scale > 1 else 1,
            priority=CLASSES[job.priority],
            owner=job.owner,
        )
        for index in range(wanted.num_images)
    ]


def model_card(checkpoint: Checkpoint) -> ModelCard:
    """What a checkpoint offers and allows."""
    side = checkpoint.default_side
    return ModelCard(
        id=checkpoint.name,
        kinds=(Kind.TEXT_TO_IMAGE,),
        size_multiple=checkpoint.size_multiple,
        min_side=checkpoint.size_multiple,
        max_side=2 * side,
        max_pixels=2 * side * side,
        default_width=side,
        default_height=side,
        samplers=tuple(
            SamplerCard(
                name=name, default_steps=STEPS[name][0], max_steps=STEPS[name][1], guidance=name != "flash"
            )
            for name in checkpoint.samplers
        ),
        default_sampler=checkpoint.samplers[0],
        default_guidance_scale=1 if checkpoint.samplers == ("flash",) else DEFAULT_GUIDANCE,
        max_guidance_scale=MAX_GUIDANCE,
        max_num_images=MAX_IMAGES,
    )
