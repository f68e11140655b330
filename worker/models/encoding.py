"""A text encoder that works for the networks of other workers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from model.residency import device_of
from model.text_encoder import PromptEncoder
from worker.cards import encoding_card
from worker.engine.sample import Order
from worker.inputs import Inputs
from worker.jobs.catalog import ModelCard
from worker.jobs.job import Job
from worker.jobs.stages import Encoding
from worker.models.resident import Work, order
from worker.models.states import pack_states
from worker.results import States


@dataclass(eq=False)
class Reading:
    """Texts that are read in one step; `EncodingPipeline.step` alone changes it."""

    texts: tuple[str, ...]
    states: dict[str, Tensor] | None = None

    @property
    def is_done(self) -> bool:
        return self.states is not None

    @property
    def is_finite(self) -> bool:
        """False when the network has produced infinities or NaN."""
        return all(bool(state.isfinite().all()) for state in (self.states or {}).values())


@dataclass(frozen=True)
class EncodingPipeline:
    """Reads the prompts of all waiting jobs in one batch."""

    encoder: PromptEncoder

    def start(self, requests: Sequence[tuple[str, ...]]) -> list[Reading]:
        """Texts that are to be read."""
        return [Reading(texts) for texts in requests]

    @torch.inference_mode()
    def step(self, readings: Sequence[Reading]) -> None:
        """Reads all of them."""
        texts = sorted({text for reading in readings for text in reading.texts})
        states = dict(zip(texts, self.encoder.encode(texts), strict=True))
        for reading in readings:
            reading.states = {text: states[text] for text in reading.texts}

    def decode(self, readings: Sequence[Reading]) -> list[dict[str, Tensor]]:
        """The states (n, C) of each text, by text."""
        return [reading.states or {} for reading in readings]

    def preview(self, reading: Reading) -> None:
        """Nothing: a text cannot be seen."""
        return None


@dataclass(frozen=True)
class EncodingModel:
    """The text encoder of a checkpoint, on its own."""

    name: str
    encoder: PromptEncoder

    @cached_property
    def pipeline(self) -> EncodingPipeline:
        return EncodingPipeline(self.encoder)

    @cached_property
    def card(self) -> ModelCard:
        """What the model offers, for the catalog."""
        return encoding_card(self.name)

    @property
    def device(self) -> torch.device:
        return device_of(self.encoder.network)

    @property
    def network(self) -> nn.Module:
        """The network that each step evaluates."""
        return self.encoder.network

    def orders(self, job: Job, inputs: Inputs) -> list[Order]:
        """The one sample of a job's present stage."""
        stage = job.stage
        assert isinstance(stage, Encoding)
        negative = () if stage.negative_prompt is None else (stage.negative_prompt,)
        texts = (job.wording, *negative)
        return [order(job, Work(self.pipeline, texts, (stage.model, 1, 1), num_steps=1))]

    def finish(self, job: Job, inputs: Inputs, results: Sequence[Any]) -> States:
        """The states of all texts."""
        return States(pack_states(results[0]))
