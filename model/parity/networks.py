"""Each network, with the weights and inputs of a file, beside the outputs that the file holds."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence
from transformers import T5Config, T5EncoderModel

from model.layouts import PROJECTION, movq_name, movq_tensor, unet_name
from model.movq import MoVQ, MoVQConfig
from model.parity.golden import Golden, Pairs
from model.superres import SuperResConfig, SuperResUNet
from model.t5 import EMBEDDING
from model.text_encoder import PromptEncoder, TextConditioner
from model.unet import TextContext, TextFeatures, TextProjection, UNet, UNetConfig
from model.weights import CheckpointError, StoredTensor, build, fill


def unet(golden: Golden) -> Pairs:
    """Each row alone, and all of them in one batch, as the engine joins them."""
    config = UNetConfig.from_original(golden.config)
    # The recorded context is projected already, so that our projection has nothing to do.
    unused = TextProjection(config.encoder_dim, config.context_dim).state_dict()
    weights = [
        *golden.weights("weights.", unet_name),
        *(StoredTensor(golden.file, f"encoder_hid_proj.{name}", tensor) for name, tensor in unused.items()),
    ]
    network = fill(build(lambda: UNet(config)), weights, torch.float32, golden.file)
    x, timesteps, recorded = golden["x"], golden["time"], golden["output"]
    rows = [
        network.encode_text(_context(states, length))
        for states, length in zip(golden["context"], golden["length"].tolist(), strict=True)
    ]
    for i, row in enumerate(rows):
        yield network(x[i : i + 1], timesteps[i : i + 1], row, row.mask()), recorded[i : i + 1]
    text = TextFeatures.collate(rows)
    yield network(x, timesteps, text, text.mask()), recorded


def _context(states: Tensor, length: int) -> TextContext:
    """A prompt's own tokens; one token of padding counts in the mean."""
    counted = states[None, : length + 1]
    own = counted[:, :length]
    return TextContext(own, torch.ones_like(own[:, :, 0], dtype=torch.bool), counted.mean(dim=1))


def movq(golden: Golden) -> Pairs:
    """Picture to latent, and latent to picture."""
    config = MoVQConfig.from_original(golden.config)
    num_levels = len(config.block_out_channels)
    weights = (
        replace(stored, tensor=movq_tensor(stored.name, stored.tensor))
        for stored in golden.weights("weights.", lambda name: movq_name(name, num_levels))
    )
    network = fill(build(lambda: MoVQ(config)), weights, torch.float32, golden.file)
    yield network.encode(golden["image"]), golden["latent"]
    yield network.decode(golden["latent"]), golden["decoded"]


@dataclass(frozen=True)
class RecordedTokens:
    """Stands for a tokenizer: gives the token ids of the file."""

    ids: list[list[int]]

    def __call__(self, text: list[str], *, truncation: bool, max_length: int) -> dict[str, list[list[int]]]:
        return {"input_ids": self.ids}


def text_encoder(golden: Golden) -> Pairs:
    """Token ids to context; padding is zero after the projection."""
    network = _t5(golden)
    context_dim, encoder_dim = golden["projection.0.weight"].shape
    projection = fill(
        build(lambda: TextProjection(encoder_dim, context_dim)),
        golden.weights("projection.", lambda name: PROJECTION[name].removeprefix("encoder_hid_proj.")),
        torch.float32,
        golden.file,
    )
    lengths = golden["attention_mask"].sum(dim=1).tolist()
    ids = [row[:length].tolist() for row, length in zip(golden["input_ids"], lengths, strict=True)]
    conditioner = TextConditioner(projection, null_embedding=torch.zeros(context_dim))
    states = PromptEncoder(RecordedTokens(ids), network).encode([""] * len(ids))
    contexts = [conditioner.condition_prompt(row).states[0] for row in states]
    padding = golden["context"].shape[1] - max(lengths)
    yield F.pad(pad_sequence(contexts, batch_first=True), (0, 0, 0, padding)), golden["context"]


def _t5(golden: Golden) -> T5EncoderModel:
    """The encoder, whose embedding the file holds under two names."""
    network = build(lambda: T5EncoderModel(T5Config.from_dict(golden.config)))
    network.set_input_embeddings(network.shared)
    first, second = EMBEDDING
    weights = golden.weights("text_encoder.", lambda name: first if name == second else name)
    unique = {stored.name: stored for stored in weights}
    return fill(network, unique.values(), torch.float32, golden.file)


def unet_superres(golden: Golden) -> Pairs:
    """The network of super-resolution."""
    config = SuperResConfig.from_original(golden.config)
    network = build(lambda: SuperResUNet(config))
    fill(network, golden.weights("weights."), torch.float32, golden.file)
    yield network(golden["x"], golden["time"], golden["lowres"]), golden["output"]


def unet_video(golden: Golden) -> Pairs:
    """The network of video, which we do not have."""
    raise CheckpointError("video is not supported yet")
