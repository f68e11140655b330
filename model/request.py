"""What one picture is to be."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from model.canvas import Canvas
from model.defaults import GUIDANCE, NO_GUIDANCE, STRENGTH
from model.pixels import Pixels
from model.schedule import Sampler


@dataclass(frozen=True, eq=False)
class Request:
    """What one picture is to be. Raises ValueError for what does not go together."""

    prompt: str
    #: Sides of what the network sees, and of the picture unless it has a canvas of another size.
    width: int
    height: int
    num_steps: int
    sampler: Sampler
    seed: int
    #: Which picture of its request it is; keys its noise together with the seed.
    index: int = 0
    negative_prompt: str = ""
    #: Weight w of classifier-free guidance (w + 1) c - w u; at 1 and below there is none, as in diffusers.
    guidance_scale: float = GUIDANCE
    #: What an inpainting checkpoint draws on. A canvas of another size is drawn window by window.
    canvas: Canvas | None = None
    #: The picture (height, width, 3) that any other checkpoint starts from, instead of from noise alone.
    image: Pixels | None = None
    #: The share of the steps that is taken from there, above 0 and at most 1.
    strength: float = STRENGTH
    #: T5 states (n, C) of each text that is read, when they were computed elsewhere.
    states: Mapping[str, Tensor] | None = None

    def __post_init__(self) -> None:
        if self.image is not None and self.image.shape != (self.height, self.width, 3):
            raise ValueError(f"the image has shape {self.image.shape}, not {(self.height, self.width, 3)}")
        if self.image is not None and self.canvas is not None:
            raise ValueError("a picture starts from an image or is drawn on a canvas, not both")
        if not 0 < self.strength <= 1:
            raise ValueError(f"strength must be above 0 and at most 1, not {self.strength}")
        if self.states is not None and (missing := self.texts - self.states.keys()):
            raise ValueError(f"states lacks those of {', '.join(map(repr, sorted(missing)))}")

    @property
    def is_guided(self) -> bool:
        """Whether each step evaluates the network for the negative or empty prompt too; Flash never does."""
        return self.guidance_scale > NO_GUIDANCE and self.sampler != "flash"

    @property
    def texts(self) -> set[str]:
        """What is read by the text encoder."""
        return {self.prompt, self.negative_prompt or self.prompt} if self.is_guided else {self.prompt}
