"""Trains text encoder and U-Net together, in stages of growing resolution.

The stages are those of the Kandinsky 3.0 Technical Report, section 4, at small scale.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import T5Config, T5EncoderModel

from model.schedule import NUM_TRAIN_TIMESTEPS, cosine_alphas
from model.text_encoder import TextConditioner
from model.training import autoencoder
from model.training.config import BaseTraining, ResolutionStage, TextEncoderConfig
from model.training.examples import Examples
from model.training.loop import Stage, Training
from model.training.run import NotTrained, Run
from model.unet import TextContext, UNet


class Denoiser(nn.Module):
    """Text encoder and U-Net, trained jointly."""

    def __init__(self, config: BaseTraining) -> None:
        super().__init__()
        self.text_encoder = T5EncoderModel(t5_config(config.text_encoder))
        self.unet = UNet(config.unet)

    def forward(self, noisy: Tensor, timesteps: Tensor, tokens: Tensor, dropped: Tensor) -> Tensor:
        """Predicts noise (B, 4, h, w); rows where `dropped` (B,) is True see no text."""
        context = self.condition(self.unet, self.encode(tokens), tokens, dropped)
        features = self.unet.encode_text(context)
        return self.unet(noisy, timesteps, features, features.mask())

    def encode(self, tokens: Tensor) -> Tensor:
        """States (B, L, C) of token ids (B, L), zeros on the right."""
        return self.text_encoder(input_ids=tokens, attention_mask=(tokens != 0).long()).last_hidden_state

    @staticmethod
    def condition(unet: UNet, states: Tensor, tokens: Tensor, dropped: Tensor) -> TextContext:
        """What a U-Net reads of states (B, L, C); rows where `dropped` (B,) is True have no text."""
        mask = (tokens != 0) & ~dropped[:, None]
        context = TextConditioner(unet.encoder_hid_proj).condition(states, mask)
        # A row without text attends to one token, the projection's bias, as at inference.
        first = F.one_hot(torch.zeros_like(tokens[:, 0]), tokens.shape[1]).bool()
        return TextContext(context.states, mask | (first & dropped[:, None]), context.mean)


def t5_config(config: TextEncoderConfig) -> T5Config:
    """The encoder's configuration, of the kind of FLAN-UL2: gated SiLU, no dropout."""
    return T5Config(
        vocab_size=config.vocab_size,
        d_model=config.width,
        d_kv=config.width // config.num_heads,
        d_ff=config.feed_forward,
        num_layers=config.num_layers,
        num_heads=config.num_heads,
        dropout_rate=0.0,
        feed_forward_proj="gated-silu",
        is_encoder_decoder=False,
        use_cache=False,
    )


def train(run: Run, device: torch.device, deadline: float) -> bool:
    """Trains until all stages, or the time, are over; returns whether they are complete."""
    autoencoder.require_complete(run)
    run.begin("data", "autoencoder", "base")
    return all(_train(run, index, device, deadline) for index in range(len(run.config.base.stages)))


def require_complete(run: Run) -> None:
    """Raises Unfinished unless all stages are complete."""
    for stage in run.config.base.stages:
        run.require_complete(_name(stage), stage.stage.num_steps)


def load_base(run: Run) -> Denoiser:
    """The averaged text encoder and U-Net, as trained so far. Raises NotTrained before they are."""
    network = Denoiser(run.config.base)
    network.load_state_dict(_state(run, len(run.config.base.stages))["average"])
    return network


def diffuse(latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
    """Latents (B, 4, h, w) with as much noise as at timesteps (B,) (Ho et al. 2020, equation 4)."""
    alpha = cosine_alphas().to(latents.device)[timesteps][:, None, None, None]
    return alpha.sqrt() * latents + (1 - alpha).sqrt() * noise


def drop(count: int, share: float, device: torch.device) -> Tensor:
    """Which rows see no text, (count,) of truth values."""
    return torch.rand(count, device=device) < share


def _train(run: Run, index: int, device: torch.device, deadline: float) -> bool:
    config, stage = run.config.base, run.config.base.stages[index]
    examples = Examples(run, stage, device)
    torch.manual_seed(run.config.data.seed)
    network = Denoiser(config)
    if index:
        network.load_state_dict(_state(run, index)["network"])
    network.to(device)

    def step_loss(step: int) -> Tensor:
        latents, tokens = examples.batch(stage.stage.batch_size, step)
        return loss(network, latents, tokens, config.text_dropout)

    return Training(
        run, Stage(_name(stage), stage.stage, network, step_loss, compiled=(network.unet,))
    ).go_on(device, deadline)


def loss(network: Denoiser, latents: Tensor, tokens: Tensor, text_dropout: float) -> Tensor:
    """Mean squared error of the predicted noise (Ho et al. 2020, equation 14), at one timestep per row."""
    device = latents.device
    timesteps = torch.randint(NUM_TRAIN_TIMESTEPS, (len(latents),), device=device)
    noise = torch.randn_like(latents)
    dropped = drop(len(latents), text_dropout, device)
    predicted = network(diffuse(latents, noise, timesteps), timesteps, tokens, dropped)
    return F.mse_loss(predicted.float(), noise)


def _state(run: Run, num_stages: int) -> dict[str, dict[str, Tensor]]:
    """What the last of the first `num_stages` stages that was begun has saved."""
    for stage in reversed(run.config.base.stages[:num_stages]):
        if state := run.load(_name(stage)):
            return state
    raise NotTrained(f"{run.folder} has no trained base yet")


def _name(stage: ResolutionStage) -> str:
    return f"base-{stage.name}"
