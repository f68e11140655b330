"""Trains the MoVQ autoencoder on rendered compositions."""

import copy
import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from model.movq import MoVQ
from model.training.bank import Bank
from model.training.run import Run, learning_rate, steps, update_ema

STAGE = "autoencoder"


@dataclass(frozen=True)
class Losses:
    """What a batch costs, all scalars."""

    pixel: Tensor
    edge: Tensor
    latent: Tensor

    @property
    def total(self) -> Tensor:
        return self.pixel + self.edge + self.latent


def train(run: Run, bank: Bank, device: torch.device, deadline: float) -> bool:
    """Trains until the stage or the time is over; returns whether the stage is complete."""
    stage = run.config.autoencoder_stage
    torch.manual_seed(run.config.seed)
    network = MoVQ(run.config.movq).to(device)
    average = copy.deepcopy(network).requires_grad_(False)
    optimizer = torch.optim.AdamW(network.parameters(), betas=(0.9, 0.99), weight_decay=1e-4)
    first = 0
    if state := run.load(STAGE):
        network.load_state_dict(state["network"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]
    if first >= stage.num_steps:
        return True

    def save(step: int) -> None:
        run.save(
            STAGE,
            {
                "network": network.state_dict(),
                "average": average.state_dict(),
                "optimizer": optimizer.state_dict(),
                "step": step,
            },
        )

    began, seen, step = time.monotonic(), 0, first - 1
    for step, progress in steps("autoencoder", first, stage, deadline):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, stage)
        pictures = bank.batch(stage.batch_size, step).to(device)
        with torch.autocast(device.type, torch.bfloat16):
            losses = loss(network, pictures)
        losses.total.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        update_ema(average, network, stage.ema_decay, step)
        seen += len(pictures)
        if (step + 1) % stage.save_every == 0:
            save(step + 1)
            psnr = measure_psnr(average, bank.held_out.to(device))
            rate = seen / (time.monotonic() - began)
            run.log(STAGE, step=step + 1, loss=losses.total.item(), psnr=psnr, pictures_per_second=rate)
            progress.update(progress.task_ids[0], note=f"PSNR {psnr:.2f} dB, {rate:.0f} pictures/s")
    save(step + 1)
    return step + 1 >= stage.num_steps


def loss(network: MoVQ, pictures: Tensor) -> Losses:
    """Reconstruction of pixels and of edges, and what keeps latents within the samplers' bounds."""
    latent = network.encode(pictures).float()
    noisy = latent + 0.05 * torch.randn_like(latent)  # the decoder must forgive a denoiser's small errors
    decoded = network.decode(noisy).float()
    error = decoded - pictures
    edge = error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()
    outside = F.relu(latent.abs() - 1).square().mean()
    spread = (latent.std(dim=(0, 2, 3)) - 0.5).square().mean() + latent.mean(dim=(0, 2, 3)).square().mean()
    return Losses(error.abs().mean() + error.square().mean(), edge, outside + 0.1 * spread)


@torch.inference_mode()
def measure_psnr(network: MoVQ, pictures: Tensor) -> float:
    """Peak signal-to-noise ratio of the reconstruction, in dB, over all pixels; pictures in [-1, 1]."""
    errors = [
        (network.decode(network.encode(part)).clamp(-1, 1) - part).square().mean().item()
        for part in pictures.split(32)
    ]
    return float(10 * np.log10(4 / np.mean(errors)))
