"""Stages for the mock models, each valid as it is; keywords set its fields."""

import numpy as np

from tests.worker import stages
from worker.inputs import Inputs
from worker.jobs.stages import Beautification, Encoding, Kind, Stage

SIDE = 64
PICTURE = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
#: A square in the middle.
MASK = np.zeros((SIDE, SIDE), np.uint8)
MASK[16:48, 16:48] = 255

#: What a stage of each kind works on, beside a prompt.
INPUTS = {
    Kind.IMAGE_TO_IMAGE: Inputs((PICTURE,)),
    Kind.INPAINTING: Inputs((PICTURE,), MASK),
    Kind.OUTPAINTING: Inputs((PICTURE,)),
    Kind.SUPER_RESOLUTION: Inputs((PICTURE,)),
    Kind.REFINEMENT: Inputs((PICTURE, PICTURE)),
}


def stage(kind: Kind, **fields: object) -> Stage:
    """A stage of a kind, for the mock model that does it."""
    match kind:
        case Kind.TEXT_TO_IMAGE:
            return stages.text_to_image(**{"model": "mock", **fields})
        case Kind.IMAGE_TO_IMAGE:
            return stages.image_to_image(**{"model": "mock", **fields})
        case Kind.INPAINTING:
            return stages.inpainting(**{"model": "mock-inpainting", **fields})
        case Kind.OUTPAINTING:
            return stages.outpainting(**{"model": "mock-inpainting", **fields})
        case Kind.SUPER_RESOLUTION:
            return stages.super_resolution(**{"model": "mock-x4", **fields})
        case Kind.REFINEMENT:
            return stages.refinement(**{"model": "mock-flash", **fields})
        case Kind.BEAUTIFICATION:
            wanted = {"model": "mock-language", "prompt": "a cat.", "seed": 7, **fields}
            return Beautification.model_validate(wanted)
        case Kind.ENCODING:
            return Encoding.model_validate({"model": "mock-encoder", "prompt": "a cat", **fields})
