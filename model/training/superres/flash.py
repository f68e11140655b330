"""Trains KandiSuperRes Flash x2: adversarial distillation, as of Kandinsky 3.1 (report, 5.1), on pixels.

The student starts from x2 and learns from what it makes itself in Flash's four steps. Its adversary is the
frozen down half of x2 with a trainable head for each level, which knows the timestep and the small picture
but no text. Unlike that of Kandinsky 3.1 the loss has a reconstruction term: an adversary as small as this
one would let colours drift.
"""

import torch
from torch import Tensor

from model.schedule import FLASH_TIMESTEPS
from model.superres import SuperResUNet
from model.training.adversary import Discriminator, HeadSizes, Judged, critic_loss
from model.training.config import SuperResFlashTraining
from model.training.loop import Critic, Stage, Training
from model.training.run import Run
from model.training.superres.training import (
    X2,
    Cuts,
    Pair,
    diffuse,
    draw_integers,
    load_superres,
    measure,
    reconstruction_loss,
)

FLASH_X2 = "superres_flash"


class Game:
    """The two sides' losses in a step: the student's, then the discriminator's on the same pictures."""

    def __init__(self, config: SuperResFlashTraining, student: SuperResUNet, teacher: SuperResUNet) -> None:
        self.config = config
        self.student = student
        self.teacher = teacher
        sizes = HeadSizes(config.head_width, teacher.config.time_embed_dim)
        self.discriminator = Discriminator(teacher.config.block_out_channels, sizes)
        self.discriminator.to(teacher.init_conv.weight)
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
        """What the discriminator pays on the pictures that the student was shown last."""
        assert self._shown is not None
        return critic_loss(self.discriminator, *self._shown, self.config.penalty_weight)

    def _judge(self, pictures: Tensor, timesteps: Tensor, small: Tensor) -> Judged:
        network = self.teacher
        embedding = network.embed(timesteps)
        features = network.descend(diffuse(pictures, timesteps), embedding, small)
        return Judged(features, embedding.float().detach())


def train(run: Run, device: torch.device, deadline: float) -> bool:
    """Trains until the stage or the time is over; returns whether the stage is complete."""
    run.require_complete(X2, run.config.superres.x2_stage.num_steps)
    run.begin("superres", "superres_flash")
    config = run.config.superres_flash
    teacher = load_superres(run, X2).requires_grad_(False).to(device)
    student = load_superres(run, X2).to(device)
    cuts = Cuts(run.config.superres, 2, device, run.pictures)
    torch.manual_seed(run.config.data.seed)
    game = Game(config, student, teacher)

    def step_loss(step: int) -> Tensor:
        return game.loss(cuts.batch(config.stage.batch_size, step))

    critic = Critic(game.discriminator, config.critic_learning_rate, game.critic_loss)
    stage = Stage(
        FLASH_X2, config.stage, student, step_loss, lambda average: measure(average, cuts, "flash"), critic
    )
    return Training(run, stage).go_on(device, deadline)


def predict(student: SuperResUNet, pair: Pair) -> Tensor:
    """What the student makes of small pictures, starting from noise, at one of its steps, (B, 3, H, W).

    The steps before are taken as when it samples: real pictures would show through the noise what it has to
    find out.
    """
    num_before = int(torch.randint(len(FLASH_TIMESTEPS), ()))
    picture = torch.randn_like(pair.large)
    with torch.no_grad():
        for timestep in FLASH_TIMESTEPS[:num_before]:
            picture = _denoise(student, picture, timestep, pair.small)
    return _denoise(student, picture, FLASH_TIMESTEPS[num_before], pair.small)


def _denoise(student: SuperResUNet, pictures: Tensor, timestep: int, small: Tensor) -> Tensor:
    timesteps = torch.full((len(pictures),), timestep, device=pictures.device)
    return student(diffuse(pictures, timesteps), timesteps, small).float()
