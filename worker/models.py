"""A resident model: what it offers, and what it makes of a job."""

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from torch import nn

from model.canvas import Canvas
from model.pipeline import Pipeline, Request
from model.schedule import Sampler, trajectory
from model.upscaling import UpscalePipeline, UpscaleRequest
from worker.cards import drawing_card, upscaling_card
from worker.engine.handle import SampleFailed
from worker.engine.sample import Order
from worker.inputs import Inputs
from worker.jobs.catalog import ModelCard
from worker.jobs.job import Drawing, Job, SuperResolution
from worker.jobs.record import RANKS


@dataclass(frozen=True, eq=False)
class Routed:
    """What belongs to one model: a request for it, or the state that it has made of one."""

    model: str
    content: Any


@dataclass(frozen=True)
class DrawingModel:
    """A checkpoint that draws, or draws a part of a picture anew."""

    pipeline: Pipeline

    @cached_property
    def card(self) -> ModelCard:
        """What the model offers, for the catalog."""
        return drawing_card(self.pipeline.checkpoint)

    @property
    def network(self) -> nn.Module:
        """The network that each step evaluates."""
        return self.pipeline.checkpoint.unet

    def orders(self, job: Job, inputs: Inputs) -> list[Order]:
        """The samples that a job asks for. Raises SampleFailed for a sampler that is not the model's."""
        wanted = job.input
        assert isinstance(wanted, Drawing)
        sampler, canvas = self._find_sampler(wanted.sampler), _canvas(inputs)
        requests = [_request(wanted, sampler, canvas, index) for index in range(wanted.num_images)]
        num_steps = len(trajectory(sampler, wanted.steps))
        group = (wanted.model, wanted.width, wanted.height)
        return [
            _order(job, request, group, num_steps, rows=2 if request.is_guided else 1) for request in requests
        ]

    def _find_sampler(self, name: str) -> Sampler:
        samplers = self.pipeline.checkpoint.samplers
        for sampler in samplers:
            if sampler == name:
                return sampler
        raise SampleFailed(
            "model_unavailable", f"{self.card.id} is served by {', '.join(samplers)}, not by {name}"
        )


@dataclass(frozen=True)
class UpscalingModel:
    """A checkpoint that makes pictures larger."""

    pipeline: UpscalePipeline

    @cached_property
    def card(self) -> ModelCard:
        """What the model offers, for the catalog."""
        return upscaling_card(self.pipeline.checkpoint)

    @property
    def network(self) -> nn.Module:
        """The network that each step evaluates."""
        return self.pipeline.checkpoint.network

    def orders(self, job: Job, inputs: Inputs) -> list[Order]:
        """The one sample that a job asks for. Raises SampleFailed for a scale that is not the model's."""
        wanted, scale = job.input, self.pipeline.checkpoint.scale
        assert isinstance(wanted, SuperResolution)
        if wanted.scale != scale:
            raise SampleFailed(
                "model_unavailable", f"{self.card.id} enlarges by {scale}, not by {wanted.scale}"
            )
        request = UpscaleRequest(inputs[0], wanted.seed, num_steps=wanted.steps)
        windows = self.pipeline.windows(request)
        group = (wanted.model, windows[0].width, windows[0].height)
        return [_order(job, request, group, len(self.pipeline.plan(request).steps), rows=len(windows))]


ResidentModel = DrawingModel | UpscalingModel


def _order(job: Job, request: object, group: tuple[Hashable, int, int], num_steps: int, rows: int) -> Order:
    return Order(
        request=Routed(job.input.model, request),
        group=group,
        num_steps=num_steps,
        rows=rows,
        priority=RANKS[job.priority],
        owner=job.owner,
    )


def _request(wanted: Drawing, sampler: Sampler, canvas: Canvas | None, index: int) -> Request:
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
        canvas=canvas,
    )


def _canvas(inputs: Inputs) -> Canvas | None:
    if not inputs:
        return None
    picture, mask = inputs
    return Canvas(picture, np.divide(mask, 255, dtype=np.float32))
