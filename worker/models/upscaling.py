"""A model that makes pictures larger."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn

from model.upscaling import UpscalePipeline, UpscaleRequest
from worker.cards import upscaling_card
from worker.engine.handle import SampleFailed
from worker.engine.sample import Order, Pixels
from worker.inputs import Inputs
from worker.jobs.catalog import ModelCard
from worker.jobs.job import Job
from worker.jobs.stages import SuperResolution
from worker.models.resident import Work, order

#: Of a picture in the making: what is noisy and what was predicted, three channels each in fp32.
BYTES_PER_PIXEL = 2 * 3 * 4


@dataclass(frozen=True)
class UpscalingModel:
    """A checkpoint that makes pictures larger."""

    pipeline: UpscalePipeline

    @cached_property
    def card(self) -> ModelCard:
        """What the model offers, for the catalog."""
        return upscaling_card(self.pipeline.checkpoint)

    @property
    def device(self) -> torch.device:
        return self.pipeline.checkpoint.device

    @property
    def network(self) -> nn.Module:
        """The network that each step evaluates."""
        return self.pipeline.checkpoint.network

    def orders(self, job: Job, inputs: Inputs) -> list[Order]:
        """The samples of a job's present stage. Raises SampleFailed for a scale that is not the model's."""
        stage, scale = job.stage, self.pipeline.checkpoint.scale
        assert isinstance(stage, SuperResolution)
        if stage.scale != scale:
            raise SampleFailed(
                "model_unavailable", f"{self.card.id} enlarges by {scale}, not by {stage.scale}"
            )
        requests = [
            UpscaleRequest(picture, stage.seed, index, num_steps=stage.steps)
            for index, picture in enumerate(inputs.pictures)
        ]
        return [order(job, self._upscale(stage, request)) for request in requests]

    def finish(self, job: Job, inputs: Inputs, results: Sequence[Any]) -> list[Pixels]:
        """The pictures as they are."""
        return list(results)

    def _upscale(self, stage: SuperResolution, request: UpscaleRequest) -> Work:
        windows = self.pipeline.windows(request)
        return Work(
            pipeline=self.pipeline,
            request=request,
            group=(stage.model, windows[0].width, windows[0].height),
            num_steps=len(self.pipeline.plan(request).steps),
            rows=len(windows),
            held=BYTES_PER_PIXEL * stage.width * stage.height,
        )
