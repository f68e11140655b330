"""The resident networks of all models of a worker, as the engine and the tasks ask for them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

from model.pipeline import Pipeline
from model.upscaling import UpscalePipeline
from worker.engine.handle import SampleFailed
from worker.engine.sample import Order, Pixels
from worker.inputs import Inputs
from worker.jobs.catalog import ModelCard
from worker.jobs.job import Job
from worker.models import ResidentModel, Routed


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
        device = next(iter(self.models.values())).pipeline.checkpoint.device
        return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type

    def orders(self, job: Job, inputs: Inputs) -> list[Order]:
        """The samples that a job asks for. Raises SampleFailed when it asks another model for them."""
        model = self.models.get(job.input.model)
        if model is None or job.kind not in model.card.kinds:
            served = ", ".join(f"{card.id} for {'/'.join(card.kinds)}" for card in self.cards)
            wanted = f"{job.input.model} for {job.kind}"
            raise SampleFailed("model_unavailable", f"this worker serves {served}, not {wanted}")
        return model.orders(job, inputs)

    def start(self, requests: Sequence[Routed]) -> list[Routed]:
        states: dict[Routed, Routed] = {}
        for name in dict.fromkeys(request.model for request in requests):
            own = [request for request in requests if request.model == name]
            with _readable_memory_errors():
                started = self._pipeline(name).start([request.content for request in own])
            states |= {request: Routed(name, state) for request, state in zip(own, started, strict=True)}
        return [states[request] for request in requests]

    def step(self, states: Sequence[Routed]) -> None:
        with _readable_memory_errors():
            self._pipeline(states[0].model).step([state.content for state in states])

    def decode(self, states: Sequence[Routed]) -> list[Pixels]:
        with _readable_memory_errors():
            return self._pipeline(states[0].model).decode([state.content for state in states])

    def preview(self, state: Routed) -> Pixels:
        return self._pipeline(state.model).preview(state.content)

    def is_finite(self, state: Routed) -> bool:
        return bool(state.content.is_finite)

    def _pipeline(self, name: str) -> Pipeline | UpscalePipeline:
        """The pipeline of a model, about to be used."""
        if num_threads := self.threads.get(name):
            torch.set_num_threads(num_threads)
        return self.models[name].pipeline


@contextmanager
def _readable_memory_errors() -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise MemoryError(str(error)) from None
