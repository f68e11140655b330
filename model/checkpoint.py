"""Checkpoints that draw: the diffusers folder layout, and the original `.pt` files."""

from dataclasses import dataclass
from pathlib import Path

import torch

from model.components import Components, load_components, load_network, require_class
from model.movq import MoVQ
from model.original import ORIGINALS, OriginalFiles, load_unet
from model.schedule import Sampler
from model.serving import PUBLISHED_SIDE, read_serving
from model.text_encoder import PromptEncoder, TextConditioner
from model.unet import UNet, UNetConfig
from model.weights import CheckpointError, build, made_from

#: The checkpoints that the package ships, one folder each.
FAMILY = Path(__file__).parent / "checkpoints"
#: The one of them that draws pictures of a prompt.
DEMO = FAMILY / "kandinsky-3-demo"
INPAINTING_CLASS = "Kandinsky3InpaintingPipeline"
CLASSES = ("Kandinsky3Pipeline", "Kandinsky3Img2ImgPipeline", INPAINTING_CLASS)
#: Where published checkpoints begin to bound the predicted picture (`model.schedule.trajectory`).
PERCENTILE, INPAINTING_PERCENTILE = 0.99, 0.95

#: Components by the folder that they were loaded from.
Loaded = dict[Path, Components]


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
        """Where the networks are."""
        return self.unet.conv_in.weight.device


def load_checkpoint(
    folder: Path, device: torch.device, dtype: torch.dtype = torch.float32, loaded: Loaded | None = None
) -> Checkpoint:
    """Loads a checkpoint of either layout, with the components of another folder where it names one.

    Components that are in `loaded` are taken from there, and others put there, so that checkpoints that are
    given the same dictionary share them. Raises CheckpointError, naming the file and the tensor, when
    something is incomplete, damaged or of another architecture.
    """
    if not folder.is_dir():
        raise CheckpointError(f"{folder} is not a folder")
    loaded = {} if loaded is None else loaded
    if (folder / "model_index.json").exists():
        checkpoint = _load_diffusers(folder, device, dtype, loaded)
    else:
        checkpoint = _load_original(folder, original_files(folder), device, dtype, loaded)
    _require_fit(folder, checkpoint)
    return checkpoint


def original_files(folder: Path) -> OriginalFiles:
    """The files of the original layout that a folder has. Raises CheckpointError when it has none."""
    for files in ORIGINALS:
        if (folder / files.unet).exists():
            return files
    names = ", ".join(["model_index.json", *(files.unet for files in ORIGINALS)])
    raise CheckpointError(f"{folder} is no checkpoint: it has none of {names}")


def _load_diffusers(folder: Path, device: torch.device, dtype: torch.dtype, loaded: Loaded) -> Checkpoint:
    index = require_class(folder / "model_index.json", *CLASSES)
    inpaints = index["_class_name"] == INPAINTING_CLASS
    serving = read_serving(folder, ("kandinsky",) if inpaints else ("ddpm", "kandinsky"))
    unet = load_network(folder / "unet", _build_unet, device, dtype)
    components = _components(serving.components, device, dtype, loaded)
    _require_channels(folder, unet.config, components.movq.config.latent_channels, inpaints)
    return Checkpoint(
        name=folder.resolve().name,
        unet=unet,
        components=components,
        conditioner=TextConditioner(unet.encoder_hid_proj),
        samplers=serving.samplers,
        default_side=serving.default_side,
    )


def _components(folder: Path, device: torch.device, dtype: torch.dtype, loaded: Loaded) -> Components:
    key = folder.resolve()
    if key not in loaded:
        loaded[key] = load_components(folder, device, dtype)
    return loaded[key]


def _build_unet(file: Path) -> UNet:
    config = require_class(file, "Kandinsky3UNet")
    return made_from(file, lambda: build(lambda: UNet(UNetConfig.from_diffusers(config))))


def _load_original(
    folder: Path, files: OriginalFiles, device: torch.device, dtype: torch.dtype, loaded: Loaded
) -> Checkpoint:
    unet, null_embedding = load_unet(folder / files.unet, folder / files.projection, device, dtype)
    components = _components(folder, device, dtype, loaded)
    _require_channels(folder, unet.config, components.movq.config.latent_channels, files.inpaints)
    return Checkpoint(
        name=folder.resolve().name,
        unet=unet,
        components=components,
        conditioner=TextConditioner(unet.encoder_hid_proj, null_embedding),
        samplers=files.samplers,
        default_side=PUBLISHED_SIDE,
    )


def _require_channels(folder: Path, unet: UNetConfig, latent: int, inpaints: bool) -> None:
    """For inpainting a U-Net reads latent, mask and masked latent; else the latent alone."""
    wanted = (2 * latent + 1 if inpaints else latent, latent)
    if (unet.in_channels, unet.out_channels) != wanted:
        found = f"{unet.in_channels} channels in and {unet.out_channels} out"
        expected = f"{wanted[0]} and {latent}, as latents of the MoVQ have {latent}"
        raise CheckpointError(f"{folder}: the U-Net has {found}, not {expected}")


def _require_fit(folder: Path, checkpoint: Checkpoint) -> None:
    """Networks that are whole but not made for each other would fail only at the first prompt."""
    width, wanted = checkpoint.prompts.width, checkpoint.unet.config.encoder_dim
    if width != wanted:
        raise CheckpointError(f"{folder}: the text encoder is {width} wide, the U-Net reads {wanted}")
    side, multiple = checkpoint.default_side, checkpoint.size_multiple
    if side < multiple or side % multiple:
        raise CheckpointError(f"{folder}: default_side {side} is no multiple of {multiple}")
