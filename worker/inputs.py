"""The pictures that a job comes with."""

from collections.abc import Sequence

from model.pasting import paste_back
from worker.engine.handle import SampleFailed
from worker.engine.sample import Pixels
from worker.jobs.errors import ImageNotFound
from worker.jobs.images import ImageStore
from worker.jobs.job import Inpainting, Job, SuperResolution
from worker.pictures import UnreadablePicture, decode_picture

#: Pictures (H, W, 3) and masks (H, W), in the order of `Rendering.inputs`.
Inputs = Sequence[Pixels]


def read_inputs(job: Job, images: ImageStore) -> Inputs:
    """What a job comes with. Raises SampleFailed when it cannot be read, and StoreUnavailable."""
    wanted = job.input
    if isinstance(wanted, Inpainting):
        size = wanted.width, wanted.height
        return _read(images, wanted.image, "RGB", size), _read(images, wanted.mask, "L", size)
    if isinstance(wanted, SuperResolution):
        size = wanted.width // wanted.scale, wanted.height // wanted.scale
        return (_read(images, wanted.image, "RGB", size),)
    return ()


def retouch(job: Job, inputs: Inputs, drawn: Pixels) -> Pixels:
    """What becomes of a drawn picture: with `paste_back`, a part of the one that the job came with."""
    wanted = job.input
    if not (isinstance(wanted, Inpainting) and wanted.paste_back):
        return drawn
    picture, mask = inputs
    return paste_back(drawn, picture, mask, wanted.feather)


def _read(images: ImageStore, key: str, mode: str, size: tuple[int, int]) -> Pixels:
    try:
        return decode_picture(images.get(key).bytes, mode, size)
    except ImageNotFound as error:
        raise SampleFailed("invalid_input", f"{key} is not in the image store") from error
    except UnreadablePicture as error:
        raise SampleFailed("invalid_input", f"{key} {error}") from error
