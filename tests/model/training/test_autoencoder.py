import pytest
import torch
from torch import Tensor

from model.movq import MoVQ
from model.training.autoencoder import Autoencoder, latent_loss, measure_psnr, reconstruction_loss
from model.training.discriminator import PatchDiscriminator, PatchGame
from tests.model.training.tiny import TINY


def test_quality_is_measured_in_decibels() -> None:
    class Shifted(MoVQ):
        def encode(self, pictures: Tensor) -> Tensor:
            return pictures

        def decode(self, latents: Tensor) -> Tensor:
            return latents + 0.2

    assert measure_psnr(Shifted(TINY.autoencoder.movq), torch.zeros(40, 3, 8, 8)) == pytest.approx(20.0)


def test_perfect_reconstruction_costs_nothing() -> None:
    pictures = torch.rand(2, 3, 8, 8)
    assert reconstruction_loss(pictures, pictures) == 0
    assert reconstruction_loss(pictures + 0.1, pictures) > 0


def test_latents_out_of_bounds_cost() -> None:
    torch.manual_seed(0)
    good = 0.5 * torch.randn(64, 4, 8, 8).clamp(-2, 2)
    assert latent_loss(good) < 0.01
    assert latent_loss(3 * good) > latent_loss(good) + 0.1


def test_frozen_codebook_stays() -> None:
    network = Autoencoder(TINY.autoencoder)
    pictures = torch.rand(2, 3, 16, 16)
    network.codebook.eval()
    network.reconstruct(pictures)
    assert not network.codebook.codes.any()
    network.codebook.train()
    network.reconstruct(pictures)
    assert network.codebook.codes.any()


def test_discriminator_learns_to_tell_what_it_is_shown() -> None:
    torch.manual_seed(0)
    pictures = torch.rand(4, 3, 32, 32)
    decoder = torch.nn.Conv2d(3, 3, 1)
    game = PatchGame(PatchDiscriminator(width=8), decoder.weight)
    optimizer = torch.optim.Adam(game.discriminator.parameters(), lr=1e-2)
    costs = []
    for _ in range(20):
        decoded = decoder(pictures)
        game.loss(decoded, pictures, (decoded - pictures).square().mean())
        optimizer.zero_grad()
        cost = game.critic_loss()
        cost.backward()
        optimizer.step()
        costs.append(cost.item())
    assert costs[-1] < costs[0] / 2


def test_adversary_pulls_as_hard_as_the_reconstruction() -> None:
    torch.manual_seed(0)
    pictures = torch.rand(4, 3, 32, 32)
    decoder = torch.nn.Conv2d(3, 3, 1)
    decoded = decoder(pictures)
    reconstruction = (decoded - pictures).square().mean()
    adversarial = PatchGame(PatchDiscriminator(width=8), decoder.weight).loss(
        decoded, pictures, reconstruction
    )
    norms = [
        torch.autograd.grad(cost, decoder.weight, retain_graph=True)[0].norm()
        for cost in (reconstruction, adversarial)
    ]
    assert norms[1] == pytest.approx(norms[0].item(), rel=0.05)
