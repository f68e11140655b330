"""The pictures that a job comes with."""

from collections.abc import Sequence

import structlog

from model.pasting import paste_back
from worker.engine.handle import SampleFailed
from worker.engine.sample import Pixels
from worker.jobs.errors import ImageNotFound
from worker.jobs.images import ImageStore
from worker.jobs.job import Inpainting, Job, SuperResolution
from worker.pictures import UnreadablePicture, decode_picture

#: The picture (H, W, 3) that a job works on, then for inpainting its mask (H, W); nothing for a prompt.
Inputs = Sequence[Pixels]

logger = structlog.get_logger(__name__)


def read_inputs(job: Job, images: ImageStore) -> Inputs:
    """What a job comes with. Raises SampleFailed when it cannot be read, and StoreUnavailable."""
    wanted = job.input
    if isinstance(wanted, Inpainting):
        size = wanted.width, wanted.height
        image = _read(images, "image", wanted.image, "RGB", size)
        return image, _read(images, "mask", wanted.mask, "L", size)
    if isinstance(wanted, SuperResolution):
        size = wanted.width // wanted.scale, wanted.height // wanted.scale
        return (_read(images, "image", wanted.image, "RGB", size),)
    return ()


def retouch(job: Job, inputs: Inputs, drawn: Pixels) -> Pixels:
    """What becomes of a drawn picture: with `paste_back`, a part of the one that the job came with."""
    wanted = job.input
    if not (isinstance(wanted, Inpainting) and wanted.paste_back):
        return drawn
    picture, mask = inputs
    return paste_back(drawn, picture, mask, wanted.feather)


def _read(images: ImageStore, name: str, key: str, mode: str, size: tuple[int, int]) -> Pixels:
    try:
        return decode_picture(images.get(key).bytes, mode, size)
    except (ImageNotFound, UnreadablePicture) as error:
        # The owner of the job is told which field it is; where its picture lies is for the operator.
        logger.warning("input cannot be used", key=key, error=str(error))
        reason = "has left the image store" if isinstance(error, ImageNotFound) else error
        raise SampleFailed("invalid_input", f"{name} {reason}") from error
