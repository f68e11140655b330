"""What a mock model makes of a job's stage, with the pictures that it came with where there are any."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

from worker.engine.sample import Pixels
from worker.inputs import Inputs
from worker.jobs.job import Job
from worker.jobs.stages import ImageToImage, Inpainting, Outpainting, Refinement, Rendering, SuperResolution
from worker.mock.painting import Box, paint, sign

#: Longest side of a preview.
PREVIEW = 128


def draw(job: Job, inputs: Inputs, index: int) -> Pixels:
    """One finished picture."""
    match job.stage:
        case SuperResolution(width=width, height=height):
            return np.asarray(_given(inputs, index).resize((width, height), Image.Resampling.LANCZOS))
        case Refinement(steps=steps):
            return np.asarray(_given(inputs, index).filter(ImageFilter.UnsharpMask(percent=50 * steps)))
    assert isinstance(job.stage, Rendering)
    painted = paint(job, index, (job.stage.width, job.stage.height))
    if isinstance(job.stage, ImageToImage):
        painted = Image.blend(_given(inputs, 0), painted, job.stage.strength)
    sign(painted, job, index, _new_part(job, inputs))
    return np.asarray(_with_given(job, inputs, painted))


def preview(job: Job, inputs: Inputs, index: int, done: float) -> Pixels:
    """A small picture that comes out of noise, of which the share `done` has gone."""
    stage = job.stage
    assert isinstance(stage, Rendering)
    ratio = min(1, PREVIEW / max(stage.width, stage.height))
    size = max(1, round(ratio * stage.width)), max(1, round(ratio * stage.height))
    clear = _given(inputs, index).resize(size) if inputs.pictures else paint(job, index, size)
    noise = np.random.default_rng((stage.seed, index)).integers(0, 256, (*size[::-1], 3), np.uint8)
    return np.asarray(Image.blend(Image.fromarray(noise), clear, done))


def _given(inputs: Inputs, index: int) -> Image.Image:
    """The picture that this one is made of: all are made of the same one if there is only one."""
    return Image.fromarray(inputs.pictures[min(index, len(inputs.pictures) - 1)])


def _new_part(job: Job, inputs: Inputs) -> Box | None:
    """Where most of what is new lies; None for the whole picture."""
    match job.stage:
        case Inpainting():
            assert inputs.mask is not None
            return Image.fromarray(inputs.mask).getbbox()
        case Outpainting(width=width, height=height, left=left, right=right, top=top, bottom=bottom):
            across, down = (width - right, 0, width, height), (0, height - bottom, width, height)
            sides = [(0, 0, left, height), across, (0, 0, width, top), down]
            return max(sides, key=lambda box: (box[2] - box[0]) * (box[3] - box[1]))
    return None


def _with_given(job: Job, inputs: Inputs, painted: Image.Image) -> Image.Image:
    """What was painted, and what is to stay of the picture that the job came with."""
    match job.stage:
        case Inpainting() as stage:
            return _paste_back(stage, inputs, painted)
        case Outpainting() as stage:
            return _continue(stage, inputs, painted)
    return painted


def _paste_back(stage: Inpainting, inputs: Inputs, painted: Image.Image) -> Image.Image:
    if not stage.paste_back:
        return painted
    assert inputs.mask is not None
    mask = Image.fromarray(_grown(inputs.mask, stage.dilation))
    # The seam is inside the mask: what is outside stays as it is.
    seam = ImageChops.darker(mask, mask.filter(ImageFilter.GaussianBlur(stage.feather / 2)))
    return Image.composite(painted, _given(inputs, 0), seam)


def _continue(stage: Outpainting, inputs: Inputs, painted: Image.Image) -> Image.Image:
    picture = _given(inputs, 0)
    mask, wide = Image.new("L", painted.size, 255), painted.copy()
    mask.paste(0, (stage.left, stage.top, stage.left + picture.width, stage.top + picture.height))
    wide.paste(picture, (stage.left, stage.top))
    # The seam is inside the picture: what is beyond its edges is new.
    seam = ImageChops.lighter(mask, mask.filter(ImageFilter.GaussianBlur(stage.feather / 2)))
    return Image.composite(painted, wide, seam)


def _grown(mask: NDArray[np.uint8], pixels: int) -> NDArray[np.uint8]:
    """A mask (H, W) that reaches so much farther on every side."""
    grown, reach = np.pad(mask, pixels), 0
    while reach < pixels:
        shift = min(2 * reach + 1, pixels - reach)
        for axis in (0, 1):
            grown = np.maximum.reduce([np.roll(grown, by, axis) for by in (-shift, 0, shift)])
        reach += shift
    height, width = mask.shape
    return grown[pixels : pixels + height, pixels : pixels + width]
