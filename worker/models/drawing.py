"""A model that draws: pictures of prompts, pictures again, and parts of pictures."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from model.canvas import Canvas, extend
from model.masks import Mask, dilate, resize_mask
from model.pasting import paste_back
from model.pipeline import Pipeline
from model.refining import RefinePipeline, RefineRequest
from model.request import Request
from model.schedule import Sampler
from worker.cards import drawing_card
from worker.engine.handle import SampleFailed
from worker.engine.sample import Order, Pixels
from worker.inputs import Inputs
from worker.jobs.catalog import ModelCard
from worker.jobs.job import Job
from worker.jobs.stages import Drawing, ImageToImage, Inpainting, Outpainting, Refinement
from worker.models.resident import Work, order
from worker.models.states import unpack_states


@dataclass(frozen=True)
class DrawingModel:
    """A checkpoint that draws. One of Flash also refines what others have drawn."""

    pipeline: Pipeline
    #: The model that encodes its prompts in another worker, if one does.
    encoder: str | None = None

    @cached_property
    def card(self) -> ModelCard:
        """What the model offers, for the catalog."""
        return drawing_card(self.pipeline.checkpoint, self.encoder)

    @cached_property
    def refiner(self) -> RefinePipeline:
        """What refines with the same network."""
        return RefinePipeline(self.pipeline)

    @property
    def device(self) -> torch.device:
        return self.pipeline.checkpoint.device

    @property
    def network(self) -> nn.Module:
        """The network that each step evaluates."""
        return self.pipeline.checkpoint.unet

    def orders(self, job: Job, inputs: Inputs) -> list[Order]:
        """The samples of a job's present stage. Raises SampleFailed for a sampler that is not the model's."""
        stage = job.stage
        if isinstance(stage, Refinement):
            return [order(job, self._refine(job, stage, inputs, i)) for i in range(len(inputs.pictures))]
        assert isinstance(stage, Drawing)
        if self.encoder is not None and inputs.states is None:
            said = f"prompts for {stage.model} are read by {self.encoder} here, not in this job"
            raise SampleFailed("model_unavailable", said)
        request = self._request(job, stage, inputs)
        num_steps = self.pipeline.num_steps(request)
        requests = [replace(request, index=index) for index in range(stage.num_images)]
        return [order(job, self._draw(stage, request, num_steps)) for request in requests]

    def finish(self, job: Job, inputs: Inputs, results: Sequence[Any]) -> list[Pixels]:
        """The pictures, with what is to stay of the one that the job came with."""
        match job.stage:
            case Inpainting() as stage:
                mask = _full_mask(stage, inputs)
                return [_finish_inpainting(stage, drawn, inputs.pictures[0], mask) for drawn in results]
            case Outpainting(feather=feather) as stage:
                canvas = _extended(stage, inputs)
                return [paste_back(drawn, canvas.picture, canvas.mask, feather) for drawn in results]
        return list(results)

    def _draw(self, stage: Drawing, request: Request, num_steps: int) -> Work:
        return Work(
            pipeline=self.pipeline,
            request=request,
            group=(stage.model, request.width, request.height),
            num_steps=num_steps,
            rows=2 if request.is_guided else 1,
        )

    def _refine(self, job: Job, stage: Refinement, inputs: Inputs, index: int) -> Work:
        request = RefineRequest(
            picture=inputs.pictures[index],
            prompt=job.wording,
            seed=stage.seed,
            index=index,
            num_steps=stage.steps,
            states=unpack_states(inputs.states),
        )
        tiles = self.refiner.tiles(request)
        return Work(
            pipeline=self.refiner,
            request=request,
            group=((stage.model, stage.kind), tiles[0].width, tiles[0].height),
            num_steps=stage.steps,
            rows=len(tiles),
        )

    def _request(self, job: Job, stage: Drawing, inputs: Inputs) -> Request:
        canvas, image, strength = None, None, 1.0
        width, height = stage.width, stage.height
        match stage:
            case ImageToImage():
                image, strength = inputs.pictures[0], stage.strength
            case Inpainting():
                width, height = stage.drawn_width, stage.drawn_height
                canvas = _shrunk(inputs.pictures[0], _full_mask(stage, inputs), (width, height))
            case Outpainting():
                width, height = stage.drawn_width, stage.drawn_height
                canvas = _extended(stage, inputs)
        return Request(
            prompt=job.wording,
            negative_prompt=stage.negative_prompt or "",
            width=width,
            height=height,
            num_steps=stage.steps,
            sampler=self._find_sampler(stage.sampler),
            seed=stage.seed,
            guidance_scale=stage.guidance_scale,
            canvas=canvas,
            image=image,
            strength=strength,
            states=unpack_states(inputs.states),
        )

    def _find_sampler(self, name: str) -> Sampler:
        samplers = self.pipeline.checkpoint.samplers
        for sampler in samplers:
            if sampler == name:
                return sampler
        raise SampleFailed(
            "model_unavailable", f"{self.card.id} is served by {', '.join(samplers)}, not by {name}"
        )


def _full_mask(stage: Inpainting, inputs: Inputs) -> Mask:
    """The mask of the whole picture, grown as asked for."""
    assert inputs.mask is not None
    return dilate(np.divide(inputs.mask, 255, dtype=np.float32), stage.dilation)


def _shrunk(picture: Pixels, mask: Mask, size: tuple[int, int]) -> Canvas:
    """A picture and its mask at the (width, height) that the network draws at."""
    if picture.shape[:2] == size[::-1]:
        return Canvas(picture, mask)
    width, height = size
    ratio = max(picture.shape[0] / height, picture.shape[1] / width)
    if ratio > 1:
        # A stroke that is thinner than the pixels of the smaller mask must not fall between them.
        mask = dilate(mask, math.ceil(ratio / 2))
    return Canvas(np.asarray(Image.fromarray(picture).resize(size)), resize_mask(mask, height, width))


def _extended(stage: Outpainting, inputs: Inputs) -> Canvas:
    margins = stage.left, stage.right, stage.top, stage.bottom
    return extend(inputs.pictures[0], margins, overlap=stage.feather)


def _finish_inpainting(stage: Inpainting, drawn: Pixels, picture: Pixels, mask: Mask) -> Pixels:
    if drawn.shape != picture.shape:
        drawn = np.asarray(Image.fromarray(drawn).resize((stage.width, stage.height)))
    return paste_back(drawn, picture, mask, stage.feather) if stage.paste_back else drawn
