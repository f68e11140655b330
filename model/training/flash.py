"""Trains Kandinsky 3.1 Flash: adversarial distillation in latent space (Kandinsky 3.0 Technical Report, 5.1).

The student starts from the base and learns from what it makes itself in Flash's four steps. Its adversary is
the frozen down half of the base with a trainable head for each level. The loss is Wasserstein's with a
gradient penalty on the heads' inputs (Sauer et al. 2023, section 3.2). There is no loss towards a teacher,
but one towards the real latents: with so little training, the adversary alone leads the student astray.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from model.schedule import FLASH_TIMESTEPS, cosine_alphas
from model.training.adversary import Discriminator, HeadSizes, Judged, critic_loss
from model.training.base import Denoiser, diffuse, drop, load_base, require_complete
from model.training.config import FlashTraining
from model.training.examples import Examples
from model.training.loop import Critic, Stage, Training
from model.training.run import Run
from model.unet import TextContext, TextFeatures, UNet

STAGE = "flash"


class Game:
    """The two sides' losses in a step: the student's, then the discriminator's on the same latents."""

    def __init__(self, config: FlashTraining, student: UNet, base: Denoiser) -> None:
        self.config = config
        self.student = student
        self.base = base
        unet = base.unet.config
        sizes = HeadSizes(config.head_width, unet.time_embed_dim, unet.context_dim)
        self.discriminator = Discriminator(unet.block_out_channels, sizes).to(base.unet.conv_in.weight)
        self._shown: tuple[Judged, Judged] | None = None

    def loss(self, latents: Tensor, tokens: Tensor) -> Tensor:
        """What the student pays for errors, and where its latents are told from real ones, (B, 4, h, w)."""
        nothing_dropped = drop(len(latents), 0, latents.device)
        with torch.no_grad():
            states = self.base.encode(tokens)
            context = self.base.condition(self.base.unet, states, tokens, nothing_dropped)
            features = self.base.unet.encode_text(context)
        student_text = self.student.encode_text(
            self.base.condition(self.student, states, tokens, nothing_dropped)
        )
        predicted = predict(self.student, latents, student_text)
        timesteps = torch.randint(*self.config.judged_timesteps, (len(latents),), device=latents.device)
        noise = torch.randn_like(latents)
        fake = self._judge(diffuse(predicted, noise, timesteps), timesteps, features, context)
        with torch.no_grad():
            real = self._judge(diffuse(latents, noise, timesteps), timesteps, features, context)
        self._shown = real, fake.detach()
        found_out = -self.discriminator(fake).mean()
        return F.mse_loss(predicted, latents) + self.config.adversarial_weight * found_out

    def critic_loss(self) -> Tensor:
        """What the discriminator pays on the latents that the student was shown last."""
        assert self._shown is not None
        return critic_loss(self.discriminator, *self._shown, self.config.penalty_weight)

    def _judge(self, noisy: Tensor, timesteps: Tensor, text: TextFeatures, context: TextContext) -> Judged:
        unet = self.base.unet
        features = unet.descend(noisy, unet.condition(timesteps, text, text.mask()))
        return Judged(features, unet.embed(timesteps, text).float().detach(), _in_fp32(context))


def train(run: Run, device: torch.device, deadline: float) -> bool:
    """Trains until the stage or the time is over; returns whether the stage is complete."""
    require_complete(run)
    run.begin("data", "autoencoder", "base", "flash")
    config, last = run.config.flash, run.config.base.stages[-1]
    examples = Examples(run, last, device)
    base = load_base(run).requires_grad_(False).to(device)
    student = load_base(run).unet.to(device)
    torch.manual_seed(run.config.data.seed)
    game = Game(config, student, base)
    critic = Critic(game.discriminator, config.critic_learning_rate, game.critic_loss)

    def step_loss(step: int) -> Tensor:
        return game.loss(*examples.batch(config.stage.batch_size, step))

    stage = Stage(STAGE, config.stage, student, step_loss, critic=critic, compiled=(student,))
    return Training(run, stage).go_on(device, deadline)


def predict(student: UNet, latents: Tensor, text: TextFeatures) -> Tensor:
    """What the student makes of latents (B, 4, h, w) at one of its steps, when all but 3 % of them is noise.

    The steps before are taken as when it samples. From latents with less noise, as in Sauer et al. 2023, it
    would see what it has to make up.
    """
    num_before = int(torch.randint(len(FLASH_TIMESTEPS), ()))
    picture = latents
    with torch.no_grad():
        for timestep in FLASH_TIMESTEPS[:num_before]:
            picture = _denoise(student, picture, timestep, text)
    return _denoise(student, picture, FLASH_TIMESTEPS[num_before], text)


def _denoise(student: UNet, latents: Tensor, timestep: int, text: TextFeatures) -> Tensor:
    """What is predicted of latents after the noise of a timestep was added to them."""
    timesteps = torch.full((len(latents),), timestep, device=latents.device)
    noisy = diffuse(latents, torch.randn_like(latents), timesteps)
    alpha = cosine_alphas()[timestep].item()
    predicted = student(noisy, timesteps, text, text.mask()).float()
    return (noisy - math.sqrt(1 - alpha) * predicted) / math.sqrt(alpha)


def _in_fp32(context: TextContext) -> TextContext:
    return TextContext(context.states.float(), context.mask, context.mean.float())
