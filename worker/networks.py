"""The resident networks of all models of a worker, as the engine and the tasks ask for them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import torch

from model.residency import Residency
from worker.engine.handle import SampleFailed
from worker.engine.sample import Order, Pixels
from worker.inputs import Inputs
from worker.jobs.catalog import ModelCard
from worker.jobs.job import Job
from worker.models.resident import Pipeline, ResidentModel, Routed
from worker.results import Made

Result = TypeVar("Result")


@dataclass(frozen=True)
class ResidentNetworks:
    """Models on one device, each asked for its own samples; a lack of memory comes out as MemoryError."""

    #: By their ids; at least one.
    models: Mapping[str, ResidentModel]
    #: CPU threads that a model's network is evaluated with, by its id; torch's own number for all others.
    threads: Mapping[str, int] = field(default_factory=dict)
    #: Of the networks that take turns on the device.
    residency: Residency | None = None

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
            started = self._start(own)
            for request, state in zip(own, started, strict=True):
                states[request] = Routed(request.model, pipeline, state)
        return [states[request] for request in requests]

    def step(self, states: Sequence[Routed]) -> None:
        contents = [state.content for state in states]
        self._evaluate(states[0], lambda pipeline: pipeline.step(contents))

    def decode(self, states: Sequence[Routed]) -> list[Any]:
        contents = [state.content for state in states]
        return self._evaluate(states[0], lambda pipeline: pipeline.decode(contents))

    def preview(self, state: Routed) -> Pixels | None:
        preview = self._evaluate(state, lambda pipeline: pipeline.preview(state.content))
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

    def _start(self, requests: Sequence[Routed]) -> list[Any]:
        """The states of requests for one pipeline."""
        contents = [request.content for request in requests]
        return self._evaluate(requests[0], lambda pipeline: pipeline.start(contents))

    def _evaluate(self, routed: Routed, work: Callable[[Pipeline], Result]) -> Result:
        """Does work with the pipeline of a state, with the CPU threads that suit its network.

        Where networks take turns and memory runs out, once more with no other beside the one that is used.
        """
        if num_threads := self.threads.get(routed.model):
            torch.set_num_threads(num_threads)
        try:
            return work(routed.pipeline)
        except torch.OutOfMemoryError as error:
            if self.residency is None:
                raise MemoryError(str(error)) from None
        # The frames of the first attempt, and all memory that they held, are gone.
        try:
            with self.residency.one_at_a_time():
                return work(routed.pipeline)
        except torch.OutOfMemoryError as error:
            raise MemoryError(str(error)) from None
