"""Trains KandiSuperRes Flash x2: adversarial distillation, as of Kandinsky 3.1 (report, 5.1), on pixels.

The student starts from x2 and takes Flash's four steps. Its adversary is the frozen down half of x2 with a
trainable head for each level, which knows the timestep and the small picture but no text. The loss is
Wasserstein's with a gradient penalty on the heads' inputs (Sauer et al. 2023, section 3.2). Unlike that of
Kandinsky 3.1 it has a reconstruction term: an adversary as small as this one would let colours drift.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.layers import ConditionalGroupNorm, Conditions, timestep_embedding
from model.schedule import FLASH_TIMESTEPS
from model.superres import SuperResConfig, SuperResUNet, upsample
from model.training.config import SuperResFlashTraining
from model.training.loop import Critic, Stage, Training
from model.training.run import Run
from model.training.superres import (
    X2,
    Cuts,
    Pair,
    diffuse,
    draw_integers,
    load_superres,
    measure,
    reconstruction_loss,
)

STAGE = "superres_flash"
#: Channels of a head in each norm group.
GROUP = 8


@dataclass(frozen=True)
class Judged:
    """What the discriminator sees of B pictures."""

    #: Output of each level of the frozen half, (B, C, h, w).
    features: list[Tensor]
    #: Embedding of the timestep, (B, time_embed_dim).
    embedding: Tensor

    def detach(self) -> "Judged":
        """The same, as a constant."""
        return Judged([part.detach() for part in self.features], self.embedding)


class Head(nn.Module):
    """Scores every position of one level's features, knowing the timestep."""

    def __init__(self, channels: int, width: int, config: SuperResConfig) -> None:
        super().__init__()
        groups = config.groups
        self.enter = nn.Sequential(nn.GroupNorm(groups, channels), nn.SiLU(), nn.Conv2d(channels, width, 1))
        self.norm = ConditionalGroupNorm(width // GROUP, width, config.time_embed_dim)
        self.convolution = nn.Conv2d(width, width, 3, padding=1)
        self.leave = nn.Sequential(nn.GroupNorm(width // GROUP, width), nn.SiLU(), nn.Conv2d(width, 1, 1))

    def forward(self, features: Tensor, embedding: Tensor) -> Tensor:
        """Shapes: features (B, C, h, w), embedding (B, time_embed_dim) -> scores (B,)."""
        x = self.enter(features)
        modulation = self.norm.context_mlp(embedding)
        normed = self.norm(x, Conditions(modulation, keys_values=embedding, mask=None))
        return self.leave(x + self.convolution(F.silu(normed))).mean(dim=(1, 2, 3))


class Discriminator(nn.Module):
    """A head for each level on the way down."""

    def __init__(self, config: SuperResConfig, width: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(Head(channels, width, config) for channels in config.block_out_channels)

    def forward(self, judged: Judged) -> Tensor:
        """Scores (B,), high for real pictures: the mean over the heads."""
        with torch.autocast(judged.embedding.device.type, enabled=False):
            scores = [
                head(features.float(), judged.embedding)
                for head, features in zip(self.heads, judged.features, strict=True)
            ]
        return torch.stack(scores).mean(dim=0)


class Game:
    """The two sides' losses in a step: the student's, then the discriminator's on the same pictures."""

    def __init__(self, config: SuperResFlashTraining, student: SuperResUNet, teacher: SuperResUNet) -> None:
        self.config = config
        self.student = student
        self.teacher = teacher
        self.discriminator = Discriminator(teacher.config, config.head_width).to(teacher.init_conv.weight)
        self._shown: tuple[Judged, Judged] | None = None

    def loss(self, pair: Pair) -> Tensor:
        """What the student pays for errors, and where its pictures are told from real ones."""
        predicted = predict(self.student, pair)
        timesteps = draw_integers(self.config.judged_timesteps, pair.large)
        fake = self._judge(predicted, timesteps, pair.small)
        with torch.no_grad():
            real = self._judge(pair.large, timesteps, pair.small)
        self._shown = real, fake.detach()
        found_out = -self.discriminator(fake).mean()
        return reconstruction_loss(predicted, pair.large) + self.config.adversarial_weight * found_out

    def critic_loss(self) -> Tensor:
        """Wasserstein loss (Arjovsky et al. 2017) and gradient penalty (Mescheder et al. 2018, eq. 9)."""
        assert self._shown is not None
        real, fake = self._shown
        inputs = [part.float().requires_grad_() for part in real.features]
        score = self.discriminator(Judged(inputs, real.embedding))
        gradients = torch.autograd.grad(score.sum(), inputs, create_graph=True)
        penalty = torch.stack([part.square().sum(dim=(1, 2, 3)).mean() for part in gradients]).sum()
        return self.discriminator(fake).mean() - score.mean() + self.config.penalty_weight * penalty

    def _judge(self, pictures: Tensor, timesteps: Tensor, small: Tensor) -> Judged:
        features, embedding = descend(self.teacher, diffuse(pictures, timesteps), timesteps, small)
        return Judged(features, embedding.float().detach())


def train(run: Run, device: torch.device, deadline: float) -> bool:
    """Trains until the stage or the time is over; returns whether the stage is complete."""
    run.require_same("superres", "superres_flash")
    config = run.config.superres_flash
    teacher = load_superres(run, X2).requires_grad_(False).to(device)
    student = load_superres(run, X2).to(device)
    cuts = Cuts(run.config.superres, 2, device)
    torch.manual_seed(run.config.data.seed)
    game = Game(config, student, teacher)

    def step_loss(step: int) -> Tensor:
        return game.loss(cuts.batch(config.stage.batch_size, step))

    critic = Critic(game.discriminator, config.critic_learning_rate, lambda _: game.critic_loss())
    stage = Stage(
        STAGE, config.stage, student, step_loss, lambda average: measure(average, cuts, "flash"), critic
    )
    return Training(run, stage).go_on(device, deadline)


def predict(student: SuperResUNet, pair: Pair) -> Tensor:
    """What the student makes of pictures that were noised to one of Flash's levels each, (B, 3, H, W).

    Below the first level its own pictures of the level before are noised, as when it samples: real ones would
    show through the noise what it has to find out.
    """
    levels = torch.tensor(FLASH_TIMESTEPS, device=pair.large.device)
    steps = draw_integers((0, len(levels)), pair.large)
    with torch.no_grad():
        before = levels[(steps - 1).clamp(min=0)]
        own = student(diffuse(pair.large, before), before, pair.small).float()
    pictures = torch.where((steps == 0)[:, None, None, None], pair.large, own)
    return student(diffuse(pictures, levels[steps]), levels[steps], pair.small).float()


def descend(
    network: SuperResUNet, noisy: Tensor, timesteps: Tensor, small: Tensor
) -> tuple[list[Tensor], Tensor]:
    """The down half of a network: every level's output, and the embedding of the timesteps."""
    sinusoids = timestep_embedding(timesteps, network.config.init_channels)
    embedding = network.to_time_embed(sinusoids)
    x = network.init_conv(torch.cat([noisy, upsample(small, noisy.shape[2:])], dim=1))
    features: list[Tensor] = []
    for down in network.down_samples:
        x = down(x, embedding)
        features.append(x)
    return features, embedding
