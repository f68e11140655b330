"""Trains the MoVQ autoencoder: first all of it with a codebook, later the decoder alone against an adversary.

The encoder does not change any more once the U-Net has learnt its latents; that is why the adversarial part
(Esser et al. 2021, section 3.1) trains the decoder only, and comes last.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.movq import MoVQ
from model.training.bank import Bank
from model.training.codebook import Codebook
from model.training.compositions import Frame
from model.training.config import AutoencoderTraining
from model.training.discriminator import PatchDiscriminator, PatchGame
from model.training.loop import Critic, Stage, Training
from model.training.run import Run

AUTOENCODER, DECODER = "autoencoder", "decoder"
#: Standard deviation of the noise that the decoder learns to forgive: a denoiser's small errors.
LATENT_NOISE = 0.05


class Autoencoder(nn.Module):
    """MoVQ and its codebook, as they are trained together."""

    def __init__(self, config: AutoencoderTraining) -> None:
        super().__init__()
        self.config = config
        self.movq = MoVQ(config.movq)
        self.codebook = Codebook(config.movq.num_codes, config.movq.latent_channels)

    def reconstruct(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures (B, 3, H, W) as decoded, and their latents (B, 4, h, w).

        A share of the batch is decoded from its nearest codes, the rest from the latents themselves with some
        noise: Kandinsky 3 decodes unquantised latents, so the decoder must take both.
        """
        latents = self.movq.encode(pictures).float()
        if self.codebook.training:
            self.codebook.follow(latents)
        is_quantised = torch.rand(len(latents), 1, 1, 1, device=latents.device) < self.config.quantised_share
        noisy = latents + LATENT_NOISE * torch.randn_like(latents)
        mixed = torch.where(is_quantised, self.codebook.quantise(latents), noisy)
        return self.movq.decode(mixed).float(), latents


def train(run: Run, device: torch.device, deadline: float) -> bool:
    """Trains encoder, codebook and decoder; returns whether the stage is complete."""
    run.begin("data", "autoencoder")
    config, bank = run.config.autoencoder, picture_bank(run)
    torch.manual_seed(run.config.data.seed)
    network = Autoencoder(config).to(device)

    def step_loss(step: int) -> Tensor:
        pictures = bank.batch(config.stage.batch_size, step).to(device)
        decoded, latents = network.reconstruct(pictures)
        commitment = F.mse_loss(latents, network.codebook.nearest(latents).detach())
        return reconstruction_loss(decoded, pictures) + latent_loss(latents) + commitment

    halves = (network.movq.encoder, network.movq.decoder)
    stage = Stage(AUTOENCODER, config.stage, network, step_loss, _measure_on(bank, device), compiled=halves)
    return Training(run, stage).go_on(device, deadline)


def train_decoder(run: Run, device: torch.device, deadline: float) -> bool:
    """Trains the decoder on, against an adversary; returns whether the stage is complete."""
    require_complete(run)
    run.begin("data", "autoencoder", "decoder")
    config, bank = run.config.decoder, picture_bank(run)
    network = load_autoencoder(run).to(device)
    for frozen in (network.movq.encoder, network.movq.quant_conv):
        frozen.requires_grad_(False)
    network.codebook.eval()
    torch.manual_seed(run.config.data.seed)
    game = PatchGame(PatchDiscriminator().to(device), network.movq.decoder.conv_out.weight)

    def step_loss(step: int) -> Tensor:
        pictures = bank.batch(config.stage.batch_size, step).to(device)
        decoded, _ = network.reconstruct(pictures)
        cost = reconstruction_loss(decoded, pictures)
        return cost + config.adversarial_weight * game.loss(decoded, pictures, cost)

    critic = Critic(game.discriminator, config.critic_learning_rate, game.critic_loss)
    stage = Stage(DECODER, config.stage, network, step_loss, _measure_on(bank, device), critic)
    return Training(run, stage).go_on(device, deadline)


def picture_bank(run: Run) -> Bank:
    """The square pictures that the autoencoder is trained on."""
    data = run.config.data
    return Bank(data, Frame(data.side, data.side), data.num_pictures, run.pictures)


def require_complete(run: Run) -> None:
    """Raises Unfinished unless encoder and codebook are as they will stay."""
    run.require_complete(AUTOENCODER, run.config.autoencoder.stage.num_steps)


def load_autoencoder(run: Run) -> Autoencoder:
    """The averaged autoencoder as trained so far. Raises NotTrained before it is."""
    network = Autoencoder(run.config.autoencoder)
    network.load_state_dict(run.load_average(DECODER if run.load(DECODER) else AUTOENCODER))
    return network


def reconstruction_loss(decoded: Tensor, pictures: Tensor) -> Tensor:
    """Error of the pixels, absolute and squared, and of the edges; a scalar."""
    error = decoded - pictures
    edge = error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()
    return error.abs().mean() + error.square().mean() + edge


def latent_loss(latents: Tensor) -> Tensor:
    """What keeps latents within the samplers' bounds of -1 and 1, centred and spread; a scalar."""
    outside = F.relu(latents.abs() - 1).square().mean()
    spread = (latents.std(dim=(0, 2, 3)) - 0.5).square().mean() + latents.mean(dim=(0, 2, 3)).square().mean()
    return outside + 0.1 * spread


@torch.inference_mode()
def measure_psnr(network: MoVQ, pictures: Tensor) -> float:
    """Peak signal-to-noise ratio of the reconstruction, in dB, over all pixels; pictures in [-1, 1]."""
    errors = [
        (network.decode(network.encode(part)).clamp(-1, 1) - part).square().mean().item()
        for part in pictures.split(32)
    ]
    return float(10 * np.log10(4 / np.mean(errors)))


def _measure_on(bank: Bank, device: torch.device) -> Callable[[nn.Module], dict[str, float]]:
    held_out = bank.held_out.to(device)

    def measure(average: nn.Module) -> dict[str, float]:
        assert isinstance(average, Autoencoder)
        return {"psnr": measure_psnr(average.movq, held_out)}

    return measure
