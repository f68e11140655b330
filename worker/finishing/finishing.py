"""Finishing: the pixels of a picture become the file that its owner gets."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.engine.sample import Pixels
from worker.finishing.blurhash import blurhash
from worker.finishing.metadata import exif_of, parameters_of, with_text
from worker.finishing.rules import ANYTHING, ContentRules, obscure
from worker.finishing.watermark import Watermark
from worker.jobs.job import Job
from worker.jobs.stages import OutputFormat, Rendering
from worker.pictures import encode_picture

if TYPE_CHECKING:
    from worker.finishing.credentials import Credentials


@dataclass(frozen=True)
class Finished:
    """A picture as it is stored."""

    content: bytes
    width: int
    height: int
    blurhash: str
    #: Whether it only has the colors of what was drawn.
    censored: bool


@dataclass(frozen=True)
class Finishing:
    """What is done to each picture, in this order: by default it gets its parameters, and that is all."""

    rules: ContentRules = ANYTHING
    watermark: Watermark | None = None
    metadata: bool = True
    credentials: "Credentials | None" = None

    def finish(self, job: Job, index: int, pixels: Pixels) -> Finished:
        """The file of a picture (H, W, 3) of a job's last stage."""
        censored = not self.rules.allows("picture", pixels)
        shown = obscure(pixels) if censored else pixels
        marked = self.watermark.mark(shown) if self.watermark else shown
        content = self._encode(job, index, marked)
        if self.credentials:
            content = self.credentials.sign(content, _rendering(job).output_format.content_type, job)
        height, width = pixels.shape[:2]
        return Finished(content, width, height, blurhash(shown), censored)

    def _encode(self, job: Job, index: int, pixels: Pixels) -> bytes:
        stage = _rendering(job)
        output_format, quality = stage.output_format, stage.output_quality
        if not self.metadata:
            return encode_picture(pixels, output_format, quality)
        parameters = parameters_of(job, index)
        if output_format is OutputFormat.PNG:
            return with_text(encode_picture(pixels, output_format, quality), parameters)
        return encode_picture(pixels, output_format, quality, exif_of(parameters))


#: What is done to pictures where nothing else is wanted.
PLAIN = Finishing()


def _rendering(job: Job) -> Rendering:
    """The present stage of a job that ends with pictures."""
    assert isinstance(job.stage, Rendering)
    return job.stage
