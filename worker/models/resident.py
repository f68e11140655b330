"""What every resident model is to the rest of the worker."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import nn

from worker.engine.sample import Group, Order
from worker.inputs import Inputs
from worker.jobs.catalog import ModelCard
from worker.jobs.job import Job
from worker.jobs.record import RANKS
from worker.results import Made


class Pipeline(Protocol):
    """What does the engine's work with one network; the methods are those of `Networks` in the engine."""

    def start(self, requests: Sequence[Any], /) -> list[Any]: ...
    def step(self, states: Sequence[Any], /) -> None: ...
    def decode(self, states: Sequence[Any], /) -> list[Any]: ...
    def preview(self, state: Any, /) -> Any: ...


class ResidentModel(Protocol):
    """A model on its device."""

    @property
    def card(self) -> ModelCard:
        """What the model offers, for the catalog."""
        ...

    @property
    def device(self) -> torch.device: ...

    @property
    def network(self) -> nn.Module:
        """The network that each step evaluates."""
        ...

    def orders(self, job: Job, inputs: Inputs) -> list[Order]:
        """The samples of a job's present stage. Raises SampleFailed for what the model cannot do."""
        ...

    def finish(self, job: Job, inputs: Inputs, results: Sequence[Any]) -> Made:
        """What the stage has made, from what the pipeline gave for each sample."""
        ...


@dataclass(frozen=True, eq=False)
class Routed:
    """A request for one pipeline of one model, or the state that it has made of one."""

    model: str
    pipeline: Pipeline
    content: Any


@dataclass(frozen=True)
class Work:
    """What a sample asks of a pipeline, and what of the device."""

    pipeline: Pipeline
    request: Any
    group: Group
    num_steps: int
    rows: int = 1
    #: Bytes that are held of the sample between two steps, where that is much.
    held: int = 0


def order(job: Job, work: Work) -> Order:
    """The order for one sample of a job's present stage."""
    return Order(
        request=Routed(job.stage.model, work.pipeline, work.request),
        group=work.group,
        num_steps=work.num_steps,
        rows=work.rows,
        held=work.held,
        priority=RANKS[job.priority],
        owner=job.owner,
    )
