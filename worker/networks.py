"""The resident networks, as the engine and the tasks ask for them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from model.checkpoint import DEMO, Checkpoint, load_checkpoint
from model.pipeline import Denoising, Pipeline, Request
from model.schedule import Sampler, trajectory
from worker.engine.handle import SampleFailed
from worker.engine.sample import Order, Pixels
from worker.jobs.catalog import ModelCard, SamplerCard
from worker.jobs.job import Job, Kind, TextToImage
from worker.jobs.record import RANKS
from worker.settings import WorkerSettings

#: Steps by default and at most, of each sampler.
STEPS = {"ddpm": (25, 200), "kandinsky": (50, 200), "flash": (4, 4)}
DEFAULT_GUIDANCE, MAX_GUIDANCE = 3.0, 20.0
MAX_IMAGES = 8
#: Below so many weights a second CPU thread makes a U-Net slower, as measured by `benchmarks.throughput`.
SMALL_UNET = 50_000_000


class DeviceUnavailable(Exception):
    """This machine, or this build of torch, has no such device."""


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

    def orders(self, job: Job) -> list[Order]:
        """The samples that a job asks for. Raises SampleFailed when it asks another model for them."""
        wanted, sampler = job.input, self._find_sampler(job.input)
        requests = [_request(wanted, sampler, index) for index in range(wanted.num_images)]
        num_steps = len(trajectory(sampler, wanted.steps))
        return [
            Order(
                request=request,
                group=(wanted.model, wanted.width, wanted.height),
                num_steps=num_steps,
                rows=2 if request.is_guided else 1,
                priority=RANKS[job.priority],
                owner=job.owner,
            )
            for request in requests
        ]

    def start(self, requests: Sequence[Request]) -> list[Denoising]:
        with _readable_memory_errors():
            return self.pipeline.start(requests)

    def step(self, states: Sequence[Denoising]) -> None:
        with _readable_memory_errors():
            self.pipeline.step(states)

    def decode(self, states: Sequence[Denoising]) -> list[Pixels]:
        with _readable_memory_errors():
            return self.pipeline.decode(states)

    def preview(self, state: Denoising) -> Pixels:
        return self.pipeline.preview(state)

    def is_finite(self, state: Denoising) -> bool:
        return state.is_finite

    def _find_sampler(self, wanted: TextToImage) -> Sampler:
        if wanted.model == self.checkpoint.name:
            for sampler in self.checkpoint.samplers:
                if sampler == wanted.sampler:
                    return sampler
        raise SampleFailed(
            "model_unavailable",
            f"this worker serves {self.checkpoint.name} by {', '.join(self.checkpoint.samplers)}, "
            f"not {wanted.model} by {wanted.sampler}",
        )


@contextmanager
def _readable_memory_errors() -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise MemoryError(str(error)) from None


def load_networks(settings: WorkerSettings) -> ResidentNetworks:
    """Loads the checkpoint that the settings name. Raises CheckpointError and DeviceUnavailable."""
    device = _choose_device(settings.device)
    dtype = settings.dtype or ("bfloat16" if device.type == "cuda" else "float32")
    checkpoint = load_checkpoint(settings.checkpoint or DEMO, device, getattr(torch, dtype))
    if num_threads := settings.num_threads or _best_threads(checkpoint):
        torch.set_num_threads(num_threads)
    return ResidentNetworks(Pipeline(checkpoint))


def _best_threads(checkpoint: Checkpoint) -> int | None:
    """One for a small U-Net, whose layers end sooner than threads can share them; None for all cores."""
    num_weights = sum(parameter.numel() for parameter in checkpoint.unet.parameters())
    return 1 if num_weights < SMALL_UNET else None


def _choose_device(name: str | None) -> torch.device:
    device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
    try:
        torch.empty(0, device=device)
    except (AssertionError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise DeviceUnavailable(f"device {name} cannot be used here: {reason}") from error
    return device


def _request(wanted: TextToImage, sampler: Sampler, index: int) -> Request:
    return Request(
        prompt=wanted.prompt,
        negative_prompt=wanted.negative_prompt or "",
        width=wanted.width,
        height=wanted.height,
        num_steps=wanted.steps,
        sampler=sampler,
        seed=wanted.seed,
        index=index,
        guidance_scale=wanted.guidance_scale,
    )


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
