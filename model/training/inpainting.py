"""Trains inpainting: the base with nine input channels (Kandinsky 3.0 Technical Report, section 6.1)."""

from dataclasses import replace
from random import Random

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from model.canvas import encode_known
from model.schedule import NUM_TRAIN_TIMESTEPS
from model.training.autoencoder import load_autoencoder
from model.training.bank import Bank, to_tensor
from model.training.base import Denoiser, diffuse, drop, load_base, require_complete
from model.training.examples import Examples
from model.training.loop import Stage, Training
from model.training.masks import draw_hole
from model.training.run import Run
from model.unet import UNet

STAGE = "inpainting"


def train(run: Run, device: torch.device, deadline: float) -> bool:
    """Trains until the stage or the time is over; returns whether the stage is complete."""
    require_complete(run)
    run.begin("data", "autoencoder", "base", "inpainting")
    holes = Holes(run, device)
    base = load_base(run).requires_grad_(False).to(device)
    network = with_hole_channels(base.unet).to(device)
    config = run.config.inpainting

    def step_loss(step: int) -> Tensor:
        return loss(network, base, holes.batch(config.stage.batch_size, step), config.text_dropout)

    return Training(run, Stage(STAGE, config.stage, network, step_loss, compiled=(network,))).go_on(
        device, deadline
    )


class Holes:
    """The pictures of the base's last stage, with random holes."""

    def __init__(self, run: Run, device: torch.device) -> None:
        data, stage = run.config.data, run.config.base.stages[-1]
        self.device = device
        self.max_shapes = run.config.inpainting.max_shapes
        self.movq = load_autoencoder(run).movq.requires_grad_(False).to(device)
        self.examples = Examples(run, stage, device)
        self.banks = [Bank(data, frame, stage.num_pictures, run.pictures) for frame in stage.frames]
        self.frames = stage.frames

    @torch.no_grad()
    def batch(self, size: int, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Latents (B, 4, h, w), what is known of them (B, 5, h, w), and token ids (B, L)."""
        part, indices = self.examples.choose(size, step)
        latents, tokens = self.examples.take(part, indices)
        pictures = to_tensor(self.banks[part].pixels[indices]).to(self.device)
        rng = Random(f"{self.examples.seed}:{step}")
        drawn = np.stack([draw_hole(rng, self.frames[part], self.max_shapes) for _ in range(size)])
        holes = torch.from_numpy(drawn)[:, None].to(self.device).float()
        return latents, encode_known(pictures, holes, self.movq), tokens


def with_hole_channels(base: UNet) -> UNet:
    """A copy of the base that also reads a mask and a masked latent; the weights for them are zero."""
    config = base.config
    network = UNet(replace(config, in_channels=2 * config.in_channels + 1))
    weights = base.state_dict()
    grown = torch.zeros_like(network.conv_in.weight)
    grown[:, : config.in_channels] = weights["conv_in.weight"]
    network.load_state_dict({**weights, "conv_in.weight": grown})
    return network


def loss(network: UNet, base: Denoiser, batch: tuple[Tensor, Tensor, Tensor], text_dropout: float) -> Tensor:
    """Mean squared error of the predicted noise, everywhere in the picture; a scalar."""
    latents, known, tokens = batch
    timesteps = torch.randint(NUM_TRAIN_TIMESTEPS, (len(latents),), device=latents.device)
    noise = torch.randn_like(latents)
    dropped = drop(len(latents), text_dropout, latents.device)
    with torch.no_grad():
        states = base.encode(tokens)
    text = network.encode_text(base.condition(network, states, tokens, dropped))
    noisy = torch.cat([diffuse(latents, noise, timesteps), known], dim=1)
    return F.mse_loss(network(noisy, timesteps, text, text.mask()).float(), noise)
