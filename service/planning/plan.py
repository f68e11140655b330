"""A plan: all that the stages of a job are made of."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from PIL.Image import Image

from service.planning.sizes import Size
from service.planning.styles import Style
from service.requests import JobRequest
from worker.jobs.catalog import ModelCard
from worker.jobs.image_keys import input_key
from worker.jobs.job import new_job_id
from worker.jobs.stages import MAX_SEED, PLACE, Kind, queue_name

NO_SIZE = (0, 0)


@dataclass(frozen=True)
class Plan:
    """What a caller asks for, who does it, and with what."""

    job_id: str
    request: JobRequest
    #: By what they do, in the order of the stages.
    models: Mapping[Kind, ModelCard]
    #: Of all stages, so that equal requests give equal results.
    seed: int
    style: Style | None = None
    #: Width and height in pixels of the picture that comes with the request, if one does.
    size: Size = NO_SIZE

    def with_pictures(self, pictures: Mapping[str, Image]) -> "Plan":
        """The plan for a request that comes with these, by the names of their fields."""
        return replace(self, size=pictures["image"].size) if pictures else self

    @property
    def queues(self) -> Sequence[str]:
        """The queues of its stages, in their order."""
        return [queue_name(kind, card.id) for kind, card in self.models.items()]

    @property
    def card(self) -> ModelCard:
        """The model that does what was asked for."""
        return self.models[self.request.kind]

    @property
    def template(self) -> str:
        """What the style makes of a prompt."""
        return PLACE if self.style is None else self.style.template

    def input_key(self, name: str) -> str:
        """Where a picture of the request lies in the image store."""
        return input_key(self.job_id, name)


def make_plan(request: JobRequest, models: Mapping[Kind, ModelCard], style: Style | None) -> Plan:
    """The plan for a new job, with a seed of its own unless the request has one."""
    seed = secrets.randbelow(MAX_SEED + 1) if request.seed is None else request.seed
    return Plan(new_job_id(), request, models, seed, style)
