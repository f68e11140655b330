"""A language model that makes prompts richer."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn

from model.language.pipeline import LanguagePipeline
from model.language.writing import BeautifyRequest
from worker.cards import language_card
from worker.engine.sample import Order
from worker.inputs import Inputs
from worker.jobs.catalog import ModelCard
from worker.jobs.job import Job
from worker.jobs.stages import Beautification
from worker.models.resident import Work, order
from worker.results import Text


@dataclass(frozen=True)
class BeautifyingModel:
    """A language model: a step is a token, and prompts join and leave between any two."""

    pipeline: LanguagePipeline

    @cached_property
    def card(self) -> ModelCard:
        """What the model offers, for the catalog."""
        return language_card(self.pipeline.model)

    @property
    def device(self) -> torch.device:
        return self.pipeline.model.device

    @property
    def network(self) -> nn.Module:
        """The network that each step evaluates."""
        network: nn.Module = self.pipeline.model.network
        return network

    def orders(self, job: Job, inputs: Inputs) -> list[Order]:
        """The one sample of a job's present stage."""
        stage = job.stage
        assert isinstance(stage, Beautification)
        request = BeautifyRequest(stage.prompt, stage.seed, stage.template)
        work = Work(self.pipeline, request, (stage.model, 1, 1), self.pipeline.model.settings.max_new_tokens)
        return [order(job, work)]

    def finish(self, job: Job, inputs: Inputs, results: Sequence[Any]) -> Text:
        """What the model has said, or the prompt if that was of no use."""
        [beautified] = results
        return Text(beautified.text, beautified.fallback)
