"""Checkpoints that draw: the diffusers folder layout, and the original `.pt` files."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from model import original
from model.components import Components, Loaded, load_network, require_class
from model.movq import MoVQ
from model.original import ORIGINALS, OriginalFiles
from model.residency import device_of
from model.schedule import Sampler
from model.serving import PUBLISHED_SIDE, Serving, read_serving
from model.text_encoder import PromptEncoder, TextConditioner
from model.unet import UNet, UNetConfig
from model.weights import CheckpointError, build, made_from, read_safetensors

#: The checkpoints that the package ships, one folder each.
FAMILY = Path(__file__).parent / "checkpoints"
#: The one of them that draws pictures of a prompt.
DEMO = FAMILY / "kandinsky-3-demo"
INDEX = "model_index.json"
#: The embedding of the empty text, which diffusers does not know, beside its own files.
NULL_EMBEDDING = "null_embedding.safetensors"
INPAINTING_CLASS = "Kandinsky3InpaintingPipeline"
CLASSES = ("Kandinsky3Pipeline", "Kandinsky3Img2ImgPipeline", INPAINTING_CLASS)
#: Where published checkpoints begin to bound the predicted picture (`model.schedule.trajectory`).
PERCENTILE, INPAINTING_PERCENTILE = 0.99, 0.95


@dataclass(frozen=True)
class Checkpoint:
    """A model's networks, resident on one device, and how it likes to be sampled."""

    name: str
    unet: UNet
    components: Components
    conditioner: TextConditioner
    #: Allowed samplers, the default first.
    samplers: tuple[Sampler, ...]
    #: Side in pixels that it was trained for.
    default_side: int

    @property
    def movq(self) -> MoVQ:
        return self.components.movq

    @property
    def prompts(self) -> PromptEncoder:
        return self.components.prompts

    @property
    def inpaints(self) -> bool:
        """Whether it draws a part of a picture anew: its U-Net then reads a mask and a masked latent too."""
        return self.unet.config.in_channels != self.unet.config.out_channels

    @property
    def percentile(self) -> float:
        """The share of a predicted picture that dynamic thresholding leaves within bounds."""
        return INPAINTING_PERCENTILE if self.inpaints else PERCENTILE

    @property
    def size_multiple(self) -> int:
        """Pixel sides must be multiples of this."""
        return self.unet.config.stride * self.movq.config.stride

    @property
    def device(self) -> torch.device:
        """Where the networks are evaluated."""
        return device_of(self.unet)


@dataclass(frozen=True)
class Outline:
    """What a checkpoint of either layout says of itself, before its networks are looked at."""

    name: str
    #: Whether it is said to draw a part of a picture anew.
    inpaints: bool
    serving: Serving


def load_checkpoint(
    place: Path, device: torch.device, dtype: torch.dtype = torch.float32, loaded: Loaded | None = None
) -> Checkpoint:
    """Loads a checkpoint of either layout, with the components of another folder where it names one.

    Its place is its folder or, of original files, that of its U-Net; a folder of several stands for the first
    of them. Components that are in `loaded` are taken from there, and others put there, so that checkpoints
    that are given the same ones share them.

    Raises CheckpointError, naming the file and the tensor, when something is incomplete, damaged or of
    another architecture.
    """
    outline = read_outline(place)
    unet, null_embedding = load_unet(place, device, dtype)
    components = (loaded or Loaded()).load(outline.serving.components, device, dtype)
    return assemble(place, outline, unet, null_embedding, components)


def read_outline(place: Path) -> Outline:
    """What a checkpoint says of itself. Raises CheckpointError."""
    if not place.exists():
        raise CheckpointError(f"{place} is not a folder or a file")
    if not (place / INDEX).exists():
        folder, files = original_files(place)
        return Outline(files.name, files.inpaints, Serving(PUBLISHED_SIDE, folder, files.samplers))
    inpaints = require_class(place / INDEX, *CLASSES)["_class_name"] == INPAINTING_CLASS
    serving = read_serving(place, ("kandinsky",) if inpaints else ("ddpm", "kandinsky"))
    return Outline(place.resolve().name, inpaints, serving)


def assemble(
    place: Path, outline: Outline, unet: UNet, null_embedding: Tensor | None, components: Components
) -> Checkpoint:
    """The checkpoint of networks that are loaded. Raises CheckpointError when they do not fit each other."""
    _require_channels(place, unet.config, components.movq.config.latent_channels, outline.inpaints)
    checkpoint = Checkpoint(
        name=outline.name,
        unet=unet,
        components=components,
        conditioner=TextConditioner(unet.encoder_hid_proj, null_embedding),
        samplers=outline.serving.samplers,
        default_side=outline.serving.default_side,
    )
    _require_fit(place, checkpoint)
    return checkpoint


def load_unet(place: Path, device: torch.device, dtype: torch.dtype | None) -> tuple[UNet, Tensor | None]:
    """The U-Net of a checkpoint, and its null embedding if it has one. Raises CheckpointError."""
    if not (place / INDEX).exists():
        folder, files = original_files(place)
        return original.load_unet(folder / files.unet, files.find_projection(folder), device, dtype)
    unet = load_network(place / "unet", _build_unet, device, dtype)
    return unet, _load_null_embedding(place / NULL_EMBEDDING, unet.config.context_dim, device, dtype)


def original_files(place: Path) -> tuple[Path, OriginalFiles]:
    """The folder and the files of an original checkpoint. Raises CheckpointError when there is none."""
    folder = place if place.is_dir() else place.parent
    for files in ORIGINALS:
        if place.name == files.unet or (folder == place and (folder / files.unet).exists()):
            return folder, files
    names = ", ".join([INDEX, *(files.unet for files in ORIGINALS)])
    if folder != place:
        raise CheckpointError(f"{place} is not a folder and none of {names}")
    raise CheckpointError(f"{place} is no checkpoint: it has none of {names}")


def _build_unet(file: Path) -> UNet:
    config = require_class(file, "Kandinsky3UNet")
    return made_from(file, lambda: build(lambda: UNet(UNetConfig.from_diffusers(config))))


def _load_null_embedding(
    file: Path, width: int, device: torch.device, dtype: torch.dtype | None
) -> Tensor | None:
    """What stands for an empty text in converted checkpoints; diffusers' own have none."""
    if not file.exists():
        return None
    stored = {each.name: each.tensor for each in read_safetensors(file.parent, file.stem, device)}
    embedding = stored.get(file.stem)
    if embedding is None or embedding.shape != (width,):
        raise CheckpointError(f"{file}: {file.stem!r} is no tensor of {width} values")
    return embedding.to(dtype or embedding.dtype)


def _require_channels(folder: Path, unet: UNetConfig, latent: int, inpaints: bool) -> None:
    """For inpainting a U-Net reads latent, mask and masked latent; else the latent alone."""
    wanted = (2 * latent + 1 if inpaints else latent, latent)
    if (unet.in_channels, unet.out_channels) != wanted:
        found = f"{unet.in_channels} channels in and {unet.out_channels} out"
        expected = f"{wanted[0]} and {latent}, as latents of the MoVQ have {latent}"
        raise CheckpointError(f"{folder}: the U-Net has {found}, not {expected}")


def _require_fit(folder: Path, checkpoint: Checkpoint) -> None:
    """Networks that are whole but not made for each other would fail only at the first prompt."""
    encoder, wanted = checkpoint.components.text_encoder, checkpoint.unet.config.encoder_dim
    if encoder is not None and encoder.width != wanted:
        raise CheckpointError(f"{folder}: the text encoder is {encoder.width} wide, the U-Net reads {wanted}")
    side, multiple = checkpoint.default_side, checkpoint.size_multiple
    if side < multiple or side % multiple:
        raise CheckpointError(f"{folder}: default_side {side} is no multiple of {multiple}")
