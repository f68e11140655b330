"""Latents and captions of rendered pictures, computed once and kept in the run's folder."""

import tempfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from model.training.autoencoder import load_autoencoder
from model.training.bank import Bank, to_tensor
from model.training.compositions import Frame
from model.training.config import ResolutionStage
from model.training.run import NotTrained, Run, copy_atomically
from model.training.tokenizer import train_tokenizer

#: Pictures that are encoded at once.
BATCH = 64


class Examples:
    """The pictures of a stage as latents, with their captions as token ids, on the training device."""

    def __init__(self, run: Run, stage: ResolutionStage, device: torch.device) -> None:
        self.seed = run.config.data.seed
        self.parts = [_prepare(run, frame, stage.num_pictures, device) for frame in stage.frames]

    def batch(self, size: int, step: int) -> tuple[Tensor, Tensor]:
        """What a step trains on: latents (B, 4, h, w) of one of the sizes, and token ids (B, L)."""
        return self.take(*self.choose(size, step))

    def choose(self, size: int, step: int) -> tuple[int, NDArray[np.int64]]:
        """Of which size a step's pictures are, and which they are, (B,)."""
        part = step % len(self.parts)
        return part, np.random.default_rng((self.seed, step)).integers(0, len(self.parts[part][0]), size)

    def take(self, part: int, indices: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Latents and token ids of some pictures, without columns that are padding in all rows."""
        latents, tokens = (values[torch.from_numpy(indices).to(values.device)] for values in self.parts[part])
        return latents.float(), tokens[:, : int((tokens != 0).sum(dim=1).max())]


def load_tokenizer(run: Run) -> PreTrainedTokenizerFast:
    """The run's tokenizer. Raises NotTrained before it is."""
    folder = run.folder / "tokenizer"
    if not folder.exists():
        raise NotTrained(f"{run.folder} has no tokenizer yet: it is trained with the base")
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    assert isinstance(tokenizer, PreTrainedTokenizerFast)
    return tokenizer


def tokenize(tokenizer: PreTrainedTokenizerFast, captions: list[str]) -> Tensor:
    """Token ids (N, L), zeros on the right."""
    return torch.as_tensor(
        tokenizer(captions, padding=True, truncation=True, return_tensors="pt")["input_ids"]
    )


def _prepare(run: Run, frame: Frame, count: int, device: torch.device) -> tuple[Tensor, Tensor]:
    name = f"examples-{frame.width}x{frame.height}-{count}"
    cached = run.load(name)
    if cached is None:
        bank = Bank(run.config.data, frame, count, run.pictures)
        _train_tokenizer(run, bank.captions)
        tokens = tokenize(load_tokenizer(run), bank.captions)
        cached = {"latents": _encode(run, bank, device), "tokens": tokens}
        run.save(name, cached)
    return cached["latents"].to(device), cached["tokens"].to(device)


def _train_tokenizer(run: Run, captions: list[str]) -> None:
    """Trains the tokenizer, unless it is there: all stages share that of the first."""
    folder, config = run.folder / "tokenizer", run.config.base.text_encoder
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=run.folder) as written:
            train_tokenizer(captions, config.vocab_size, config.max_tokens).save_pretrained(written)
            copy_atomically(Path(written), folder)


@torch.inference_mode()
def _encode(run: Run, bank: Bank, device: torch.device) -> Tensor:
    movq = load_autoencoder(run).movq.to(device)
    parts = []
    for first in range(0, len(bank), BATCH):
        pictures = to_tensor(bank.pixels[first : first + BATCH]).to(device)
        with torch.autocast(device.type, torch.bfloat16):
            parts.append(movq.encode(pictures).half().cpu())
    return torch.cat(parts).clone()
