"""Trains text encoder and U-Net together, in the latent space of a trained autoencoder."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedTokenizerFast, T5Config, T5EncoderModel

from model.schedule import NUM_TRAIN_TIMESTEPS, cosine_alphas
from model.text_encoder import TextConditioner
from model.training.autoencoder import load_autoencoder
from model.training.bank import Bank, to_tensor
from model.training.config import TextEncoderConfig, TrainingConfig
from model.training.loop import Stage, Training
from model.training.run import Run
from model.training.tokenizer import train_tokenizer
from model.unet import TextContext, UNet

STAGE = "diffusion"


class Denoiser(nn.Module):
    """Text encoder and U-Net, trained jointly."""

    def __init__(self, config: TrainingConfig) -> None:
        super().__init__()
        self.text_encoder = T5EncoderModel(t5_config(config.text_encoder))
        self.unet = UNet(config.unet)

    def forward(self, noisy: Tensor, timesteps: Tensor, tokens: Tensor, dropped: Tensor) -> Tensor:
        """Predicts noise (B, 4, h, w); rows where `dropped` (B,) is True see no text."""
        mask = tokens != 0
        states = self.text_encoder(input_ids=tokens, attention_mask=mask.long()).last_hidden_state
        mask = mask & ~dropped[:, None]
        context = TextConditioner(self.unet.encoder_hid_proj).condition(states, mask)
        # A row without text attends to one token, the projection's bias, as at inference.
        first = F.one_hot(torch.zeros_like(timesteps), tokens.shape[1]).bool()
        context = TextContext(context.states, mask | (first & dropped[:, None]), context.mean)
        features = self.unet.encode_text(context)
        return self.unet(noisy, timesteps, features, features.mask())


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


@dataclass(frozen=True)
class Examples:
    """Latents and token ids of a bank, on the training device."""

    latents: Tensor
    tokens: Tensor

    def batch(self, bank: Bank, size: int, step: int) -> tuple[Tensor, Tensor]:
        """Latents (B, 4, h, w) and token ids (B, L), without columns that are padding in all rows."""
        indices = torch.from_numpy(bank.indices(size, step)).to(self.latents.device)
        tokens = self.tokens[indices]
        return self.latents[indices].float(), tokens[:, : int((tokens != 0).sum(dim=1).max())]


def train(run: Run, bank: Bank, device: torch.device, deadline: float) -> bool:
    """Trains until the stage or the time is over; returns whether the stage is complete."""
    examples = prepare(run, bank, device)
    config, text_dropout = run.config.diffusion_stage, run.config.text_dropout
    torch.manual_seed(run.config.seed)
    network = Denoiser(run.config).to(device)

    def step_loss(step: int) -> Tensor:
        latents, tokens = examples.batch(bank, config.batch_size, step)
        return loss(network, latents, tokens, text_dropout)

    return Training(run, Stage(STAGE, config, network, step_loss)).go_on(device, deadline)


def loss(network: Denoiser, latents: Tensor, tokens: Tensor, text_dropout: float) -> Tensor:
    """Mean squared error of the predicted noise (Ho et al. 2020, equation 14), at one timestep per row."""
    device = latents.device
    timesteps = torch.randint(NUM_TRAIN_TIMESTEPS, (len(latents),), device=device)
    noise = torch.randn_like(latents)
    dropped = torch.rand(len(latents), device=device) < text_dropout
    alpha = cosine_alphas().to(device)[timesteps][:, None, None, None]
    noisy = alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
    predicted = network(noisy, timesteps, tokens, dropped)
    return F.mse_loss(predicted.float(), noise)


def prepare(run: Run, bank: Bank, device: torch.device) -> Examples:
    """Encodes all pictures and captions of the bank once, and keeps the result in the run's folder."""
    cached = run.load("examples")
    if cached is None:
        tokenizer = load_tokenizer(run, bank)
        cached = {"latents": _encode(run, bank, device), "tokens": _tokenize(tokenizer, bank.captions)}
        run.save("examples", cached)
    return Examples(cached["latents"].to(device), cached["tokens"].to(device))


def load_tokenizer(run: Run, bank: Bank) -> PreTrainedTokenizerFast:
    """The run's tokenizer, trained on the first call."""
    folder, config = run.folder / "tokenizer", run.config.text_encoder
    if not folder.exists():
        partial = folder.with_name("tokenizer.partial")
        train_tokenizer(bank.captions, config.vocab_size, config.max_tokens).save_pretrained(partial)
        partial.rename(folder)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    assert isinstance(tokenizer, PreTrainedTokenizerFast)
    return tokenizer


def _tokenize(tokenizer: PreTrainedTokenizerFast, captions: list[str]) -> Tensor:
    return torch.as_tensor(
        tokenizer(captions, padding=True, truncation=True, return_tensors="pt")["input_ids"]
    )


@torch.inference_mode()
def _encode(run: Run, bank: Bank, device: torch.device) -> Tensor:
    movq = load_autoencoder(run).to(device)
    parts = [movq.encode(to_tensor(bank.pixels[i : i + 64]).to(device)) for i in range(0, len(bank), 64)]
    return torch.cat(parts).half().cpu().clone()
