"""A plan: all that the stages of a job are made of."""

from collections.abc import Mapping
from dataclasses import dataclass

from service.requests import JobRequest
from service.sizes import Size
from service.styles import Style
from worker.jobs.catalog import ModelCard
from worker.jobs.images import input_key
from worker.jobs.stages import PLACE, Kind

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
