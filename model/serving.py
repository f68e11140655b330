"""`serving.json`: what our own checkpoints say of themselves beyond what diffusers knows."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from model.schedule import Sampler
from model.weights import CheckpointError, read_json

FILE = "serving.json"
#: Side in pixels of the published models.
PUBLISHED_SIDE = 1024
SAMPLERS: tuple[Sampler, ...] = get_args(Sampler)


@dataclass(frozen=True)
class Serving:
    """How a checkpoint that draws is served; what the file leaves out is as for the published ones."""

    #: Side in pixels that it was trained for.
    default_side: int
    #: The folder that has its autoencoder and text encoder.
    components: Path
    #: Allowed samplers, the default first.
    samplers: tuple[Sampler, ...]


def read_serving(folder: Path, samplers: tuple[Sampler, ...]) -> Serving:
    """What a folder says, or what `samplers` and the published models do. Raises CheckpointError."""
    file = folder / FILE
    content = read_json(file) if file.exists() else {}
    return Serving(
        default_side=_side(file, content.get("default_side", PUBLISHED_SIDE)),
        components=_components(file, content.get("components", ".")),
        samplers=_samplers(file, content.get("samplers", samplers)),
    )


def _side(file: Path, side: Any) -> int:
    if not isinstance(side, int):
        raise CheckpointError(f"{file}: default_side is {side!r}, not a number of pixels")
    return side


def _components(file: Path, path: Any) -> Path:
    if not isinstance(path, str) or not (file.parent / path).is_dir():
        raise CheckpointError(f"{file}: components is {path!r}, which is no folder beside it")
    return file.parent / path


def _samplers(file: Path, names: Any) -> tuple[Sampler, ...]:
    if not isinstance(names, list | tuple) or not names:
        raise CheckpointError(f"{file}: samplers is {names!r}, not a list of {', '.join(SAMPLERS)}")
    for name in names:
        if name not in SAMPLERS:
            raise CheckpointError(f"{file}: sampler {name!r} is none of {', '.join(SAMPLERS)}")
    return tuple(names)
