import pytest
import torch

from model.training.adversary import Discriminator, HeadSizes, Judged, critic_loss
from model.unet import TextContext

CHANNELS = (8, 16)


def judged(shift: float, context: TextContext | None = None) -> Judged:
    features = [torch.randn(16, channels, 4, 4) for channels in CHANNELS]
    for part in features:
        part[:, ::2] += shift  # of every other channel: the norm takes out what all of them share
    return Judged(features, torch.zeros(16, 8), context)


def text(value: float) -> TextContext:
    states = torch.full((16, 3, 12), value)
    return TextContext(states, torch.ones(16, 3, dtype=torch.bool), states.mean(dim=1))


@pytest.mark.parametrize("context_dim", [None, 12])
def test_discriminator_learns_which_are_real(context_dim: int | None) -> None:
    torch.manual_seed(0)
    network = Discriminator(CHANNELS, HeadSizes(32, 8, context_dim))
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    context = text(1.0) if context_dim else None
    for _ in range(15):
        optimizer.zero_grad()
        critic_loss(network, judged(0.5, context), judged(-0.5, context), penalty_weight=1.0).backward()
        optimizer.step()
    assert network(judged(0.5, context)).mean() > network(judged(-0.5, context)).mean() + 0.1


def test_text_counts() -> None:
    torch.manual_seed(0)
    network, sample = Discriminator(CHANNELS, HeadSizes(32, 8, 12)), judged(0.0)
    scores = [network(Judged(sample.features, sample.embedding, text(value))) for value in (0.0, 1.0)]
    assert not torch.allclose(*scores)


def test_penalty_grows_with_the_gradient() -> None:
    torch.manual_seed(0)
    network, real, fake = Discriminator(CHANNELS, HeadSizes(32, 8)), judged(0.5), judged(-0.5)
    without, some = (critic_loss(network, real, fake, weight) for weight in (0.0, 1.0))
    assert some > without


def test_constants_pass_no_gradient_on() -> None:
    real = judged(0.0)
    real.features[0].requires_grad_()
    assert not any(part.requires_grad for part in real.detach().features)
