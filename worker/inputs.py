"""What a stage works on, beside what its job says of it."""

from dataclasses import dataclass

import numpy as np
import structlog
from numpy.typing import NDArray

from worker.engine.handle import SampleFailed
from worker.engine.sample import Pixels
from worker.jobs.errors import ImageNotFound
from worker.jobs.image_keys import drawn_key, states_key
from worker.jobs.images import ImageStore
from worker.jobs.job import Job
from worker.jobs.stages import (
    ImageToImage,
    Inpainting,
    Kind,
    Outpainting,
    Refinement,
    SuperResolution,
)
from worker.pictures import UnreadablePicture, decode_picture

Size = tuple[int, int]

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, eq=False)
class Inputs:
    """The pictures that a stage works on, and what other stages have left for it."""

    #: (H, W, 3), one for all samples or one for each; none for a prompt alone.
    pictures: tuple[Pixels, ...] = ()
    #: (H, W), of inpainting: from 0, which stays, to 255, which is drawn anew.
    mask: NDArray[np.uint8] | None = None
    #: The prompts as a text encoder elsewhere has read them; None for a model that reads them itself.
    states: bytes | None = None


def read_inputs(job: Job, images: ImageStore) -> Inputs:
    """What the present stage of a job works on.

    Raises SampleFailed when it cannot be read, and StoreUnavailable.
    """
    reader = _Reader(job, images)
    states = reader.states()
    match job.stage:
        case Inpainting(image=image, mask=mask, width=width, height=height):
            size = width, height
            picture = reader.picture("image", image, size)
            return Inputs((picture,), reader.read("mask", mask, "L", size), states)
        case ImageToImage(image=image, width=width, height=height):
            return Inputs((reader.picture("image", image, (width, height)),), states=states)
        case Outpainting() as wanted:
            size = wanted.width - wanted.left - wanted.right, wanted.height - wanted.top - wanted.bottom
            return Inputs((reader.picture("image", wanted.image, size),), states=states)
        case SuperResolution(image=given, width=width, height=height, scale=scale):
            size = width // scale, height // scale
            if given is not None:
                return Inputs((reader.picture("image", given, size),))
            return Inputs(reader.drawn(size))
        case Refinement(width=width, height=height):
            return Inputs(reader.drawn((width, height)), states=states)
    return Inputs(states=states)


@dataclass(frozen=True)
class _Reader:
    job: Job
    images: ImageStore

    def picture(self, name: str, key: str, size: Size) -> Pixels:
        return self.read(name, key, "RGB", size)

    def drawn(self, size: Size) -> tuple[Pixels, ...]:
        """The pictures that the stage before has left."""
        before, name = self.job.stage_index - 1, "what the stage before has drawn"
        keys = [drawn_key(self.job.id, before, index) for index in range(self.job.num_pictures)]
        return tuple(self.picture(name, key, size) for key in keys)

    def states(self) -> bytes | None:
        """What an encoding stage has left, if there was one."""
        past = self.job.stages[: self.job.stage_index]
        if all(stage.kind is not Kind.ENCODING for stage in past):
            return None
        key = states_key(self.job.id)
        try:
            return self.images.get(key)
        except ImageNotFound as error:
            raise self._unusable("internal", "the encoded prompt", key, error) from error

    def read(self, name: str, key: str, mode: str, size: Size) -> NDArray[np.uint8]:
        try:
            return decode_picture(self.images.get(key), mode, size)
        except (ImageNotFound, UnreadablePicture) as error:
            raise self._unusable("invalid_image", name, key, error) from error

    def _unusable(self, code: str, name: str, key: str, error: Exception) -> SampleFailed:
        # The owner of the job is told which field it is; where its picture lies is for the operator.
        logger.warning("input cannot be used", key=key, error=str(error))
        reason = "has left the image store" if isinstance(error, ImageNotFound) else error
        return SampleFailed(code, f"{name} {reason}")
