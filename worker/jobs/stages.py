"""The stages of a job: what each asks of one model, with every default filled in."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from worker.jobs.value import Value

MAX_SEED = 2**32 - 1
#: Where a style template takes the prompt.
PLACE = "{prompt}"


class Kind(StrEnum):
    """What a stage does. The first six may be the whole of a job; any may be a part of one."""

    TEXT_TO_IMAGE = "text-to-image"
    #: A picture drawn again, more or less freely.
    IMAGE_TO_IMAGE = "image-to-image"
    #: A part of a picture drawn anew.
    INPAINTING = "inpainting"
    #: A picture continued beyond its edges.
    OUTPAINTING = "outpainting"
    #: A picture made larger.
    SUPER_RESOLUTION = "super-resolution"
    #: A prompt made richer by a language model.
    BEAUTIFICATION = "beautification"
    #: A finished picture gone over by Kandinsky 3.1 Flash.
    REFINEMENT = "refinement"
    #: Prompts read by a text encoder in a worker of its own.
    ENCODING = "encoding"

    @property
    def family(self) -> str:
        """Name of the family of queues that carries stages of this kind."""
        return _FAMILIES.get(self, "images")


_FAMILIES = {
    Kind.SUPER_RESOLUTION: "superres",
    Kind.BEAUTIFICATION: "prompts",
    Kind.ENCODING: "encoders",
}
#: Every family of queues that there is.
FAMILIES = tuple(dict.fromkeys(kind.family for kind in Kind))


def queue_name(kind: Kind, model: str) -> str:
    """Name of the queue that carries stages of a kind to the workers that serve a model."""
    return f"{kind.family}.{model}"


class OutputFormat(StrEnum):
    """File format of the pictures; its value is also their file extension."""

    PNG = "png"
    WEBP = "webp"
    JPEG = "jpeg"

    @property
    def content_type(self) -> str:
        """The media type, such as `image/png`."""
        return f"image/{self.value}"


class Wording(Value):
    """What somebody wrote, and what becomes of it."""

    #: As it was written.
    prompt: str
    #: Name of the style that was asked for.
    style: str | None = None
    #: What the style makes of a prompt, which stands in it as `{prompt}`.
    template: str = PLACE

    @property
    def worded(self) -> str:
        """The prompt in its style; it loses its full stop where the style goes on."""
        ends = self.template.endswith(PLACE)
        prompt = self.prompt if ends else self.prompt.rstrip(" .,;:") or self.prompt
        return self.template.replace(PLACE, prompt)


class Rendering(Value):
    """What every stage that makes pictures has."""

    model: str
    #: Picture i of the job is drawn from this seed and i.
    seed: int = Field(ge=0, le=MAX_SEED)
    output_format: OutputFormat = OutputFormat.PNG
    output_quality: int = Field(default=90, ge=1, le=100)
    #: Of the pictures that are to be made, in pixels.
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    #: Evaluations of the network per picture.
    steps: int = Field(ge=1)


class Drawing(Wording, Rendering):
    """Pictures of a prompt."""

    negative_prompt: str | None = None
    num_images: int = Field(ge=1)
    guidance_scale: float
    sampler: str


class TextToImage(Drawing):
    """Pictures of nothing but a prompt."""

    kind: Literal[Kind.TEXT_TO_IMAGE] = Kind.TEXT_TO_IMAGE


class ImageToImage(Drawing):
    """A picture drawn again."""

    kind: Literal[Kind.IMAGE_TO_IMAGE] = Kind.IMAGE_TO_IMAGE
    #: Key in the image store of the picture: a PNG in RGB of `width` x `height`.
    image: str
    #: Which share of the way from noise to picture is taken anew; 1 leaves next to nothing of the picture.
    strength: float = Field(gt=0, le=1)


class Inpainting(Drawing):
    """A part of a picture drawn anew; `width` and `height` are those of the picture."""

    kind: Literal[Kind.INPAINTING] = Kind.INPAINTING
    #: Key in the image store of the picture: a PNG in RGB.
    image: str
    #: Key of the mask: an 8-bit grey PNG of the same size, from 0, which stays, to 255, which is drawn anew.
    mask: str
    #: The size that the network draws at; what it draws is brought to the size of the picture.
    drawn_width: int = Field(ge=1)
    drawn_height: int = Field(ge=1)
    #: By how many pixels the mask grows on every side.
    dilation: int = Field(default=0, ge=0)
    #: Width in pixels of the seam inside the mask along which old and new are blended; 0 cuts.
    feather: int = Field(default=0, ge=0)
    #: Whether pixels outside the mask stay as they are; if not, they are what the networks make of them.
    paste_back: bool = True


class Outpainting(Drawing):
    """A picture continued beyond its edges; `width` and `height` are those of the result."""

    kind: Literal[Kind.OUTPAINTING] = Kind.OUTPAINTING
    #: Key in the image store of the picture: a PNG in RGB.
    image: str
    #: By how many pixels it grows.
    left: int = Field(ge=0)
    right: int = Field(ge=0)
    top: int = Field(ge=0)
    bottom: int = Field(ge=0)
    #: The size of the windows that the network draws in, one after the other.
    drawn_width: int = Field(ge=1)
    drawn_height: int = Field(ge=1)
    #: Width in pixels of the seam, within the picture, along which old and new are blended; 0 cuts.
    feather: int = Field(default=0, ge=0)


class SuperResolution(Rendering):
    """Pictures made larger; `width` and `height` are those of the results."""

    kind: Literal[Kind.SUPER_RESOLUTION] = Kind.SUPER_RESOLUTION
    scale: Literal[2, 4]
    #: Key in the image store of the picture, a PNG in RGB; None stands for those of the stage before.
    image: str | None = None


class Refinement(Wording, Rendering):
    """Finished pictures, those of the stage before, gone over in the last steps of Kandinsky 3.1 Flash."""

    kind: Literal[Kind.REFINEMENT] = Kind.REFINEMENT
    #: The last of Flash's four: at timestep 229 alone, or at 479 and 229.
    steps: Literal[1, 2]


class Beautification(Wording):
    """A prompt that a language model makes richer; the job's later stages draw what it says."""

    kind: Literal[Kind.BEAUTIFICATION] = Kind.BEAUTIFICATION
    model: str
    seed: int = Field(ge=0, le=MAX_SEED)


class Encoding(Wording):
    """The prompts of a job's later stages, as their text encoder reads them."""

    kind: Literal[Kind.ENCODING] = Kind.ENCODING
    model: str
    negative_prompt: str | None = None


Stage = (
    TextToImage
    | ImageToImage
    | Inpainting
    | Outpainting
    | SuperResolution
    | Refinement
    | Beautification
    | Encoding
)
AnyStage = Annotated[Stage, Field(discriminator="kind")]


def queue_of(stage: Stage) -> str:
    """Name of the queue that carries a stage."""
    return queue_name(stage.kind, stage.model)
