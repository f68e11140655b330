"""Trains the MoVQ autoencoder on rendered compositions: all of it, then the decoder alone."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.movq import MoVQ
from model.training.bank import Bank
from model.training.loop import Stage, Training
from model.training.run import Run

AUTOENCODER, DECODER = "autoencoder", "decoder"
#: Standard deviation of the noise that the decoder learns to forgive: a denoiser's small errors.
LATENT_NOISE = 0.05


def train(run: Run, bank: Bank, device: torch.device, deadline: float) -> bool:
    """Trains encoder and decoder together; returns whether the stage is complete."""
    torch.manual_seed(run.config.seed)
    return _train(run, AUTOENCODER, MoVQ(run.config.movq), bank, device, deadline)


def train_decoder(run: Run, bank: Bank, device: torch.device, deadline: float) -> bool:
    """Trains the decoder on, with the encoder frozen, so that latents stay what the U-Net has learnt."""
    network = load_autoencoder(run)
    network.encoder.requires_grad_(False)
    network.quant_conv.requires_grad_(False)
    return _train(run, DECODER, network, bank, device, deadline)


def load_autoencoder(run: Run) -> MoVQ:
    """The averaged autoencoder as trained so far. Raises FileNotFoundError before it is."""
    state = run.load(DECODER) or run.load(AUTOENCODER)
    if state is None:
        raise FileNotFoundError(f"{run.folder} has no trained autoencoder yet")
    network = MoVQ(run.config.movq)
    network.load_state_dict(state["average"])
    return network


@dataclass(frozen=True)
class Losses:
    """What a batch costs, all scalars."""

    pixel: Tensor
    edge: Tensor
    latent: Tensor

    @property
    def total(self) -> Tensor:
        """What is minimised."""
        return self.pixel + self.edge + self.latent


def loss(network: MoVQ, pictures: Tensor) -> Losses:
    """Reconstruction of pixels and of edges, and what keeps latents within the samplers' bounds."""
    latent = network.encode(pictures).float()
    decoded = network.decode(latent + LATENT_NOISE * torch.randn_like(latent)).float()
    error = decoded - pictures
    edge = error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()
    outside = F.relu(latent.abs() - 1).square().mean()
    spread = (latent.std(dim=(0, 2, 3)) - 0.5).square().mean() + latent.mean(dim=(0, 2, 3)).square().mean()
    return Losses(error.abs().mean() + error.square().mean(), edge, outside + 0.1 * spread)


@torch.inference_mode()
def measure_psnr(network: nn.Module, pictures: Tensor) -> float:
    """Peak signal-to-noise ratio of the reconstruction, in dB, over all pixels; pictures in [-1, 1]."""
    assert isinstance(network, MoVQ)
    errors = [
        (network.decode(network.encode(part)).clamp(-1, 1) - part).square().mean().item()
        for part in pictures.split(32)
    ]
    return float(10 * np.log10(4 / np.mean(errors)))


def _train(run: Run, name: str, network: MoVQ, bank: Bank, device: torch.device, deadline: float) -> bool:
    config = run.config.autoencoder_stage if name == AUTOENCODER else run.config.decoder_stage
    network.to(device)
    held_out = bank.held_out.to(device)
    stage = Stage(
        name,
        config,
        network,
        loss=lambda step: loss(network, bank.batch(config.batch_size, step).to(device)).total,
        measure=lambda average: {"psnr": measure_psnr(average, held_out)},
    )
    return Training(run, stage).go_on(device, deadline)
