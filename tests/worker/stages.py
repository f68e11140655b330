"""Stages for the tiny family, each valid as it is; keywords set its fields."""

from worker.jobs.stages import (
    Encoding,
    ImageToImage,
    Inpainting,
    Outpainting,
    Refinement,
    SuperResolution,
    TextToImage,
)

RENDERING = {"width": 64, "height": 64, "seed": 7}
DRAWING = {
    **RENDERING,
    "prompt": "рыжий кот, 3d style",
    "model": "tiny",
    "num_images": 2,
    "steps": 4,
    "guidance_scale": 3.0,
    "sampler": "ddpm",
}
PAINTING = {**DRAWING, "model": "tiny-inpainting", "sampler": "kandinsky", "image": "image.png"}
DRAWN = {"drawn_width": 64, "drawn_height": 64}
MARGINS = {"left": 0, "right": 32, "top": 0, "bottom": 16}


def text_to_image(**fields: object) -> TextToImage:
    return TextToImage.model_validate({**DRAWING, **fields})


def image_to_image(**fields: object) -> ImageToImage:
    return ImageToImage.model_validate({**DRAWING, "image": "image.png", "strength": 0.5, **fields})


def inpainting(**fields: object) -> Inpainting:
    return Inpainting.model_validate({**PAINTING, **DRAWN, "mask": "mask.png", **fields})


def outpainting(**fields: object) -> Outpainting:
    """Of a picture of 64 x 64."""
    grown = {**MARGINS, **fields}
    size = {
        "width": 64 + int(str(grown["left"])) + int(str(grown["right"])),
        "height": 64 + int(str(grown["top"])) + int(str(grown["bottom"])),
    }
    return Outpainting.model_validate({**PAINTING, **DRAWN, **size, **grown})


def super_resolution(scale: int = 4, side: int = 64, **fields: object) -> SuperResolution:
    """Of a picture of `side` x `side`."""
    size = {"width": scale * side, "height": scale * side}
    wanted = {"model": f"tiny-x{scale}", "seed": 1, "steps": 3, "image": "image.png", **size, **fields}
    return SuperResolution.model_validate({"scale": scale, **wanted})


def refinement(**fields: object) -> Refinement:
    return Refinement.model_validate(
        {**RENDERING, "model": "tiny-flash", "prompt": "рыжий кот", "steps": 2, **fields}
    )


def encoding(**fields: object) -> Encoding:
    return Encoding.model_validate({"model": "tiny-encoder", "prompt": DRAWING["prompt"], **fields})
