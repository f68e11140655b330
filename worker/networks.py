"""The resident networks of all models of a worker, as the engine and the tasks ask for them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from worker.engine.handle import SampleFailed
from worker.engine.sample import Order, Pixels
from worker.inputs import Inputs
from worker.jobs.catalog import ModelCard
from worker.jobs.job import Job
from worker.models.resident import Pipeline, ResidentModel, Routed
from worker.results import Made


@dataclass(frozen=True)
class ResidentNetworks:
    """Models on one device, each asked for its own samples; a lack of memory comes out as MemoryError."""

    #: By their ids; at least one.
    models: Mapping[str, ResidentModel]
    #: CPU threads that a model's network is evaluated with, by its id; torch's own number for all others.
    threads: Mapping[str, int] = field(default_factory=dict)

    @property
    def cards(self) -> list[ModelCard]:
        """What the models offer, for the catalog."""
        return [model.card for model in self.models.values()]

    @property
    def device(self) -> str:
        """Name of the device, for people."""
        device = next(iter(self.models.values())).device
        return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type

    def orders(self, job: Job, inputs: Inputs) -> list[Order]:
        """The samples of a job's present stage. Raises SampleFailed when it asks another model for them."""
        return self._model(job).orders(job, inputs)

    def finish(self, job: Job, inputs: Inputs, results: Sequence[Any]) -> Made:
        """What the stage has made, from what `decode` gave for each of its samples."""
        return self._model(job).finish(job, inputs, results)

    def start(self, requests: Sequence[Routed]) -> list[Routed]:
        states: dict[Routed, Routed] = {}
        for pipeline in {id(request.pipeline): request.pipeline for request in requests}.values():
            own = [request for request in requests if request.pipeline is pipeline]
            with self._evaluating(own[0]):
                started = pipeline.start([request.content for request in own])
            for request, state in zip(own, started, strict=True):
                states[request] = Routed(request.model, pipeline, state)
        return [states[request] for request in requests]

    def step(self, states: Sequence[Routed]) -> None:
        with self._evaluating(states[0]) as pipeline:
            pipeline.step([state.content for state in states])

    def decode(self, states: Sequence[Routed]) -> list[Any]:
        with self._evaluating(states[0]) as pipeline:
            return pipeline.decode([state.content for state in states])

    def preview(self, state: Routed) -> Pixels | None:
        with self._evaluating(state) as pipeline:
            preview = pipeline.preview(state.content)
        # What there is of a text is not shown before it is whole.
        return preview if isinstance(preview, np.ndarray) else None

    def is_done(self, state: Routed) -> bool:
        return bool(state.content.is_done)

    def is_finite(self, state: Routed) -> bool:
        return bool(state.content.is_finite)

    def _model(self, job: Job) -> ResidentModel:
        stage = job.stage
        model = self.models.get(stage.model)
        if model is None or stage.kind not in model.card.kinds:
            served = ", ".join(f"{card.id} for {'/'.join(card.kinds)}" for card in self.cards)
            wanted = f"{stage.model} for {stage.kind}"
            raise SampleFailed("model_unavailable", f"this worker serves {served}, not {wanted}")
        return model

    @contextmanager
    def _evaluating(self, routed: Routed) -> Iterator[Pipeline]:
        """The pipeline of a state, with the CPU threads that suit its network."""
        if num_threads := self.threads.get(routed.model):
            torch.set_num_threads(num_threads)
        try:
            yield routed.pipeline
        except torch.OutOfMemoryError as error:
            raise MemoryError(str(error)) from None
