"""Partial images: the few previews of a job that a stream was asked to have."""

import base64
from io import BytesIO

from PIL import Image

from service.openai.requests import ImageRequest
from service.openai.results import created, output_format, size
from service.openai.schemas import ImageEvent, Verb
from worker.jobs.events import Event
from worker.jobs.job import Job
from worker.jobs.stages import Drawing, OutputFormat


class PartialImages:
    """Chooses previews that are spread evenly over the steps of a drawing."""

    def __init__(self, asked: ImageRequest, verb: Verb, job: Job) -> None:
        self.asked = asked
        #: What the types of the events begin with: `image_generation` or `image_edit`.
        self.verb = verb
        self._job = job
        self._limit = asked.partial_images or 0
        self._num_sent = 0
        drawing = next(stage for stage in job.stages if isinstance(stage, Drawing))
        self._steps = drawing.steps

    def next(self, preview: Event) -> ImageEvent | None:
        """What a preview becomes in the stream, if it is time for one."""
        if self._num_sent >= self._limit:
            return None
        if preview.data["step"] * (self._limit + 1) < self._steps * (self._num_sent + 1):
            return None
        self._num_sent += 1
        form = output_format(self._job)
        return ImageEvent(
            type=f"{self.verb}.partial_image",
            b64_json=_encoded(preview.data["image"], form),
            created_at=created(self._job),
            output_format=form,
            quality=self.asked.quality or "auto",
            size=size(self._job),
            partial_image_index=self._num_sent - 1,
        )


def _encoded(data_url: str, form: OutputFormat) -> str:
    """The small picture of a data URL in another format, in base64."""
    content = base64.b64decode(data_url.partition(",")[2])
    buffer = BytesIO()
    with Image.open(BytesIO(content)) as preview:
        preview.convert("RGB").save(buffer, form.value)
    return base64.b64encode(buffer.getvalue()).decode()
